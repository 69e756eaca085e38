package monitoring_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/embedded"
	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/monitoring"
)

// within5 fails unless a reported figure is within 5% of the true one.
func within5(t *testing.T, truth, reported float64, what string) {
	t.Helper()
	require.InEpsilon(t, truth, reported, 0.05, what)
}

// between fails unless a reported time lies in what can be true of it. The bounds are read
// around the thing itself, so that they are right however busy the machine is.
func between(t *testing.T, least, most, reported time.Duration, what string) {
	t.Helper()
	require.GreaterOrEqual(t, reported, least, what)
	require.LessOrEqual(t, reported, most, what)
}

func TestRowsWrittenAreReported(t *testing.T) {
	db := pgtest.New(t)
	owner := db.Owner(t)
	exec(t, owner, `CREATE TABLE ovasabi.load (id bigint, v text)`)
	c := collector(t, db.Monitor(t), monitoring.Options{})
	before, err := c.Collect(t.Context())
	require.NoError(t, err)
	exec(t, owner, `INSERT INTO ovasabi.load SELECT n, 'x' FROM generate_series(1, 10000) AS n`)
	exec(t, owner, `UPDATE ovasabi.load SET v = 'y' WHERE id <= 3000`)
	exec(t, owner, `DELETE FROM ovasabi.load WHERE id > 8000`)
	after, err := c.Collect(t.Context())
	require.NoError(t, err)
	within5(t, 10_000, float64(*after.Database.TupInserted-*before.Database.TupInserted), "inserted")
	within5(t, 3_000, float64(*after.Database.TupUpdated-*before.Database.TupUpdated), "updated")
	within5(t, 2_000, float64(*after.Database.TupDeleted-*before.Database.TupDeleted), "deleted")
	within5(t, 15_000, *after.Database.WrittenPerS*after.Since.Seconds(), "rate of rows written")
	for _, table := range after.Vacuum.Tables {
		if table.TableName == "load" {
			within5(t, 10_000, float64(table.Inserted), "the table's inserts")
			within5(t, 5_000, float64(table.DeadRows), "the table's dead rows")
			return
		}
	}
	t.Fatal("the table is not among those read")
}

func TestRatesSurviveAReset(t *testing.T) {
	db := pgtest.New(t)
	owner := db.Owner(t)
	exec(t, owner, `CREATE TABLE ovasabi.load (id bigint)`)
	exec(t, owner, `INSERT INTO ovasabi.load SELECT generate_series(1, 50000)`)
	c := collector(t, db.Monitor(t), monitoring.Options{})
	_, err := c.Collect(t.Context())
	require.NoError(t, err)
	exec(t, owner, `SELECT pg_stat_reset()`)
	exec(t, owner, `INSERT INTO ovasabi.load SELECT generate_series(1, 4000)`)
	s, err := c.Collect(t.Context())
	require.NoError(t, err)
	within5(t, 4_000, *s.Database.WrittenPerS*s.Since.Seconds(), "what was written since the reset")
	require.GreaterOrEqual(t, *s.Database.CommitsPerS, 0.0)
}

// alone is a server of the test's own: pg_stat_io is the whole server's.
func alone(t *testing.T) (server *embedded.Server, pool *pgxpool.Pool, start func()) {
	t.Helper()
	options := embedded.Options{DataDir: pgtest.Folder(t), Log: slog.New(slog.DiscardHandler), Settings: map[string]string{
		"shared_buffers": "2MB", "autovacuum": "off", "fsync": "off", "max_parallel_workers_per_gather": "0",
	}}
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	start = func() {
		var err error
		server, err = embedded.Start(ctx, options)
		require.NoError(t, err)
	}
	start()
	t.Cleanup(func() { require.NoError(t, server.Stop(context.Background())) })
	return server, pgtest.Pool(t, server.URL(server.Superuser(), "postgres"), 4, nil), start
}

func TestBytesReadAreReportedAndARestartIsSurvived(t *testing.T) {
	server, pool, start := alone(t)
	exec(t, pool, `CREATE TABLE big AS SELECT n, repeat('x', 700) AS v FROM generate_series(1, 60000) AS n`)
	exec(t, pool, `VACUUM (FREEZE) big`)
	exec(t, pool, `CHECKPOINT`)
	c := collector(t, pool, monitoring.Options{})
	_, err := c.Collect(t.Context())
	require.NoError(t, err)
	var size int64
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT pg_relation_size('big')`).Scan(&size))
	exec(t, pool, `SELECT count(*) FROM big WHERE v LIKE '%y'`)
	s, err := c.Collect(t.Context())
	require.NoError(t, err)
	within5(t, float64(size), *s.IO.ReadBytesPerS*s.Since.Seconds(), "bytes read")

	require.NoError(t, server.Stop(context.Background()))
	_, err = c.Collect(t.Context())
	require.Error(t, err)
	start()
	require.Eventually(t, func() bool {
		s, err = c.Collect(t.Context())
		return err == nil
	}, 20*time.Second, 50*time.Millisecond, "the collector finds the server again on its port")
	pool.Reset()                                          // connections of before the restart
	exec(t, pool, `SELECT count(*) FROM big WHERE n < 0`) // a new session reads catalogs
	_, err = c.Collect(t.Context())
	require.NoError(t, err)
	exec(t, pool, `SELECT count(*) FROM big WHERE v LIKE '%y'`)
	s, err = c.Collect(t.Context())
	require.NoError(t, err)
	within5(t, float64(size), *s.IO.ReadBytesPerS*s.Since.Seconds(), "bytes read after the restart")
}

// client is a pool as a platform opens it, measured.
func client(t testing.TB, db *pgtest.DB, threshold time.Duration) (*database.DB, *campaign.Scope, *monitoring.Tracer) {
	t.Helper()
	tracer := monitoring.NewTracer(threshold)
	pool, err := database.Open(t.Context(), db.AppURL, database.Default(), database.WithTracer(tracer))
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool, campaign.NewScope(pool.Pool), tracer
}

func newCampaign(t testing.TB, db *pgtest.DB, slug string) context.Context {
	t.Helper()
	var id int64
	require.NoError(t, db.Owner(t).QueryRow(t.Context(), `INSERT INTO ovasabi.service_campaign_main (slug, name) VALUES ($1, $1) RETURNING id`, slug).Scan(&id))
	return campaign.NewContext(t.Context(), campaign.ID(id))
}

func TestHundredSlowQueriesAreOneGroup(t *testing.T) {
	db := pgtest.New(t)
	_, scope, tracer := client(t, db, 5*time.Millisecond)
	ctx := database.WithQueryName(newCampaign(t, db, "a"), "report.sleep")
	const slept = 12 * time.Millisecond
	var seen time.Duration
	for range 100 {
		start := time.Now()
		_, err := scope.Exec(ctx, `SELECT pg_sleep($1::float8)`, slept.Seconds())
		require.NoError(t, err)
		seen += time.Since(start)
	}
	_, quick, other := client(t, db, time.Hour) // of which nothing is slow, however busy the machine is
	_, err := quick.Exec(ctx, `SELECT 1`)
	require.NoError(t, err)
	require.Empty(t, other.SlowQueries())
	var q monitoring.SlowQuery
	for _, each := range tracer.SlowQueries() { // opening the pool may have been slow too
		if each.Name == "report.sleep" {
			require.Empty(t, q.Name, "one group")
			q = each
		}
	}
	require.EqualValues(t, 100, q.Count)
	between(t, 100*slept, seen, q.Total, "time of the slow calls: more than the server slept, less than the caller waited")
	require.Equal(t, map[int64]int64{1: 100}, q.Campaigns)
	require.Len(t, q.Calls, 20)
	require.EqualValues(t, 1, q.Calls[0].Rows)
	require.False(t, q.FirstSeen.After(q.LastSeen))
}

func TestALockHeldForThreeSecondsIsReported(t *testing.T) {
	db := pgtest.New(t)
	pool, scope, tracer := client(t, db, time.Second)
	ctx := newCampaign(t, db, "a")
	const take = `UPDATE ovasabi.service_campaign_main SET name = 'secret' WHERE id = $1::bigint`
	held, released := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(released) })
	t.Cleanup(release) // before the pool's, which waits for the transaction
	done := make(chan error, 2)
	go func() {
		done <- scope.InTx(ctx, database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, take, 1)
			close(held)
			<-released
			return err
		})
	}()
	<-held
	begun := time.Now()
	go func() {
		_, err := scope.Exec(database.WithQueryName(ctx, "rename"), take, 1)
		done <- err
	}()
	c := collector(t, db.Monitor(t), monitoring.Options{Client: tracer, Pool: pool.Pool})
	var waiting time.Time // from when it surely waits
	for time.Since(begun) < 3*time.Second {
		l, err := c.CollectLocks(t.Context())
		require.NoError(t, err)
		if waiting.IsZero() && l.Waiting > 0 {
			waiting = time.Now()
		}
		time.Sleep(50 * time.Millisecond)
	}
	require.False(t, waiting.IsZero(), "three seconds are enough to be seen waiting")
	l, err := c.CollectLocks(t.Context())
	require.NoError(t, err)
	least, most := l.At.Sub(waiting), l.At.Sub(begun)
	roots := l.Tree()
	require.Len(t, roots, 1)
	root := roots[0]
	require.Equal(t, 1, root.Below)
	require.Nil(t, root.WaitingSince)
	require.Equal(t, "idle in transaction", root.State)
	require.EqualValues(t, 1, root.Campaign)
	waiter := root.Waits[0]
	require.Equal(t, "rename", waiter.QueryName)
	require.EqualValues(t, 1, waiter.Campaign)
	require.NotContains(t, waiter.Query, "secret")
	between(t, least, most, l.At.Sub(*waiter.WaitingSince), "how long it waits")
	release()
	require.NoError(t, <-done)
	require.NoError(t, <-done)

	// In the morning it can be read what happened at night.
	l, err = c.CollectLocks(t.Context())
	require.NoError(t, err)
	require.Zero(t, l.Waiting)
	piles := c.PileUps()
	require.Len(t, piles, 1)
	require.Equal(t, 1, piles[0].Most)
	between(t, least, most, piles[0].Longest, "the longest wait")
	require.Equal(t, root.PID, piles[0].Peak.Tree()[0].PID)
	// The slow call knows that it waited for a lock.
	slow := tracer.SlowQueries()
	require.Len(t, slow, 1)
	require.Equal(t, "rename", slow[0].Name)
	between(t, least, most, slow[0].Calls[0].LockWait, "the slow call's wait for the lock")
}

func TestCampaignsAreMeasuredApart(t *testing.T) {
	db := pgtest.New(t)
	pool, scope, tracer := client(t, db, time.Second)
	a, b := newCampaign(t, db, "a"), newCampaign(t, db, "b")
	c := collector(t, db.Monitor(t), monitoring.Options{Client: tracer, Pool: pool.Pool})
	_, err := c.Collect(t.Context())
	require.NoError(t, err)
	const read = `SELECT n FROM generate_series(1, $1::int) AS n`
	for i := range 40 {
		_, err := scope.Exec(a, read, 3)
		require.NoError(t, err)
		if i%2 == 0 {
			_, err = scope.Exec(b, read, 1)
			require.NoError(t, err)
		}
	}
	_, err = scope.Exec(b, `SELECT 1 / $1::int`, 0)
	require.Error(t, err)
	s, err := c.Collect(t.Context())
	require.NoError(t, err)
	use := map[int64]monitoring.CampaignUse{}
	for _, u := range s.Campaigns {
		use[u.Campaign] = u
	}
	require.EqualValues(t, 40, use[1].Calls)
	require.EqualValues(t, 120, use[1].Rows)
	require.EqualValues(t, 0, use[1].Errors)
	require.EqualValues(t, 21, use[2].Calls)
	require.EqualValues(t, 20, use[2].Rows)
	require.EqualValues(t, 1, use[2].Errors)
	within5(t, 40, *use[1].CallsPerS*s.Since.Seconds(), "calls of the first campaign since the look before")
	within5(t, 1, *use[1].PoolShare+*use[2].PoolShare+*use[0].PoolShare, "shares of everybody")
	require.EqualValues(t, 50, s.Pool.Max)
}

func TestErrorsThatMeanTroubleAreCounted(t *testing.T) {
	db := pgtest.New(t)
	pool, _, tracer := client(t, db, time.Second)
	c := collector(t, db.Monitor(t), monitoring.Options{Client: tracer})
	exec(t, db.Owner(t), `CREATE TABLE ovasabi.one (id int PRIMARY KEY, v int)`)
	exec(t, db.Owner(t), `INSERT INTO ovasabi.one VALUES (1, 1), (2, 2)`)
	exec(t, db.Owner(t), `GRANT SELECT, UPDATE ON ovasabi.one TO ovasabi_app`)
	tx, err := db.Owner(t).Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `SELECT id FROM ovasabi.one WHERE id = 1 FOR UPDATE`)
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `SELECT id FROM ovasabi.one WHERE id = 1 FOR UPDATE NOWAIT`)
	require.Error(t, err)
	require.NoError(t, tx.Rollback(t.Context()))
	_, err = pool.Exec(t.Context(), `WITH bound AS (SELECT set_config('statement_timeout', '10ms', false)) SELECT 1 FROM bound`)
	require.NoError(t, err)
	for range 3 {
		err = pool.InTx(t.Context(), database.TxOptions{}, func(context.Context, pgx.Tx) error { return fmt.Errorf("undo") })
		require.Error(t, err)
	}
	require.NoError(t, pool.InTx(t.Context(), database.TxOptions{}, func(context.Context, pgx.Tx) error { return nil }))
	s, err := c.Collect(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, s.Client.LockFailures)
	require.EqualValues(t, 3, s.Client.Rollbacks)
	require.EqualValues(t, 1, s.Client.Commits)
}

func TestSlowQueriesGetTheirPlan(t *testing.T) {
	db := pgtest.New(t)
	pool, scope, tracer := client(t, db, time.Nanosecond)
	ctx := newCampaign(t, db, "a")
	_, err := scope.Exec(database.WithQueryName(ctx, "by.slug"), `
SELECT c.id -- one; only
FROM ovasabi.service_content_main AS c
WHERE c.campaign_id = $1::bigint AND c.slug = $2::text AND c.title <> 'hush'`, 1, "secret")
	require.NoError(t, err)
	_, err = pool.Exec(database.WithQueryName(ctx, "no.plan"), `SET application_name = 'x'`)
	require.NoError(t, err)
	require.NoError(t, tracer.Explain(t.Context(), pool.Pool))
	plans := map[string]monitoring.SlowQuery{}
	for _, q := range tracer.SlowQueries() {
		plans[q.Name] = q
		require.NotContains(t, q.Plan+q.SQL, "secret")
		require.NotContains(t, q.Plan+q.SQL, "hush")
	}
	plan := plans["by.slug"].Plan
	require.Contains(t, plan, "service_content_main")
	require.Contains(t, plan, "$1", "a generic plan has no value of a parameter")
	require.Contains(t, plan, "current_setting", "row-level security is in it, because the application's role asked")
	require.Contains(t, plans["no.plan"].PlanNote, "has no plan")
	// Nothing was run and nothing is left open.
	_, err = monitoring.ExplainGeneric(t.Context(), pool.Pool, `DELETE FROM ovasabi.service_content_main AS c WHERE c.campaign_id = $1::bigint; SELECT 1`, 1)
	require.Error(t, err)
	_, err = monitoring.ExplainGeneric(t.Context(), pool.Pool, `SELECT nothing FROM ovasabi.service_content_main AS c`, 1)
	require.ErrorContains(t, err, "nothing")
	var state string
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT coalesce(string_agg(DISTINCT state, ','), '') FROM pg_stat_activity WHERE usename = 'ovasabi_app' AND datname = current_database() AND state LIKE 'idle in%'`).Scan(&state))
	require.Empty(t, state)
}
