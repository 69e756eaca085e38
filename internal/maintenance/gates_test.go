package maintenance_test

import (
	"context"
	"encoding/binary"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/embedded"
	"github.com/ovasabi/ovasabi/internal/maintenance"
	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/schema"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

const productVacuum = "vacuum ovasabi.service_product_main"

// dead plants dead rows in the products: more than maintenance waits for, fewer than autovacuum does.
func dead(t testing.TB, db *pgtest.DB) {
	t.Helper()
	execute(t, db, `UPDATE ovasabi.service_product_main SET stock = stock + 1 WHERE price <= 400`, `ANALYZE ovasabi.service_product_main`)
}

// deadlier plants more than autovacuum would wait for.
func deadlier(t testing.TB, db *pgtest.DB) {
	t.Helper()
	execute(t, db, `UPDATE ovasabi.service_product_main SET stock = stock + 1 WHERE price <= 2000`, `ANALYZE ovasabi.service_product_main`)
}

func only(t testing.TB, r maintenance.Report) maintenance.Result {
	t.Helper()
	require.Len(t, r.Results, 1)
	return r.Results[0]
}

func TestALockHeldByAUserIsSkippedAndSaid(t *testing.T) {
	db := filled(t, 0)
	dead(t, db)
	m := open(t, db.OwnerURL, config(), maintenance.Options{})
	release := hold(t, db, `LOCK TABLE ovasabi.service_product_main IN SHARE UPDATE EXCLUSIVE MODE`)
	for range 3 {
		r := only(t, run(t, m))
		require.Equal(t, maintenance.OutcomeSkipped, r.Outcome)
		require.Regexp(t, `^process \d+ .* holds ShareUpdateExclusiveLock on the table`, r.Detail)
	}
	require.Equal(t, 1, value[int](t, db, `SELECT count(*) FROM ovasabi.maintenance_log`), "one row for the same reason again")
	require.Equal(t, 3, value[int](t, db, `SELECT (figures ->> 'times')::int FROM ovasabi.maintenance_log`))
	release()
	settled(t, func() bool {
		return outcomes(run(t, m))[productVacuum] == maintenance.OutcomeDone
	})
}

// Whatever comes between the look and the work is not waited for either.
func TestAVacuumThatMeetsALockLeavesTheTableOut(t *testing.T) {
	db := filled(t, 0)
	dead(t, db)
	w, err := maintenance.OpenWorker(t.Context(), open(t, db.OwnerURL, config(), maintenance.Options{}))
	require.NoError(t, err)
	defer w.Close(context.Background())
	hold(t, db, `LOCK TABLE ovasabi.service_product_main IN SHARE MODE`)
	_, err = w.Exec(t.Context(), `VACUUM (SKIP_LOCKED) ovasabi.service_product_main`)
	require.NoError(t, err)
	require.Contains(t, maintenance.SkippedBy(w), "lock not available")
}

// A partition is attached only where the lock is free at once.
func TestALockThatIsNotFreeIsNotQueuedFor(t *testing.T) {
	db := filled(t, 0)
	m := open(t, db.OwnerURL, config(), maintenance.Options{})
	execute(t, db, calls, month(t, db, 0), month(t, db, 14))
	require.NoError(t, m.Set(t.Context(), maintenance.Setting{TableName: "ovasabi.call", Retention: new(365 * 24 * time.Hour)}))
	hold(t, db, `SELECT FROM ovasabi.call`) // a reader, for whom nobody looks
	r := only(t, run(t, m))
	require.Equal(t, maintenance.OutcomeSkipped, r.Outcome)
	require.Contains(t, r.Detail, "could not obtain lock")
	require.NotEmpty(t, value[string](t, db, `SELECT to_regclass('ovasabi.call_14')::text`))
}

func TestAClosedWindowIsWaitedFor(t *testing.T) {
	db := filled(t, 0)
	dead(t, db)
	c := config()
	c.Windows, c.TimeZone = []string{"01:00-05:00"}, "Europe/Berlin"
	at := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	var clock atomic.Pointer[time.Time]
	clock.Store(&at)
	m := open(t, db.OwnerURL, c, maintenance.WithClock(maintenance.Options{}, func() time.Time { return *clock.Load() }))
	p := plan(t, m)
	require.Len(t, p.Tasks, 1)
	require.Equal(t, "in the window at 2026-03-11 01:00 CET", p.Tasks[0].When)
	r := only(t, run(t, m))
	require.Equal(t, maintenance.OutcomeWaiting, r.Outcome)
	require.Zero(t, value[int](t, db, `SELECT count(*) FROM ovasabi.maintenance_log`))

	night := time.Date(2026, 3, 11, 0, 30, 0, 0, time.UTC) // half past one there
	clock.Store(&night)
	require.Equal(t, maintenance.OutcomeDone, only(t, run(t, m)).Outcome)
}

// A table that autovacuum would be forced to freeze now waits for no window.
func TestWhatIsUrgentWaitsForNoWindow(t *testing.T) {
	db := filled(t, 0)
	execute(t, db, `ALTER TABLE ovasabi.service_user_main SET (autovacuum_freeze_max_age = 100000)`,
		`DO $$ BEGIN FOR i IN 1..100001 LOOP PERFORM txid_current(); COMMIT; END LOOP; END $$`)
	c := config()
	c.Windows = []string{"01:00-05:00"}
	noon := func() time.Time { return time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC) }
	r := only(t, run(t, open(t, db.OwnerURL, c, maintenance.WithClock(maintenance.Options{}, noon))))
	require.True(t, r.Urgent)
	require.Equal(t, maintenance.OutcomeDone, r.Outcome)
}

func TestWithoutBudgetNothingBegins(t *testing.T) {
	db := filled(t, 0)
	c := config()
	c.MaxBytes = 1
	dead(t, db)
	execute(t, db, `INSERT INTO ovasabi.maintenance_log (action, object, reason, ended_at, outcome, figures) VALUES ('vacuum', 'ovasabi.other', '', now(), 'done', '{"seconds": 0, "bytes": 1}')`)
	r := only(t, run(t, open(t, db.OwnerURL, c, maintenance.Options{})))
	require.Equal(t, maintenance.OutcomeWaiting, r.Outcome)
	require.Contains(t, r.Detail, "budget of bytes")

	c.MaxBytes, c.MaxTime = 0, time.Minute
	// What was used is read from the log, so that a restart does not begin anew.
	execute(t, db, `INSERT INTO ovasabi.maintenance_log (action, object, reason, started_at, ended_at, outcome, figures) VALUES ('vacuum', 'ovasabi.other', '', now(), now(), 'done', '{"seconds": 61, "bytes": 0}')`)
	r = only(t, run(t, open(t, db.OwnerURL, c, maintenance.Options{})))
	require.Equal(t, maintenance.OutcomeWaiting, r.Outcome)
	require.Contains(t, r.Detail, "budget of time")
}

// The application's statements take longer than usual: what can wait, waits; what
// autovacuum itself would do now does not.
func TestItYieldsWhenTheStatementsOfOthersTakeLonger(t *testing.T) {
	db := filled(t, 0)
	dead(t, db)
	c := config()
	c.LatencyRise = 1.5
	app := db.App(t)
	sleep := func(seconds float64) {
		for range 30 {
			_, err := app.Exec(t.Context(), `SELECT pg_sleep($1)`, seconds)
			require.NoError(t, err)
		}
	}
	sleep(0.001)
	slow := false
	m := open(t, db.OwnerURL, c, maintenance.WithCheckpoint(maintenance.Options{}, func(name string) error {
		if slow {
			sleep(0.02) // between the look at the beginning of the round and the task
		}
		return nil
	}))
	slow = true
	r := only(t, run(t, m))
	require.Equal(t, maintenance.OutcomeSkipped, r.Outcome)
	require.Contains(t, r.Detail, "the statements of others take")

	deadlier(t, db)
	require.Equal(t, maintenance.OutcomeDone, only(t, run(t, m)).Outcome, "that is due")
	dead(t, db)
	slow = false
	require.Equal(t, maintenance.OutcomeDone, only(t, run(t, m)).Outcome, "it is calm again")
}

func TestItYieldsToTheLatencyOfItsOwnProcessAndToSessions(t *testing.T) {
	db := filled(t, 0)
	dead(t, db)
	c := config()
	c.LatencyRise = 1.5
	m := open(t, db.OwnerURL, c, maintenance.Options{Latency: func() (float64, bool) { return 3, true }})
	r := only(t, run(t, m))
	require.Equal(t, maintenance.OutcomeSkipped, r.Outcome)
	require.Contains(t, r.Detail, "take 3.0 times their usual")

	c = config()
	c.MaxActive = 1
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := db.App(t).Exec(ctx, `SELECT pg_sleep(600)`)
			ended <- err
		}()
	}
	settled(t, func() bool {
		return value[int](t, db, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep(600)%' AND state = 'active'`) >= 2
	})
	r = only(t, run(t, open(t, db.OwnerURL, c, maintenance.Options{})))
	require.Equal(t, maintenance.OutcomeSkipped, r.Outcome)
	require.Contains(t, r.Detail, "sessions of others are active")
	cancel()
	for range 2 {
		require.Error(t, <-ended)
	}
}

// A vacuum that is under way is broken off when others feel it, and the next round goes on.
func TestAVacuumUnderWayMakesWay(t *testing.T) {
	db := filled(t, 0)
	dead(t, db)
	c := config()
	c.LatencyRise, c.CostDelay, c.CostLimit = 1.5, 100*time.Millisecond, 1
	var felt atomic.Bool
	o := maintenance.WithBeat(maintenance.Options{Latency: func() (float64, bool) { return 3, felt.Load() }}, 20*time.Millisecond, 30*time.Second)
	o.Progress = func(string) { felt.Store(true) } // the task begins
	r := only(t, run(t, open(t, db.OwnerURL, c, o)))
	require.Equal(t, maintenance.OutcomeSkipped, r.Outcome, r.Detail)
	require.Contains(t, r.Detail, "broken off: ")
	settled(t, func() bool {
		return value[int](t, db, `SELECT count(*) FROM pg_stat_progress_vacuum WHERE datname = current_database()`) == 0
	})
	require.Equal(t, maintenance.OutcomeDone, outcomes(run(t, open(t, db.OwnerURL, config(), maintenance.Options{})))[productVacuum])
}

// replicated is a server of its own that keeps write-ahead log for standbys.
func replicated(t *testing.T) string {
	t.Helper()
	server := pgtest.Own(t, embedded.Options{
		Ephemeral: true, Superuser: "somebody",
		Settings: map[string]string{"wal_level": "replica", "max_wal_senders": "3"},
	})
	return server.URL("somebody", "postgres")
}

// behind reads the server's log as a standby does, and says that it has replayed none of it.
func behind(t *testing.T, url string) {
	t.Helper()
	config, err := pgconn.ParseConfig(url)
	require.NoError(t, err)
	config.RuntimeParams["replication"] = "true"
	config.RuntimeParams["application_name"] = "laggard"
	conn, err := pgconn.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	result := conn.Exec(t.Context(), "IDENTIFY_SYSTEM")
	results, err := result.ReadAll()
	require.NoError(t, err)
	at := string(results[0].Rows[0][2])
	conn.Frontend().Send(&pgproto3.Query{String: "START_REPLICATION PHYSICAL " + at})
	require.NoError(t, conn.Frontend().Flush())
	for {
		message, err := conn.ReceiveMessage(t.Context())
		require.NoError(t, err)
		if _, ok := message.(*pgproto3.CopyBothResponse); ok {
			break
		}
	}
	status := make([]byte, 34) // 'r', written, flushed and replayed up to 1, the time, no reply
	status[0] = 'r'
	for _, offset := range []int{1, 9, 17} {
		binary.BigEndian.PutUint64(status[offset:], 1)
	}
	conn.Frontend().Send(&pgproto3.CopyData{Data: status})
	require.NoError(t, conn.Frontend().Flush())
}

func TestALaggingStandbyIsWaitedFor(t *testing.T) {
	url := replicated(t)
	require.NoError(t, schema.Up(t.Context(), url, schema.Latest(), schema.Options{}))
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	plant := func() {
		for _, statement := range []string{
			`CREATE TABLE IF NOT EXISTS ovasabi.planted (id bigint) WITH (autovacuum_enabled = false)`,
			`INSERT INTO ovasabi.planted (id) SELECT generate_series(1, 1000)`,
			`DELETE FROM ovasabi.planted`, `ANALYZE ovasabi.planted`, `SELECT pg_stat_force_next_flush()`, `SELECT 1`,
		} {
			_, err := conn.Exec(t.Context(), statement)
			require.NoError(t, err)
		}
	}
	plant()
	c := config()
	c.MaxLagBytes = 1
	behind(t, url)
	m := open(t, url, c, maintenance.Options{})
	settled(t, func() bool {
		var n int
		require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_replication WHERE replay_lsn = '0/1'`).Scan(&n))
		return n == 1
	})
	r, err := m.Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, maintenance.OutcomeSkipped, outcomes(r)["vacuum ovasabi.planted"])
	for _, result := range r.Results {
		require.Contains(t, result.Detail, "a standby is ")
	}
	c.MaxLagBytes = 0
	p, err := open(t, url, c, maintenance.Options{}).Plan(t.Context())
	require.NoError(t, err)
	for _, task := range p.Tasks {
		if task.Action == maintenance.Vacuum {
			require.Contains(t, task.Statement, "TRUNCATE false", "a standby's readers would feel it")
		}
	}
}

func TestWhatARoleMayNotDoIsSaid(t *testing.T) {
	db := filled(t, 0)
	dead(t, db)
	execute(t, db, `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ovasabi.idx_users_campaign_skip'::regclass`,
		`CREATE INDEX half_ccnew ON ovasabi.service_user_main (campaign_id, status)`, `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ovasabi.half_ccnew'::regclass`)
	owner := open(t, db.OwnerURL, config(), maintenance.Options{})
	require.NoError(t, owner.Set(t.Context(), maintenance.Setting{CampaignID: 2, TableName: "ovasabi.service_event", Retention: new(20 * 24 * time.Hour)}))
	m := open(t, db.MaintainURL, config(), maintenance.Options{})
	require.Equal(t, map[string]string{
		productVacuum: maintenance.OutcomeDone, "reindex ovasabi.idx_users_campaign_skip": maintenance.OutcomeDone,
		"retention ovasabi.service_event campaign 2": maintenance.OutcomeDone, "drop_index ovasabi.half_ccnew": maintenance.OutcomeSkipped,
	}, outcomes(run(t, m)))
	require.Contains(t, value[string](t, db, `SELECT detail FROM ovasabi.maintenance_log WHERE action = 'drop_index'`), "run maintain as the owner")

	// It reads no row outside of a campaign, and changes none at all.
	conn, err := pgx.Connect(t.Context(), db.MaintainURL)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	var n int
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM ovasabi.service_event`).Scan(&n))
	require.Zero(t, n)
	for _, refused := range []string{
		`SELECT FROM ovasabi.service_user_main`, `UPDATE ovasabi.service_event SET entity_id = ''`, `INSERT INTO ovasabi.maintenance_setting (table_name) VALUES ('a.b')`,
		`SET ROLE ovasabi_crossing`, `SELECT slug FROM ovasabi.campaign_directory`, `DELETE FROM ovasabi.service_content_main`,
	} {
		_, err := conn.Exec(t.Context(), refused)
		require.ErrorContains(t, err, "permission denied", refused)
	}
	other := open(t, db.MaintainURL, config(), maintenance.Options{})
	require.ErrorIs(t, other.Set(t.Context(), maintenance.Setting{TableName: "ovasabi.service_event"}), fault.Denied)
	require.False(t, errors.Is(err, fault.Internal))
}

// The building of an index waits for older transactions, but not for ever: what it
// leaves is dropped by the next round, which tries again.
func TestAnIndexDoesNotWaitForAnOldTransactionForEver(t *testing.T) {
	db := filled(t, 0)
	execute(t, db, `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ovasabi.idx_users_campaign_skip'::regclass`)
	m := open(t, db.OwnerURL, config(), maintenance.Options{})
	release := hold(t, db, `SELECT FROM ovasabi.service_user_main`)
	r := only(t, run(t, m))
	require.Equal(t, maintenance.OutcomeSkipped, r.Outcome)
	require.Contains(t, r.Detail, "lock timeout")
	release()
	require.Regexp(t, `^drop_index ovasabi\.idx_users_campaign_skip_cc(new|old)$`, names(plan(t, m))[0])
	run(t, m)
	require.Empty(t, plan(t, m).Tasks)
	require.True(t, value[bool](t, db, `SELECT indisvalid FROM pg_index WHERE indexrelid = 'ovasabi.idx_users_campaign_skip'::regclass`))
}

func TestNothingBeginsDuringAMigration(t *testing.T) {
	db := filled(t, 0)
	dead(t, db)
	m := open(t, db.OwnerURL, config(), maintenance.Options{})
	steps, four := 0, 4
	require.NoError(t, schema.Up(t.Context(), db.OwnerURL, schema.Latest(), schema.Options{Partitions: &four, Progress: func(line string) {
		steps++
		r := run(t, m) // between two steps of the move into partitions
		require.Empty(t, r.Results, line)
		require.Len(t, r.Notes, 1)
		require.Contains(t, r.Notes[0], "a migrator is at work")
	}}))
	require.Positive(t, steps)
	// The server may take a moment to see that the migrator has gone.
	settled(t, func() bool { return outcomes(run(t, m))[productVacuum] == maintenance.OutcomeDone })
}
