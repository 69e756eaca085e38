package nexus_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	nexusv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/nexus/v1"
	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/service/nexus"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// wire is a network between a processor and the database that can be broken.
type wire struct {
	proxy *toxiproxy.Proxy
	scope *campaign.Scope
}

func newWire(t testing.TB, db table) wire {
	t.Helper()
	w := wire{}
	pool := pgtest.Pool(t, db.AppURL, 4, func(c *pgxpool.Config) { w.proxy = proxied(t, c.ConnConfig) })
	w.scope = campaign.NewScope(pool)
	return w
}

// proxied has the connections go through a proxy.
func proxied(t testing.TB, config *pgx.ConnConfig) *toxiproxy.Proxy {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	upstream := net.JoinHostPort(config.Host, fmt.Sprint(config.Port))
	proxy := toxiproxy.NewProxy(server, t.Name(), "127.0.0.1:0", upstream)
	require.NoError(t, proxy.Start())
	t.Cleanup(proxy.Stop)
	listening := proxy.Listen
	config.DialFunc = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, listening)
	}
	config.ConnectTimeout = time.Second
	return proxy
}

// poison makes the network behave badly until the returned function is called.
func (w wire) poison(t testing.TB, kind string, attributes map[string]any) (heal func()) {
	t.Helper()
	text, err := json.Marshal(map[string]any{"name": "t", "type": kind, "stream": "downstream", "attributes": attributes})
	require.NoError(t, err)
	_, err = w.proxy.Toxics.AddToxicJson(bytes.NewReader(text))
	require.NoError(t, err)
	return func() { require.NoError(t, w.proxy.Toxics.RemoveToxic(context.WithoutCancel(t.Context()), "t")) }
}

func TestADatabaseThatDoesNotAnswerIsWaitedFor(t *testing.T) {
	db := newTable(t, 4)
	w := newWire(t, db)
	p := closing(t, w.scope, nexus.ProcessorConfig{BatchSize: 50, BufferEvents: 200, WriteTimeout: 300 * time.Millisecond})
	for id := range campaign.ID(4) {
		require.NoError(t, p.ProcessEvents(inside(t, id+1), eventsNamed("warm", 1)))
	}
	heal := w.poison(t, "timeout", map[string]any{"timeout": 0})
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			require.NoError(t, p.ProcessEvents(inside(t, campaign.ID(i%4+1)), eventsNamed(fmt.Sprint("c", i, "-"), 25)))
		})
	}
	require.Eventually(t, func() bool { return p.Held().Waiting > 0 }, patience, time.Millisecond)
	for range 200 { // several attempts run into their time limit meanwhile
		require.LessOrEqual(t, p.Held().Events, 200)
		time.Sleep(5 * time.Millisecond)
	}
	heal()
	all.Wait()
	require.Len(t, db.names(t), 504)
}

// The connection breaks in the middle of answers, so that commits happen which
// nobody hears of: nothing is written twice and nothing is lost.
func TestConnectionsThatBreakLoseAndDoubleNothing(t *testing.T) {
	db := newTable(t, 3)
	w := newWire(t, db)
	p := closing(t, w.scope, nexus.ProcessorConfig{BatchSize: 40, WriteTimeout: time.Second})
	heal := w.poison(t, "limit_data", map[string]any{"bytes": 9000}) // a few flushes a connection
	var all sync.WaitGroup
	for i := range 24 {
		all.Go(func() {
			for round := range 5 {
				require.NoError(t, p.ProcessEvents(inside(t, campaign.ID(i%3+1)), eventsNamed(fmt.Sprint("c", i, "-", round, "-"), 20)))
			}
		})
	}
	all.Wait()
	heal()
	require.Len(t, db.names(t), 24*5*20)
	require.Positive(t, testutil.CollectAndCount(p, "ovasabi_event_flush_retries_total"), "connections did break")
}

// told is what callers were told of the events of a run.
type told struct {
	mu       sync.Mutex
	accepted map[string][]int64
	ids      map[string][]int64 // accepted and duplicate
	failed   int
}

func (o *told) note(id campaign.ID, receipts []*nexusv1.EventReceipt) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range receipts {
		name := id.String() + "/" + r.GetEventId()
		switch r.GetOutcome() {
		case acceptedOutcome:
			o.accepted[name] = append(o.accepted[name], r.GetId())
			o.ids[name] = append(o.ids[name], r.GetId())
		case duplicateOutcome:
			o.ids[name] = append(o.ids[name], r.GetId())
		case failedOutcome:
			o.failed++
		}
	}
}

// Two processors, as two processes would have them, on one database; callers that
// repeat each other's events and go away; flushes that fail and panic. Whatever
// happens: who was told that an event is written finds it under the id that he
// was told, it is there once, and it was accepted at most once.
func TestNothingIsLostOrDoubledWhateverHappens(t *testing.T) {
	const campaigns, callers, rounds = 3, 16, 25
	db := newTable(t, campaigns)
	var processors []*nexus.BatchEventProcessor
	for n := range 2 {
		random := rand.New(rand.NewPCG(uint64(n), 7))
		var mu sync.Mutex
		s := &shaky{Scope: db.scope, every: 3, fail: func(int64) error {
			mu.Lock()
			defer mu.Unlock()
			switch random.IntN(6) {
			case 0:
				panic("on purpose")
			case 1, 2:
				return fault.New(fault.Unavailable, "on purpose")
			default:
				return nil
			}
		}}
		processors = append(processors, processor(t, database.Querier(s), nexus.ProcessorConfig{BatchSize: 30, BufferEvents: 120}))
	}
	outcome := told{accepted: map[string][]int64{}, ids: map[string][]int64{}}
	certain := map[string]bool{} // sent by a caller that stayed, and not told to send again
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(c), 1))
			for range rounds {
				id := campaign.ID(random.IntN(campaigns) + 1)
				ctx, cancel := inside(t, id), context.CancelFunc(func() {})
				if random.IntN(4) == 0 {
					ctx, cancel = context.WithTimeout(ctx, time.Duration(random.IntN(3000))*time.Microsecond)
				}
				events := make([]*nexusv1.EventRequest, 1+random.IntN(25))
				for i := range events {
					events[i] = newEvent(0, fmt.Sprint("e", random.IntN(1500)))
				}
				receipts, err := nexus.Process(processors[random.IntN(2)], ctx, events)
				cancel()
				if errors.Is(err, fault.Canceled) {
					continue
				}
				require.NoError(t, err)
				require.Len(t, receipts, len(events))
				outcome.note(id, receipts)
				outcome.mu.Lock()
				for i, r := range receipts {
					require.Equal(t, events[i].GetEventId(), r.GetEventId())
					certain[id.String()+"/"+r.GetEventId()] = certain[id.String()+"/"+r.GetEventId()] || r.GetOutcome() != failedOutcome
				}
				outcome.mu.Unlock()
			}
		})
	}
	all.Wait()
	rows := db.names(t)
	for name, ids := range outcome.ids {
		slices.Sort(ids)
		require.Equal(t, []int64{rows[name]}, slices.Compact(ids), name)
	}
	for name, ids := range outcome.accepted {
		require.Len(t, ids, 1, name)
	}
	for name, written := range certain {
		if written {
			require.Contains(t, rows, name)
		}
	}
	require.NotEmpty(t, outcome.accepted)
	require.Positive(t, outcome.failed, "the panics were felt")
}
