// Package telemetry sends traces and metrics by OpenTelemetry, where and how its
// standard environment variables say. Where none of them says so nothing is made,
// nothing is sent and nothing is measured for it.
//
// Sources: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
// and https://opentelemetry.io/docs/specs/otel/protocol/exporter/.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	bridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// ServiceName is what OTEL_SERVICE_NAME defaults to.
const ServiceName = "ovasabi"

// flushTimeout bounds how long Close waits for a receiver.
const flushTimeout = 5 * time.Second

// Telemetry is what sends. The zero value sends nothing.
type Telemetry struct {
	log     *slog.Logger
	traces  *sdktrace.TracerProvider
	metrics *metric.MeterProvider
}

// making guards what autoexport keeps for the whole process.
var making sync.Mutex

// Open starts to send what the environment asks for: traces, and everything that
// the registry gathers. An Invalid fault names the variable that is wrong. A
// receiver that is away is no error: it is logged, at most once a minute, and
// tried again.
func Open(ctx context.Context, figures prometheus.Gatherer, log *slog.Logger) (*Telemetry, error) {
	t := &Telemetry{log: log}
	traces, metrics := wanted("TRACES"), wanted("METRICS")
	if !traces && !metrics {
		return t, nil
	}
	// The environment has the last word on each attribute.
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", ServiceName), attribute.String("service.version", version())),
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithFromEnv())
	if err != nil {
		return nil, wrong("OTEL_RESOURCE_ATTRIBUTES", err)
	}
	otel.SetErrorHandler(newTeller(log))
	if traces {
		if err := t.openTraces(ctx, about); err != nil {
			return nil, err
		}
	}
	if metrics {
		if err := t.openMetrics(ctx, about, figures); err != nil {
			return nil, errors.Join(err, t.Close())
		}
	}
	log.InfoContext(ctx, "OpenTelemetry is on", slog.Bool("traces", traces), slog.Bool("metrics", metrics))
	return t, nil
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return ""
}

// wanted tells whether the environment asks for a signal, TRACES or METRICS: by
// naming an exporter, or an address to send to.
func wanted(signal string) bool {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return false
	}
	switch os.Getenv("OTEL_" + signal + "_EXPORTER") {
	case "none":
		return false
	case "":
		return os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT") != ""
	default:
		return true
	}
}

func (t *Telemetry) openTraces(ctx context.Context, about *resource.Resource) error {
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return wrong("OTEL_TRACES_EXPORTER", err)
	}
	// The sampler and the limits are read from the environment by the provider itself.
	t.traces = sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	return nil
}

func (t *Telemetry) openMetrics(ctx context.Context, about *resource.Resource, figures prometheus.Gatherer) error {
	making.Lock()
	defer making.Unlock()
	autoexport.WithFallbackMetricProducer(func(context.Context) (metric.Producer, error) {
		return bridge.NewMetricProducer(bridge.WithGatherer(figures)), nil
	})
	reader, err := autoexport.NewMetricReader(ctx)
	if err != nil {
		return wrong("OTEL_METRICS_EXPORTER", err)
	}
	t.metrics = metric.NewMeterProvider(metric.WithReader(reader), metric.WithResource(about))
	return nil
}

func wrong(variable string, err error) error {
	return &fault.Error{Kind: fault.Invalid, Field: variable, Message: fmt.Sprintf("cannot be %q: %v", os.Getenv(variable), err), Err: err}
}

// Traces makes spans; nil where no traces are sent.
func (t *Telemetry) Traces() trace.TracerProvider {
	if t.traces == nil {
		return nil
	}
	return t.traces
}

// Close sends what is still held, within five seconds, and ends. What could not
// be sent is lost, and the error says so.
func (t *Telemetry) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	var failed error
	if t.traces != nil {
		failed = errors.Join(failed, t.traces.Shutdown(ctx))
	}
	if t.metrics != nil {
		failed = errors.Join(failed, t.metrics.Shutdown(ctx))
	}
	t.traces, t.metrics = nil, nil
	if failed != nil {
		return fault.New(fault.Unavailable, "the last traces or metrics were not sent: %w", failed)
	}
	return nil
}
