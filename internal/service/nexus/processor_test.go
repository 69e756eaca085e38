package nexus_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/structpb"

	nexusv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/nexus/v1"
	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/service/nexus"
	"github.com/ovasabi/ovasabi/internal/wiretap"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// patience is how long a test waits for what must come, on a machine that is busy with other things.
const patience = time.Minute

// table is a database with campaigns 1 to n.
type table struct {
	*pgtest.DB
	scope *campaign.Scope
}

func newTable(t testing.TB, campaigns int) table {
	t.Helper()
	db := pgtest.New(t)
	_, err := db.Owner(t).Exec(t.Context(), `
INSERT INTO ovasabi.service_campaign_main (slug, name)
SELECT 'c' || n, 'c' || n
FROM generate_series(1, $1::bigint) AS n`, campaigns)
	require.NoError(t, err)
	return table{db, campaign.NewScope(db.App(t))}
}

func (db table) names(t testing.TB) map[string]int64 {
	t.Helper()
	rows, err := db.Owner(t).Query(t.Context(), `SELECT campaign_id || '/' || event_id, id FROM ovasabi.service_event`)
	require.NoError(t, err)
	names := map[string]int64{}
	var name string
	var id int64
	_, err = pgx.ForEachRow(rows, []any{&name, &id}, func() error { names[name] = id; return nil })
	require.NoError(t, err)
	return names
}

// processor returns one that is closed, and has left no goroutine behind, at the end of the test.
func processor(t testing.TB, q database.Querier, c nexus.ProcessorConfig) *nexus.BatchEventProcessor {
	t.Helper()
	t.Cleanup(leavesNothing(t)) // after the processor's own
	return closing(t, q, c)
}

// leavesNothing looks past the health check of the pool, which is the pool's own.
func leavesNothing(t testing.TB) func() {
	return pgtest.LeavesNothing(t, goleak.IgnoreTopFunction("github.com/jackc/pgx/v5/pgxpool.(*Pool).backgroundHealthCheck"))
}

// closing returns a processor that is closed at the end of the test.
func closing(t testing.TB, q database.Querier, c nexus.ProcessorConfig) *nexus.BatchEventProcessor {
	t.Helper()
	p := nexus.NewBatchEventProcessor(q, nil, c, slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, p.Close(ctx))
		require.Zero(t, p.Held())
	})
	return p
}

func inside(t testing.TB, id campaign.ID) context.Context {
	return campaign.NewContext(context.WithoutCancel(t.Context()), id)
}

func eventsNamed(prefix string, n int) []*nexusv1.EventRequest {
	events := make([]*nexusv1.EventRequest, n)
	for i := range events {
		events[i] = newEvent(0, fmt.Sprint(prefix, i))
	}
	return events
}

func TestAFlushIsOneRoundTrip(t *testing.T) {
	db := newTable(t, 1)
	var counter *wiretap.Counter
	pool := pgtest.Pool(t, db.AppURL, 1, func(c *pgxpool.Config) { counter = wiretap.Tap(c.ConnConfig) })
	p := processor(t, campaign.NewScope(pool), nexus.ProcessorConfig{})
	require.NoError(t, p.ProcessEvents(inside(t, 1), eventsNamed("warm", 2))) // statements are prepared
	before := counter.RoundTrips()
	for i := range 10 {
		require.NoError(t, p.ProcessEvents(inside(t, 1), eventsNamed(fmt.Sprint("round", i), 500)))
	}
	require.Equal(t, int64(10), counter.RoundTrips()-before)
	before = counter.RoundTrips()
	require.NoError(t, p.ProcessEvents(inside(t, 1), eventsNamed("round1", 500)))
	require.LessOrEqual(t, counter.RoundTrips()-before, int64(3), "duplicates are looked for by a statement of their own, which is prepared once")
	require.Len(t, db.names(t), 5002)
}

// Callers of one event each fill two flushes of their campaign, one of which works
// while the other waits for the disk; the events of one call keep their order, in
// one flush after the other.
func TestFlushesBesideOneAnotherKeepTheOrderOfACall(t *testing.T) {
	db := newTable(t, 2)
	p := processor(t, db.scope, nexus.ProcessorConfig{BatchSize: 100})
	release := lockEvents(t, db.OwnerURL)
	var all sync.WaitGroup
	const callers, together = 200, 1000
	for i := range callers {
		all.Go(func() {
			require.NoError(t, p.ProcessEvents(inside(t, 1), eventsNamed(fmt.Sprintf("alone%d-", i), 1)))
		})
	}
	require.Eventually(t, func() bool { return p.Held().Flushes == 2 && p.Held().Events == callers }, patience, time.Millisecond)
	all.Go(func() { require.NoError(t, p.ProcessEvents(inside(t, 2), eventsNamed("e", together))) })
	require.Eventually(t, func() bool { return p.Held().Events == callers+together }, patience, time.Millisecond)
	require.Equal(t, 3, p.Held().Flushes, "a call of many events has one flush at a time")
	release()
	all.Wait()
	names := db.names(t)
	require.Len(t, names, callers+together)
	for i := 1; i < together; i++ {
		require.Greater(t, names[fmt.Sprint("2/e", i)], names[fmt.Sprint("2/e", i-1)])
	}
}

func TestProcessEventsSaysWhichEventIsBad(t *testing.T) {
	db := newTable(t, 2)
	p := processor(t, db.scope, nexus.ProcessorConfig{})
	events := eventsNamed("e", 3)
	events[1].EventType = "a:b:v0:success"
	events[2].CampaignId = 2
	err := p.ProcessEvents(inside(t, 1), events)
	require.ErrorIs(t, err, fault.Invalid)
	require.ErrorContains(t, err, "events[1].event_type: ")
	names := db.names(t)
	require.Len(t, names, 2, "the others are written")
	require.Contains(t, names, "2/e2")
	require.ErrorIs(t, p.ProcessEvents(t.Context(), eventsNamed("x", 1)), fault.NoCampaign)
	require.ErrorContains(t, p.ProcessEvents(inside(t, 99), eventsNamed("x", 1)), "campaign_id: ")
	require.NoError(t, p.ProcessEvents(inside(t, 1), nil))
	require.Len(t, db.names(t), 2)
}

func TestAFullBufferMakesCallersWaitAndLosesNothing(t *testing.T) {
	db := newTable(t, 3)
	c := nexus.ProcessorConfig{BatchSize: 50, BufferEvents: 300, BufferBytes: 256 << 10, BatchBytes: 64 << 10}
	p := processor(t, db.scope, c)
	release := lockEvents(t, db.OwnerURL)
	const callers, each = 60, 40
	big := structpb.NewStringValue(strings.Repeat("x", 200))
	var all sync.WaitGroup
	errs := make([]error, callers)
	for i := range callers {
		all.Go(func() {
			events := eventsNamed(fmt.Sprintf("c%d-", i), each)
			for _, e := range events {
				e.Payload = big
			}
			errs[i] = p.ProcessEvents(inside(t, campaign.ID(1+i%3)), events)
		})
	}
	require.Eventually(t, func() bool { return p.Held().Waiting > callers/3 }, patience, time.Millisecond)
	impatient, cancel := context.WithTimeout(inside(t, 1), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, p.ProcessEvents(impatient, eventsNamed("given up", 10)), fault.Canceled)
	for range 100 { // it stays so
		held := p.Held()
		require.LessOrEqual(t, held.Events, 300)
		require.LessOrEqual(t, held.Bytes, 256<<10)
		require.LessOrEqual(t, held.WaitingBytes, 4*256<<10)
		time.Sleep(time.Millisecond)
	}
	release()
	all.Wait()
	refused := 0
	for _, err := range errs {
		if errors.Is(err, fault.Limited) {
			refused++ // before any of it was taken, because those that waited were as many as may
			continue
		}
		require.NoError(t, err)
	}
	require.Less(t, refused, callers/2)
	names := db.names(t)
	require.Len(t, names, (callers-refused)*each, "what was given up while it waited was not written, and nothing was written for who was refused")
}

func TestACampaignThatCannotBeWrittenDoesNotHoldUpOthers(t *testing.T) {
	db := newTable(t, 12)
	p := processor(t, db.scope, nexus.ProcessorConfig{BatchSize: 10, BufferEvents: 400, Writers: 2})
	// Keys of these campaigns cannot be looked up while others hold their rows.
	conn, err := pgx.Connect(t.Context(), db.OwnerURL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `SELECT FROM ovasabi.service_campaign_main WHERE id <= 4 FOR UPDATE`)
	require.NoError(t, err)
	var stuck sync.WaitGroup
	for i := range 4 {
		stuck.Go(func() {
			require.NoError(t, p.ProcessEvents(inside(t, campaign.ID(i+1)), eventsNamed("stuck", 500)))
		})
	}
	require.Eventually(t, func() bool { return p.Held().Waiting >= 4 }, patience, time.Millisecond)
	var free sync.WaitGroup
	for i := range 8 {
		free.Go(func() {
			ctx, cancel := context.WithTimeout(inside(t, campaign.ID(i+5)), patience)
			defer cancel()
			require.NoError(t, p.ProcessEvents(ctx, eventsNamed("free", 100)))
		})
	}
	free.Wait()
	require.Equal(t, 4, p.Held().Flushes, "the others are still stuck")
	require.NoError(t, tx.Rollback(t.Context()))
	stuck.Wait()
	require.Len(t, db.names(t), 4*500+8*100)
}

func TestCloseWritesWhatIsHeld(t *testing.T) {
	db := newTable(t, 2)
	p := nexus.NewBatchEventProcessor(db.scope, nil, nexus.ProcessorConfig{BatchSize: 20, BufferEvents: 40, FlushTimeout: 10 * time.Second}, nil)
	release := lockEvents(t, db.OwnerURL)
	var all sync.WaitGroup
	for i := range 2 {
		all.Go(func() {
			require.NoError(t, p.ProcessEvents(inside(t, campaign.ID(i+1)), eventsNamed("e", 100)))
		})
	}
	require.Eventually(t, func() bool { return p.Held().Waiting == 2 }, patience, time.Millisecond)
	closed := make(chan error, 1)
	go func() { closed <- p.Close(t.Context()) }()
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(inside(t, 1), 10*time.Millisecond)
		defer cancel()
		return errors.Is(p.ProcessEvents(ctx, eventsNamed("late", 1)), fault.Unavailable)
	}, patience, time.Millisecond)
	release()
	require.NoError(t, <-closed)
	all.Wait()
	require.GreaterOrEqual(t, len(db.names(t)), 200) // late may have come in time
	require.NoError(t, p.Close(t.Context()), "closing twice does nothing")
}

func TestCloseTellsWhatCouldNotBeWritten(t *testing.T) {
	db := newTable(t, 1)
	nothing := leavesNothing(t)
	p := nexus.NewBatchEventProcessor(db.scope, nil, nexus.ProcessorConfig{BatchSize: 20, BufferEvents: 60}, slog.New(slog.DiscardHandler))
	release := lockEvents(t, db.OwnerURL)
	told := make(chan error, 1)
	go func() { told <- p.ProcessEvents(inside(t, 1), eventsNamed("e", 100)) }()
	require.Eventually(t, func() bool { return p.Held().Waiting == 1 }, patience, time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := p.Close(ctx)
	require.ErrorIs(t, err, fault.Unavailable)
	require.ErrorContains(t, err, "events could not be written before the end")
	require.ErrorIs(t, <-told, fault.Unavailable)
	require.Zero(t, p.Held())
	release()
	nothing()
}

// Where the table is stricter than the judge, a flush finds the rows at fault.
func TestTheServerRejectsAloneToo(t *testing.T) {
	db := newTable(t, 1)
	_, err := db.Owner(t).Exec(t.Context(), `ALTER TABLE ovasabi.service_event ADD CONSTRAINT no_sevens CHECK (event_id NOT LIKE '%7')`)
	require.NoError(t, err)
	p := processor(t, db.scope, nexus.ProcessorConfig{})
	events := eventsNamed("e", 100)
	events = append(events, newEvent(0, "e17"), newEvent(0, "e18")) // repeated: one bad, one good
	err = p.ProcessEvents(inside(t, 1), events)
	require.ErrorContains(t, err, "events[7].no_sevens: ")
	require.Len(t, db.names(t), 90)
}

// shaky fails and panics like a database and a defect would.
type shaky struct {
	*campaign.Scope
	calls atomic.Int64
	every int64
	fail  func(call int64) error // may panic
}

func (s *shaky) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	if n := s.calls.Add(1); n%s.every == 0 {
		if err := s.fail(n); err != nil {
			return pgx.FailedBatchResults(b, err)
		}
	}
	return s.Scope.SendBatch(ctx, b)
}

func TestAPanicInAFlushIsToldToItsCallersAlone(t *testing.T) {
	db := newTable(t, 1)
	s := &shaky{Scope: db.scope, every: 2, fail: func(int64) error { panic("on purpose") }}
	p := processor(t, s, nexus.ProcessorConfig{})
	for i := range 6 {
		err := p.ProcessEvents(inside(t, 1), eventsNamed(fmt.Sprint("e", i, "-"), 3))
		if i%2 == 1 {
			require.ErrorIs(t, err, fault.Internal)
		} else {
			require.NoError(t, err)
		}
	}
	require.Len(t, db.names(t), 9)
}

func TestWhatPassesIsTriedAgain(t *testing.T) {
	db := newTable(t, 1)
	s := &shaky{Scope: db.scope, every: 1, fail: func(n int64) error {
		if n%4 != 0 {
			return fault.New(fault.Unavailable, "met another one")
		}
		return nil
	}}
	p := processor(t, s, nexus.ProcessorConfig{})
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(p))
	for i := range 5 {
		require.NoError(t, p.ProcessEvents(inside(t, 1), eventsNamed(fmt.Sprint("e", i, "-"), 3)))
	}
	require.Len(t, db.names(t), 15)
	require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP ovasabi_event_flush_retries_total Attempts of flushes that were made again, by the kind of fault.
# TYPE ovasabi_event_flush_retries_total counter
ovasabi_event_flush_retries_total{kind="unavailable"} 15
# HELP ovasabi_events_total Events by what became of them: accepted, duplicate, rejected or failed.
# TYPE ovasabi_events_total counter
ovasabi_events_total{outcome="accepted"} 15
`), "ovasabi_event_flush_retries_total", "ovasabi_events_total"))

	hopeless := &shaky{Scope: db.scope, every: 1, fail: func(int64) error { return fault.New(fault.Unavailable, "never") }}
	q := processor(t, hopeless, nexus.ProcessorConfig{RetryFor: 50 * time.Millisecond})
	err := q.ProcessEvents(inside(t, 1), eventsNamed("no", 3))
	require.ErrorIs(t, err, fault.Unavailable)
	require.ErrorContains(t, err, "send it again, with the same event_id")
	require.Greater(t, hopeless.calls.Load(), int64(2))
}

func TestTheProcessorsConfiguration(t *testing.T) {
	require.NoError(t, nexus.ProcessorConfig{}.Validate())
	require.NoError(t, nexus.DefaultProcessorConfig().Validate())
	for field, c := range map[string]nexus.ProcessorConfig{
		"DB_BATCH_SIZE":       {BatchSize: -1},
		"event-batch-bytes":   {BatchBytes: 1},
		"event-buffer-events": {BatchSize: 10, BufferEvents: 9},
		"event-buffer-bytes":  {BatchBytes: 1 << 20, BufferBytes: 1 << 19},
		"event-flush-timeout": {FlushTimeout: time.Minute},
		"event-writers":       {Writers: 1000},
		"event-retry-for":     {RetryFor: -1},
	} {
		err := c.Validate()
		require.ErrorIs(t, err, fault.Invalid, field)
		require.ErrorContains(t, err, field+": ")
	}
}
