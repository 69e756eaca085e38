package platform_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metricsv1 "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	tracesv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/ovasabi/ovasabi/internal/apitest"
	"github.com/ovasabi/ovasabi/internal/platform"
	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/campaign"
)

// receiver is an OTLP receiver, by gRPC and by HTTP.
type receiver struct {
	tracesv1.UnimplementedTraceServiceServer
	mu      sync.Mutex
	spans   []*tracev1.Span
	about   map[string]string // attributes of the resource
	metrics map[string]bool
	all     bytes.Buffer // everything as it came, to look for what must not be in it
}

func (r *receiver) tookTraces(m *tracesv1.ExportTraceServiceRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprint(&r.all, m)
	for _, rs := range m.GetResourceSpans() {
		r.about = attributes(rs.GetResource().GetAttributes())
		for _, ss := range rs.GetScopeSpans() {
			r.spans = append(r.spans, ss.GetSpans()...)
		}
	}
}

func (r *receiver) tookMetrics(m *metricsv1.ExportMetricsServiceRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.metrics == nil {
		r.metrics = map[string]bool{}
	}
	for _, rm := range m.GetResourceMetrics() {
		for _, sm := range rm.GetScopeMetrics() {
			for _, each := range sm.GetMetrics() {
				r.metrics[each.GetName()] = true
			}
		}
	}
}

// Export takes traces by gRPC.
func (r *receiver) Export(_ context.Context, m *tracesv1.ExportTraceServiceRequest) (*tracesv1.ExportTraceServiceResponse, error) {
	r.tookTraces(m)
	return &tracesv1.ExportTraceServiceResponse{}, nil
}

// ServeHTTP takes traces and metrics by HTTP.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	var body io.Reader = request.Body
	if request.Header.Get("Content-Encoding") == "gzip" {
		plain, err := gzip.NewReader(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = plain
	}
	text, err := io.ReadAll(body)
	var traces tracesv1.ExportTraceServiceRequest
	var metrics metricsv1.ExportMetricsServiceRequest
	switch {
	case err != nil:
	case request.URL.Path == "/v1/traces":
		if err = proto.Unmarshal(text, &traces); err == nil {
			r.tookTraces(&traces)
		}
	case request.URL.Path == "/v1/metrics":
		if err = proto.Unmarshal(text, &metrics); err == nil {
			r.tookMetrics(&metrics)
		}
	default:
		http.NotFound(w, request)
	}
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
	}
}

func attributes(all []*commonv1.KeyValue) map[string]string {
	m := map[string]string{}
	for _, a := range all {
		m[a.GetKey()] = a.GetValue().GetStringValue()
		if v, ok := a.GetValue().GetValue().(*commonv1.AnyValue_IntValue); ok {
			m[a.GetKey()] = fmt.Sprint(v.IntValue)
		}
	}
	return m
}

const parentTrace = "4bf92f3577b34da6a3ce929d0e0e4736"

// search calls the API once, below a caller's trace.
func search(t *testing.T, p *apitest.Platform) {
	t.Helper()
	id := p.Campaign(t, "a")
	created, err := p.Keys.Create(token.Grant{Subject: "ada", Role: token.Reader, Campaigns: []campaign.ID{id}, TTL: time.Hour})
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/ovasabi.content.v1.ContentService/SearchContent",
		strings.NewReader(`{"campaignId": "`+id.String()+`", "query": "zeppelin"}`))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+created.Text)
	r.Header.Set("Traceparent", "00-"+parentTrace+"-00f067aa0ba902b7-01")
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode, string(body))
}

// checkTrace asserts one trace from the caller over the call to its statements.
func (r *receiver) checkTrace(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var call *tracev1.Span
	children := 0
	for _, s := range r.spans {
		if s.GetName() == "ovasabi.content.v1.ContentService/SearchContent" {
			call = s
		}
	}
	require.NotNil(t, call, "the call has a span")
	require.Equal(t, parentTrace, fmt.Sprintf("%x", call.GetTraceId()), "below the caller's")
	require.Equal(t, "1", attributes(call.GetAttributes())["ovasabi.campaign_id"])
	for _, s := range r.spans {
		if bytes.Equal(s.GetTraceId(), call.GetTraceId()) && s != call {
			children++
		}
	}
	require.Positive(t, children, "the statements stand in the same trace")
	require.NotContains(t, r.all.String(), "zeppelin", "a parameter's value travelled")
}

func TestTracesAndMetricsGoWhereTheEnvironmentSays(t *testing.T) {
	var r receiver
	web := httptest.NewServer(&r)
	t.Cleanup(web.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", web.URL)
	t.Setenv("OTEL_SERVICE_NAME", "shop")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
	p := apitest.StartPlatform(t)
	search(t, p)
	// Nothing has waited for the exporters' own intervals: it is the end that sends the rest.
	p.Stop()
	r.checkTrace(t)
	require.Equal(t, "shop", r.about["service.name"])
	require.Equal(t, "test", r.about["deployment.environment.name"])
	for _, name := range []string{"ovasabi_rpc_duration_seconds", "ovasabi_pg_up", "db_client_operation_duration_seconds", "go_goroutines"} {
		require.True(t, r.metrics[name], "%s among %d metrics", name, len(r.metrics))
	}
}

func TestTracesByGRPC(t *testing.T) {
	var r receiver
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := grpc.NewServer()
	tracesv1.RegisterTraceServiceServer(s, &r)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		require.NoError(t, <-done)
	})
	t.Setenv("OTEL_TRACES_EXPORTER", "otlp")
	t.Setenv("OTEL_METRICS_EXPORTER", "none")
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+l.Addr().String())
	p := apitest.StartPlatform(t)
	search(t, p)
	p.Stop()
	r.checkTrace(t)
	require.Equal(t, "ovasabi", r.about["service.name"])
	require.Empty(t, r.metrics)
}

// A receiver that is away costs nothing but its data: calls go on and the end has a deadline.
func TestAReceiverThatIsAwayStopsNothing(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	p := apitest.StartPlatform(t)
	search(t, p)
	begun := time.Now()
	p.Stop()
	require.Less(t, time.Since(begun), 30*time.Second)
	require.Contains(t, p.Log.String(), "OTEL_EXPORTER_OTLP_ENDPOINT", "and the log says so")
}

func TestWithoutTheEnvironmentNothingIsTraced(t *testing.T) {
	p := apitest.StartPlatform(t)
	search(t, p)
	p.Stop()
	require.NotContains(t, p.Log.String(), "OpenTelemetry")
}

func TestAWrongExporterIsNamed(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "carrier-pigeon")
	_, err := platform.Open(t.Context(), apitest.PlatformConfig(t), platform.Addresses{App: "postgres://127.0.0.1:1/none"}, nil, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "OTEL_TRACES_EXPORTER")
	require.ErrorContains(t, err, "carrier-pigeon")
}
