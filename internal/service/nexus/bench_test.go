package nexus_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/structpb"

	nexusv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/nexus/v1"
	"github.com/ovasabi/ovasabi/api/gen/ovasabi/nexus/v1/nexusv1connect"
	"github.com/ovasabi/ovasabi/internal/apitest"
	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/server"
	"github.com/ovasabi/ovasabi/internal/service/nexus"
	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/campaign"
)

func benchPayload() *structpb.Value {
	v, _ := structpb.NewValue(map[string]any{"order": 1042, "total": "129.90", "currency": "EUR", "items": []any{"a-1", "b-2"}, "paid": true})
	return v
}

const benchPayloadJSON = `{"order":1042,"total":"129.90","currency":"EUR","items":["a-1","b-2"],"paid":true}`

func emptied(b *testing.B, a *apitest.API) {
	b.Helper()
	_, err := a.DB.Owner(b).Exec(context.Background(), `TRUNCATE ovasabi.service_event`)
	require.NoError(b, err)
	_, err = a.DB.Owner(b).Exec(context.Background(), `CHECKPOINT`)
	require.NoError(b, err)
}

func noRateLimit(c *server.Config, _ *server.Dependencies) { c.RatePerToken = 0 }

// Events through 64 streams over loopback, against a plain COPY of the same rows
// by the table's owner. The figure is events/s; one iteration is 64,000 events.
func BenchmarkIngest(b *testing.B) {
	const streams, perStream, perMessage = 64, 1000, 100
	a := apitest.Start(b, noRateLimit)
	var ids []campaign.ID
	for i := range 8 {
		ids = append(ids, a.Campaign(b, fmt.Sprint("c", i)))
	}
	payload := benchPayload()
	report := func(b *testing.B, spent time.Duration) {
		b.ReportMetric(float64(b.N*streams*perStream)/spent.Seconds(), "events/s")
	}
	for _, campaigns := range []int{1, 8} {
		b.Run(fmt.Sprintf("streams/campaigns=%d", campaigns), func(b *testing.B) {
			client := nexusv1connect.NewNexusServiceClient(a.Client(b, a.Token(b, token.Writer, ids...)), a.URL, connect.WithGRPC())
			var spent time.Duration
			for b.Loop() {
				b.StopTimer()
				emptied(b, a)
				messages := make([][]*nexusv1.IngestEventsRequest, streams)
				for s := range messages {
					for m := range perStream / perMessage {
						r := &nexusv1.IngestEventsRequest{CampaignId: ids[s%campaigns].Int64()}
						for i := range perMessage {
							r.Events = append(r.Events, &nexusv1.EventRequest{
								EventId: fmt.Sprintf("0f8fad5b-d9cb-469f-%04d-%06d", s, m*perMessage+i), EventType: "shop:order:v1:success", EntityId: "order/1042", Payload: payload,
							})
						}
						messages[s] = append(messages[s], r)
					}
				}
				b.StartTimer()
				begun := time.Now()
				var all sync.WaitGroup
				for s := range streams {
					all.Go(func() { ingestAll(b, client, messages[s], perStream) })
				}
				all.Wait()
				spent += time.Since(begun)
			}
			report(b, spent)
		})
	}
	b.Run("copy", func(b *testing.B) {
		conn, err := pgx.Connect(b.Context(), a.DB.OwnerURL)
		require.NoError(b, err)
		defer func() { _ = conn.Close(context.Background()) }()
		var spent time.Duration
		for b.Loop() {
			b.StopTimer()
			emptied(b, a)
			b.StartTimer()
			begun := time.Now()
			_, err := conn.CopyFrom(b.Context(), pgx.Identifier{"ovasabi", "service_event"},
				[]string{"campaign_id", "event_id", "event_type", "entity_id", "occurred_at", "metadata", "payload"},
				pgx.CopyFromSlice(streams*perStream, func(i int) ([]any, error) {
					return []any{ids[0].Int64(), fmt.Sprintf("0f8fad5b-d9cb-469f-%04d-%06d", i/perStream, i%perStream), "shop:order:v1:success", "order/1042", begun, "{}", benchPayloadJSON}, nil
				}))
			require.NoError(b, err)
			spent += time.Since(begun)
		}
		report(b, spent)
	})
}

func ingestAll(b *testing.B, client nexusv1connect.NexusServiceClient, messages []*nexusv1.IngestEventsRequest, events int) {
	stream := client.IngestEvents(b.Context())
	done := make(chan error, 1)
	go func() {
		n := 0
		for n < events {
			m, err := stream.Receive()
			if err != nil {
				done <- err
				return
			}
			for _, r := range m.GetReceipts() {
				if r.GetOutcome() != acceptedOutcome {
					done <- fmt.Errorf("%v", r)
					return
				}
				n++
			}
		}
		done <- nil
	}()
	for _, m := range messages {
		if err := stream.Send(m); err != nil {
			b.Error(err)
			break
		}
	}
	_ = stream.CloseRequest()
	if err := <-done; err != nil {
		b.Error(err)
	}
	_ = stream.CloseResponse()
}

// durable is a scope and a campaign on a server of its own that writes to the disk, unlike that of the tests.
func durable(b *testing.B) (scope *campaign.Scope, id campaign.ID, owner, app *pgxpool.Pool) {
	b.Helper()
	ownerURL, appURL := pgtest.Durable(b)
	owner, app = pgtest.Pool(b, ownerURL, 2, nil), pgtest.Pool(b, appURL, 50, nil)
	var made int64
	require.NoError(b, owner.QueryRow(b.Context(), `INSERT INTO ovasabi.service_campaign_main (slug, name) VALUES ('c', 'c') RETURNING id`).Scan(&made))
	return campaign.NewScope(app), campaign.ID(made), owner, app
}

const insertOneSQL = `
INSERT INTO ovasabi.service_event (campaign_id, event_id, event_type, entity_id, payload)
VALUES ($1, $2, $3, $4, $5::text::jsonb)
ON CONFLICT (campaign_id, event_id) DO NOTHING`

// insertACall answers EmitEvent with one INSERT of its own.
type insertACall struct {
	nexusv1connect.UnimplementedNexusServiceHandler

	scope *campaign.Scope
	id    campaign.ID
}

func (h insertACall) insert(ctx context.Context, eventID string) error {
	_, err := h.scope.Exec(campaign.NewContext(ctx, h.id), insertOneSQL, h.id.Int64(), eventID, "shop:order:v1:success", "order/1042", benchPayloadJSON)
	return err
}

func (h insertACall) EmitEvent(ctx context.Context, r *connect.Request[nexusv1.EmitEventRequest]) (*connect.Response[nexusv1.EmitEventResponse], error) {
	if err := h.insert(ctx, r.Msg.GetEvent().GetEventId()); err != nil {
		return nil, err
	}
	return connect.NewResponse(&nexusv1.EmitEventResponse{Receipt: &nexusv1.EventReceipt{Outcome: acceptedOutcome}}), nil
}

// emitClient starts a server with one service and returns a client of it.
func emitClient(b *testing.B, pool *pgxpool.Pool, id campaign.ID, service server.Service) nexusv1connect.NexusServiceClient {
	b.Helper()
	quiet := slog.New(slog.DiscardHandler)
	text, err := token.NewKeysJSON()
	require.NoError(b, err)
	ring, err := token.NewRing(token.Config{Keys: string(text)}, quiet)
	require.NoError(b, err)
	revocations := token.NewRevocations(pool, quiet)
	require.NoError(b, revocations.Refresh(b.Context()))
	config := server.DefaultConfig()
	config.Addr, config.RatePerToken = "127.0.0.1:0", 0
	s, err := server.New(config, server.Dependencies{
		Log: quiet, Registry: prometheus.NewRegistry(), Ring: ring, Revocations: revocations, Services: []server.Service{service},
	})
	require.NoError(b, err)
	url, err := s.Listen(b.Context())
	require.NoError(b, err)
	ctx, stop := context.WithCancel(context.WithoutCancel(b.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	b.Cleanup(func() {
		stop()
		require.NoError(b, <-ended)
	})
	made, err := ring.Keys().Create(token.Grant{Subject: "bench", Role: token.Writer, Campaigns: []campaign.ID{id}, TTL: time.Hour})
	require.NoError(b, err)
	return nexusv1connect.NewNexusServiceClient((&apitest.API{}).Client(b, made.Text), url, connect.WithGRPC())
}

// 256 callers of one event each, who wait for its commit to the disk: one INSERT a
// call over a pool of 50, against events that are gathered. Once as the calls are in
// the process, and once through the whole server, whose protocol then costs both
// sides the same.
func BenchmarkEmitOneByOne(b *testing.B) {
	const callers = 256
	payload := benchPayload()
	run := func(b *testing.B, one func(n int64) error) {
		b.Helper()
		var next atomic.Int64
		b.ResetTimer()
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
					if err := one(n); err != nil {
						b.Error(err)
					}
				}
			})
		}
		all.Wait()
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	}
	event := func(n int64) *nexusv1.EventRequest {
		return &nexusv1.EventRequest{EventId: fmt.Sprint("e", n), EventType: "shop:order:v1:success", EntityId: "order/1042", Payload: payload}
	}
	scope, id, owner, app := durable(b)
	ctx := campaign.NewContext(b.Context(), id)
	empty := func() {
		_, err := owner.Exec(ctx, `TRUNCATE ovasabi.service_event`)
		require.NoError(b, err)
		_, err = owner.Exec(ctx, `CHECKPOINT`)
		require.NoError(b, err)
	}
	plain := insertACall{scope: scope, id: id}
	gathered := nexus.NewService(nexus.Dependencies{Scope: scope, Log: slog.New(slog.DiscardHandler)})
	b.Cleanup(func() { require.NoError(b, gathered.Close()) })
	report := func(b *testing.B, before float64) {
		b.ReportMetric(float64(b.N)/(flushesOf(b, gathered.Processor())-before), "events/flush")
	}
	b.Run("calls/insert", func(b *testing.B) {
		empty()
		run(b, func(n int64) error { return plain.insert(ctx, fmt.Sprint("e", n)) })
	})
	b.Run("calls/gathered", func(b *testing.B) {
		empty()
		before := flushesOf(b, gathered.Processor())
		run(b, func(n int64) error { return gathered.Processor().ProcessEvents(ctx, []*nexusv1.EventRequest{event(n)}) })
		report(b, before)
	})
	overServer := func(b *testing.B, client nexusv1connect.NexusServiceClient) {
		run(b, func(n int64) error {
			_, err := client.EmitEvent(b.Context(), connect.NewRequest(&nexusv1.EmitEventRequest{Event: event(n)}))
			return err
		})
	}
	b.Run("server/insert", func(b *testing.B) {
		empty()
		service := gathered.RPC()
		service.Handler = func(options ...connect.HandlerOption) (string, http.Handler) {
			return nexusv1connect.NewNexusServiceHandler(plain, options...)
		}
		overServer(b, emitClient(b, app, id, service))
	})
	b.Run("server/gathered", func(b *testing.B) {
		empty()
		before := flushesOf(b, gathered.Processor())
		overServer(b, emitClient(b, app, id, gathered.RPC()))
		report(b, before)
	})
}

// The time from an event to its durable answer where 8 callers send 100 events a second each.
func BenchmarkAnswerAtLightLoad(b *testing.B) {
	a := apitest.Start(b)
	id := a.Campaign(b, "one")
	client := nexusv1connect.NewNexusServiceClient(a.Client(b, a.Token(b, token.Writer, id)), a.URL, connect.WithGRPC())
	var mu sync.Mutex
	var took []time.Duration
	var next atomic.Int64
	b.ResetTimer()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				<-tick.C
				begun := time.Now()
				_, err := client.EmitEvent(b.Context(), connect.NewRequest(&nexusv1.EmitEventRequest{Event: newEvent(id, fmt.Sprint(n))}))
				if err != nil {
					b.Error(err)
				}
				mu.Lock()
				took = append(took, time.Since(begun))
				mu.Unlock()
			}
		})
	}
	all.Wait()
	slices.Sort(took)
	for _, p := range []int{50, 99} {
		b.ReportMetric(float64(took[len(took)*p/100].Microseconds())/1000, fmt.Sprintf("p%d-ms", p))
	}
	b.ReportMetric(float64(nexus.DefaultProcessorConfig().FlushTimeout.Milliseconds())+10, "target-p99-ms")
}

// flushesOf counts the flushes of a processor.
func flushesOf(b *testing.B, p *nexus.BatchEventProcessor) (n float64) {
	b.Helper()
	registry := prometheus.NewRegistry()
	require.NoError(b, registry.Register(p))
	families, err := registry.Gather()
	require.NoError(b, err)
	for _, f := range families {
		if f.GetName() == "ovasabi_event_flushes_total" {
			for _, m := range f.GetMetric() {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}
