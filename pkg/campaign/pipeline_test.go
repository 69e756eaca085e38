package campaign_test

import (
	"context"
	"database/sql/driver"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

func TestReadsThatMeetShareARoundTrip(t *testing.T) {
	j := newJunction(t, campaign.PipelineOptions{Trip: 8})
	j.title(t, 0)() // prepares
	var reads []func()
	for n := range 10 {
		reads = append(reads, j.title(t, n))
	}
	held := j.hold(t)
	held()
	trips, stats := j.wire.RoundTrips(), j.Stats()
	j.gather(t, reads...)
	require.Equal(t, int64(3), j.wire.RoundTrips()-trips, "the one that was held, eight together, two together")
	after := j.Stats()
	require.Equal(t, int64(1), after.Alone-stats.Alone)
	require.Equal(t, int64(10), after.Shared-stats.Shared)
	require.Equal(t, int64(2), after.Trips-stats.Trips)
	require.Zero(t, after.Failed+after.Left)
	j.settled(t)
}

func TestAReadThatMeetsNoOtherGoesAlone(t *testing.T) {
	j := newJunction(t, campaign.PipelineOptions{})
	j.title(t, 0)()
	trips := j.wire.RoundTrips()
	for n := range 10 {
		j.title(t, n)()
	}
	require.Equal(t, int64(10), j.wire.RoundTrips()-trips)
	require.Equal(t, campaign.PipelineStats{Alone: 11}, j.Stats())
	require.ErrorIs(t, j.QueryRow(j.ctx, titleOf, j.id.Int64(), "none").Scan(new(string)), fault.NotFound)
	j.settled(t)
}

// Reads do not wait for what is under way longer than they must.
func TestReadsGoBesideWhatIsUnderWay(t *testing.T) {
	t.Run("when they fill a trip", func(t *testing.T) {
		j := newJunction(t, campaign.PipelineOptions{Apart: 2, Trip: 4, Gather: time.Hour})
		goOn := j.hold(t)
		var all sync.WaitGroup
		for n := range 4 {
			all.Go(j.title(t, n))
		}
		all.Wait()
		require.Equal(t, campaign.PipelineStats{Alone: 1, Shared: 4, Trips: 1}, j.Stats())
		goOn()
		j.settled(t)
	})
	t.Run("when they have waited", func(t *testing.T) {
		j := newJunction(t, campaign.PipelineOptions{Apart: 2, Gather: time.Millisecond})
		first := j.hold(t)
		j.title(t, 0)()
		require.Equal(t, campaign.PipelineStats{Alone: 2}, j.Stats())
		// No place is left once two are held: the third waits.
		second := j.hold(t)
		var all sync.WaitGroup
		all.Go(j.title(t, 1))
		require.Eventually(t, func() bool { return j.Waiting(j.id) == 1 }, 10*time.Second, time.Millisecond)
		second()
		all.Wait()
		first()
		j.settled(t)
	})
}

func TestAReadWithoutACampaignSendsNothing(t *testing.T) {
	j := newJunction(t, campaign.PipelineOptions{})
	trips := j.wire.RoundTrips()
	_, err := j.Query(context.Background(), `SELECT 1`)
	require.ErrorIs(t, err, fault.NoCampaign)
	require.ErrorIs(t, j.QueryRow(context.Background(), `SELECT 1`).Scan(new(int)), fault.NoCampaign)
	require.Equal(t, trips, j.wire.RoundTrips())
}

// A read whose context has ended does not fill a trip, which might answer it all the same.
func TestAReadThatHasEndedDoesNotBoard(t *testing.T) {
	j := newJunction(t, campaign.PipelineOptions{Apart: 2, Trip: 2, Gather: time.Hour})
	goOn := j.hold(t)
	var all sync.WaitGroup
	all.Go(j.title(t, 0))
	require.Eventually(t, func() bool { return j.Waiting(j.id) == 1 }, 10*time.Second, time.Millisecond)
	ctx, cancel := context.WithCancel(j.ctx)
	cancel()
	_, err := j.Query(ctx, `SELECT 1`)
	require.ErrorIs(t, err, fault.Canceled)
	require.Equal(t, 1, j.Waiting(j.id))
	goOn()
	all.Wait()
}

// A statement that fails takes the transaction of its trip with it, and nobody
// else hears of that.
func TestAReadThatFailsInATripFailsForItself(t *testing.T) {
	j := newJunction(t, campaign.PipelineOptions{})
	var divided, unknown, missing error
	j.gather(t,
		j.title(t, 0),
		func() { divided = j.QueryRow(j.ctx, `SELECT 1 / $1::int`, 0).Scan(new(int)) },
		j.title(t, 1),
		func() { missing = j.QueryRow(j.ctx, titleOf, j.id.Int64(), "none").Scan(new(string)) })
	require.ErrorIs(t, divided, fault.Invalid)
	require.ErrorIs(t, missing, fault.NotFound)
	require.Equal(t, int64(1), j.Stats().Shared, "the one before it")
	require.Equal(t, int64(3), j.Stats().Failed, "itself and those behind it")
	// One that cannot even be planned keeps the trip from beginning.
	j.gather(t,
		func() {
			unknown = j.QueryRow(j.ctx, `SELECT c.nothing FROM ovasabi.service_content_main AS c`).Scan(new(int))
		},
		j.title(t, 2))
	require.Error(t, unknown)
	var f *fault.Error
	require.ErrorAs(t, unknown, &f)
	require.Equal(t, fault.CodeUndefinedColumn, f.Code)
}

// Tracers meet every read of a trip under its own name.
func TestReadsOfATripKeepTheirNames(t *testing.T) {
	names := &queryNames{}
	j := newTracedJunction(t, names, campaign.PipelineOptions{})
	named := func(name string) func() {
		return func() {
			ctx := database.WithQueryName(j.ctx, name)
			if err := j.QueryRow(ctx, titleOf, j.id.Int64(), slug(1)).Scan(new(string)); err != nil {
				t.Error(err)
			}
		}
	}
	j.gather(t, named("first"), named("second"), named(""))
	require.Equal(t, []string{"first", "second", ""}, names.seen)
}

// What writes is refused the first time that it is tried, not when it first meets another.
func TestAPipelineDoesNotWrite(t *testing.T) {
	j := newJunction(t, campaign.PipelineOptions{})
	insert := func() error {
		return j.QueryRow(j.ctx, insertContent, j.id.Int64(), "written").Scan(new(int64))
	}
	refused := func(err error) {
		var f *fault.Error
		require.ErrorAs(t, err, &f)
		require.Equal(t, fault.CodeReadOnlyTransaction, f.Code)
	}
	refused(insert())
	var shared error
	j.gather(t, j.title(t, 0), func() { shared = insert() }, j.title(t, 1))
	refused(shared)
	require.Equal(t, 10, count(t, j.scope, j.ctx))
	_, err := j.Exec(j.ctx, `DELETE FROM ovasabi.service_content_main`) // the Scope's
	require.NoError(t, err)
}

// panics is an argument that cannot be encoded.
type panics struct{}

func (panics) Value() (driver.Value, error) { panic("on purpose") }

func TestAPanicIsItsOwnCallers(t *testing.T) {
	j := newJunction(t, campaign.PipelineOptions{})
	panicking := func() {
		defer func() {
			if r := recover(); r != "on purpose" {
				t.Errorf("recovered %v", r)
			}
		}()
		_ = j.QueryRow(j.ctx, `SELECT $1::text`, panics{}).Scan(new(string))
	}
	panicking()
	j.gather(t, j.title(t, 0), panicking, j.title(t, 1))
	j.settled(t)
	givenBack(t, j.pool)
}

func TestCampaignsDoNotShareATrip(t *testing.T) {
	j := newJunction(t, campaign.PipelineOptions{})
	other := campaign.NewContext(t.Context(), newCampaign(t, j.scope, "b"))
	goOn := j.hold(t)
	rows, err := j.Query(other, `SELECT 1`) // holds the other's lane
	require.NoError(t, err)
	var all sync.WaitGroup
	counts := make([]int, 6)
	for i := range counts {
		ctx := j.ctx
		if i%2 == 1 {
			ctx = other
		}
		all.Go(func() { counts[i] = count(t, j.Pipeline, ctx) }) // without a condition of its own
	}
	id, err := campaign.FromContext(other)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return j.Waiting(j.id) == 3 && j.Waiting(id) == 3 }, 10*time.Second, time.Millisecond)
	goOn()
	rows.Close()
	all.Wait()
	require.Equal(t, []int{10, 0, 10, 0, 10, 0}, counts)
	require.Equal(t, int64(2), j.Stats().Trips)
}

// A read behind one that waits for a lock does not wait for it as well.
func TestAReadLeavesATripThatDoesNotGetOn(t *testing.T) {
	j := newJunction(t, campaign.PipelineOptions{Hold: 20 * time.Millisecond})
	lock, err := j.db.Owner(t).Begin(t.Context())
	require.NoError(t, err)
	defer lock.Rollback(context.Background())
	_, err = lock.Exec(t.Context(), `LOCK TABLE ovasabi.service_user_main IN ACCESS EXCLUSIVE MODE`)
	require.NoError(t, err)
	goOn := j.hold(t)
	var all sync.WaitGroup
	answered := make(chan int, 2)
	for i, text := range []string{`SELECT count(*) FROM ovasabi.service_user_main`, `SELECT count(*) FROM ovasabi.service_content_main`} {
		all.Go(func() {
			var n int
			if err := j.QueryRow(j.ctx, text).Scan(&n); err != nil {
				t.Error(err)
			}
			answered <- n
		})
		require.Eventually(t, func() bool { return j.Waiting(j.id) == i+1 || j.Stats().Left > 0 }, 10*time.Second, time.Millisecond)
	}
	goOn()
	require.Equal(t, 10, <-answered, "the second")
	require.NoError(t, lock.Rollback(t.Context()))
	require.Zero(t, <-answered)
	all.Wait()
	require.Positive(t, j.Stats().Left)
}

func TestACanceledReadLeavesTheOthers(t *testing.T) {
	j := newJunction(t, campaign.PipelineOptions{})
	ctx, cancel := context.WithCancel(j.ctx)
	goOn := j.hold(t)
	canceled := make(chan error)
	go func() { canceled <- j.QueryRow(ctx, titleOf, j.id.Int64(), slug(1)).Scan(new(string)) }()
	var all sync.WaitGroup
	all.Go(j.title(t, 0))
	all.Go(j.title(t, 2))
	require.Eventually(t, func() bool { return j.Waiting(j.id) == 3 }, 10*time.Second, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-canceled, fault.Canceled)
	require.Equal(t, 2, j.Waiting(j.id))
	goOn()
	all.Wait()
	require.Equal(t, int64(2), j.Stats().Shared)

	// Once all of a trip have gone, it is ended on the server too.
	ctx, cancel = context.WithCancel(j.ctx)
	defer cancel()
	goOn = j.hold(t)
	for range 2 {
		all.Go(func() {
			if err := j.QueryRow(ctx, `SELECT pg_sleep(3600)`).Scan(new(any)); fault.KindOf(err) != fault.Canceled {
				t.Error(err)
			}
		})
	}
	require.Eventually(t, func() bool { return j.Waiting(j.id) == 2 }, 10*time.Second, time.Millisecond)
	goOn()
	require.Eventually(t, func() bool { return j.Waiting(j.id) == 0 && j.pool.Stat().AcquiredConns() == 1 }, 10*time.Second, time.Millisecond)
	cancel()
	all.Wait()
	j.settled(t)
	givenBack(t, j.pool)
}

func TestEveryReadOfATripCountsAndATripTakesOnePlace(t *testing.T) {
	var admission *campaign.Admission
	var limits fixedLimits
	admission, err := campaign.NewAdmission(campaign.AdmissionConfig{Capacity: 2, DefaultConcurrency: 2}, &limits)
	require.NoError(t, err)
	t.Cleanup(admission.Close)
	j := newJunction(t, campaign.PipelineOptions{}, campaign.WithAdmission(admission))
	before := load(admission, j.id)
	gate, running := make(chan struct{}), make(chan struct{}, 5)
	var reads []func()
	for n := range 4 {
		reads = append(reads, j.title(t, n))
	}
	// The place of a trip of four: beside another that is held, nothing is refused.
	done := make(chan error, 1)
	go func() {
		done <- j.scope.InTx(j.ctx, database.TxOptions{}, func(context.Context, pgx.Tx) error {
			running <- struct{}{}
			<-gate
			return nil
		})
	}()
	<-running
	j.gather(t, reads...)
	close(gate)
	require.NoError(t, <-done)
	after := load(admission, j.id)
	require.Equal(t, int64(6), after.Admitted-before.Admitted, "four in a trip, the one that was held, the transaction")
	require.Zero(t, after.Running)
	require.Zero(t, after.Refused)
}

// fixedLimits are no limits, for every campaign.
type fixedLimits struct{}

func (*fixedLimits) Limits(_ context.Context, ids []campaign.ID) (map[campaign.ID]campaign.Limits, error) {
	limits := map[campaign.ID]campaign.Limits{}
	for _, id := range ids {
		limits[id] = campaign.Limits{}
	}
	return limits, nil
}

// Every read takes of the campaign's rate, whether it shares a trip or not.
func TestReadsOfATripPayTheRate(t *testing.T) {
	s, a, _ := admitted(t, campaign.AdmissionConfig{MaxWait: time.Millisecond})
	p, err := campaign.NewPipeline(s, campaign.PipelineOptions{Apart: 1, Hold: time.Hour, MaxWait: 20 * time.Millisecond})
	require.NoError(t, err)
	t.Cleanup(p.Close)
	id := newCampaign(t, s, "a")
	ctx := campaign.NewContext(t.Context(), id)
	rows, err := p.Query(ctx, `SELECT 1`)
	require.NoError(t, err)
	limit(t, s, ctx, `max_rate = 0.1`)
	require.Eventually(t, func() bool {
		_, _ = s.Exec(ctx, `SELECT 1`)
		return load(a, id).Limits.MaxRate > 0
	}, 5*time.Second, 5*time.Millisecond)
	// The lane is held. The first read may still find a token of the rate; then it
	// waits for a trip, as long as it may, and that is refused too.
	var fields []string
	for range 3 {
		var f *fault.Error
		require.ErrorAs(t, p.QueryRow(ctx, `SELECT 1`).Scan(new(int)), &f)
		require.Equal(t, fault.Limited, f.Kind)
		fields = append(fields, f.Field)
	}
	require.Subset(t, []string{"max_rate", "max_concurrency"}, fields)
	require.Equal(t, "max_rate", fields[2])
	rows.Close()
}

func TestAMigrationUnderATripIsNotSeen(t *testing.T) {
	j := newJunction(t, campaign.PipelineOptions{})
	read := func() {
		var version any
		if err := j.QueryRow(j.ctx, `SELECT c.version FROM ovasabi.service_content_main AS c WHERE c.campaign_id = $1 AND c.slug = 'n1'`, j.id.Int64()).Scan(&version); err != nil {
			t.Error(err)
		}
	}
	for _, kind := range []string{"numeric", "bigint"} {
		read()
		j.gather(t, read, read)
		_, err := j.db.Owner(t).Exec(t.Context(), `ALTER TABLE ovasabi.service_content_main ALTER COLUMN version TYPE `+kind)
		require.NoError(t, err)
		j.gather(t, read, read)
	}
}

func TestThePipelineLeavesNothing(t *testing.T) {
	j := newJunction(t, campaign.PipelineOptions{})
	j.title(t, 0)()
	check := pgtest.LeavesNothing(t)
	goOn := j.hold(t)
	var all sync.WaitGroup
	for n := range 3 {
		all.Go(j.title(t, n))
	}
	require.Eventually(t, func() bool { return j.Waiting(j.id) == 3 }, 10*time.Second, time.Millisecond)
	j.Close() // those who wait go alone
	all.Wait()
	goOn()
	j.title(t, 4)()
	j.settled(t)
	check()
}

func TestOptionsOfAPipelineAreChecked(t *testing.T) {
	for name, o := range map[string]campaign.PipelineOptions{
		"Apart": {Apart: -1}, "Trip": {Trip: 1}, "MaxQueue": {MaxQueue: -1}, "Hold": {Hold: -1}, "Gather": {Gather: -1},
	} {
		_, err := campaign.NewPipeline(nil, o)
		require.ErrorContains(t, err, name)
		require.ErrorIs(t, err, fault.Invalid)
	}
}

// Rows that were held read as the same rows do that come from the connection.
func TestHeldRowsReadLikeOthers(t *testing.T) {
	j := newJunction(t, campaign.PipelineOptions{})
	const text = `
SELECT n, 'row ' || n AS name, NULL::text AS nothing, ARRAY[n, NULL, 3] AS list, jsonb_build_object('n', n) AS object,
    timestamptz '2026-01-01 12:00+02' AS at, n * 1.5 AS amount, n % 2 = 0 AS even, '\xdead'::bytea AS bytes, point(n, 1) AS p, pg_lsn '0/1' AS lsn
FROM generate_series(1, 3) AS n`
	type record struct {
		N       int
		Name    string
		Nothing *string
		List    []*int
		Object  map[string]any
		At      time.Time
		Amount  float64
		Even    bool
		Bytes   []byte
		P       any
		Lsn     any
	}
	collect := func(q database.Querier) (structs []record, maps []map[string]any) {
		rows, err := q.Query(j.ctx, text)
		if err == nil {
			structs, err = pgx.CollectRows(rows, pgx.RowToStructByName[record])
		}
		if err != nil {
			t.Error(err)
			return nil, nil
		}
		if rows.CommandTag().RowsAffected() != 3 {
			t.Error("the tag is", rows.CommandTag())
		}
		rows, err = q.Query(j.ctx, text)
		if err == nil {
			maps, err = pgx.CollectRows(rows, pgx.RowToMap)
		}
		if err != nil {
			t.Error(err)
		}
		return structs, maps
	}
	wantStructs, wantMaps := collect(j.scope)
	require.Len(t, wantStructs, 3)
	j.gather(t, func() {
		structs, maps := collect(j)
		require.Equal(t, wantStructs, structs)
		require.Equal(t, wantMaps, maps)
	}, func() {
		rows, err := j.Query(j.ctx, text)
		require.NoError(t, err)
		require.Nil(t, rows.Conn())
		require.Error(t, rows.Scan(new(int)), "before the first row")
		require.False(t, rows.Next(), "an error ends the rows")
	}, func() {
		rows, err := j.Query(j.ctx, text)
		require.NoError(t, err)
		require.True(t, rows.Next())
		require.Len(t, rows.RawValues(), len(rows.FieldDescriptions()))
		err = rows.Scan(new(string), new(int), nil, nil, nil, nil, nil, nil, nil, nil, nil)
		var f *fault.Error
		require.ErrorAs(t, err, &f)
		require.Equal(t, "name", f.Field)
		require.ErrorIs(t, rows.Err(), fault.Internal)
	})
}
