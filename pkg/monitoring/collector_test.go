package monitoring_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/wiretap"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/monitoring"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func collector(t testing.TB, pool *pgxpool.Pool, o monitoring.Options) *monitoring.PG18StatsCollector {
	t.Helper()
	c, err := monitoring.NewPG18StatsCollector(pool, o)
	require.NoError(t, err)
	return c
}

// exec runs a statement as the owner and makes its figures visible at once: a
// session otherwise keeps them to itself for up to a minute.
func exec(t testing.TB, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	require.NoError(t, pool.AcquireFunc(context.Background(), func(conn *pgxpool.Conn) error {
		if _, err := conn.Exec(context.Background(), sql, args...); err != nil {
			return err
		}
		if _, err := conn.Exec(context.Background(), `SELECT pg_stat_force_next_flush()`); err != nil {
			return err
		}
		_, err := conn.Exec(context.Background(), `SELECT 1`)
		return err
	}))
}

func withStatements(t testing.TB, db *pgtest.DB) {
	t.Helper()
	exec(t, db.Owner(t), `CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA ovasabi`)
}

func TestCollectReadsEverythingAsMonitor(t *testing.T) {
	db := pgtest.New(t)
	withStatements(t, db)
	c := collector(t, db.Monitor(t), monitoring.Options{})
	s, err := c.Collect(t.Context())
	require.NoError(t, err)
	require.Empty(t, s.Failed)
	require.Equal(t, pgtest.MonitorRole, s.Server.Role)
	require.True(t, s.Server.Monitor)
	require.NotEmpty(t, s.IO.Rows)
	require.NotNil(t, s.Database.XactCommit)
	require.NotNil(t, s.WAL.Bytes)
	require.NotNil(t, s.Checkpointer.Timed)
	require.NotEmpty(t, s.Vacuum.Tables)
	require.NotEmpty(t, s.Indexes)
	require.NotEmpty(t, s.Settings)
	require.NotEmpty(t, s.Statements.List)
	require.NotEmpty(t, s.Statements.List[0].Query)
	require.NotEmpty(t, s.Activity)
	require.Positive(t, *s.DatabaseBytes)
	require.Nil(t, s.IO.ReadBytesPerS, "there is no rate before a second look")
	latest, _ := c.Latest()
	require.Same(t, s, latest)

	io, err := c.CollectIOStats(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, io.Rows)
	vacuum, err := c.CollectVacuumStats(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, vacuum.Tables)
}

// What cannot happen is NULL on the server and nil here, never a zero.
func TestNullsStayNull(t *testing.T) {
	db := pgtest.New(t)
	s, err := collector(t, db.Monitor(t), monitoring.Options{}).Collect(t.Context())
	require.NoError(t, err)
	found := false
	for _, r := range s.IO.Rows {
		if r.BackendType == "checkpointer" && r.Object == "relation" {
			found = true
			require.Nil(t, r.ReadBytes, "a checkpointer does not read")
			require.NotNil(t, r.WriteBytes)
		}
	}
	exec(t, db.Owner(t), `CHECKPOINT`)
	if !found {
		s, err = collector(t, db.Monitor(t), monitoring.Options{}).Collect(t.Context())
		require.NoError(t, err)
	}
	require.True(t, hasNilReads(s), "some kind of backend cannot read")
}

func hasNilReads(s *monitoring.Snapshot) bool {
	for _, r := range s.IO.Rows {
		if r.ReadBytes == nil {
			return true
		}
	}
	return false
}

// One collection is one round trip, once its statements are prepared.
func TestCollectionIsOneRoundTrip(t *testing.T) {
	db := pgtest.New(t)
	withStatements(t, db)
	var trips *wiretap.Counter
	pool := pgtest.Pool(t, db.MonitorURL, 1, func(c *pgxpool.Config) { trips = wiretap.Tap(c.ConnConfig) })
	c := collector(t, pool, monitoring.Options{})
	for range 8 {
		_, err := c.Collect(t.Context())
		require.NoError(t, err)
	}
	// Texts of statements that are new to it cost another one: let there be none.
	before := trips.RoundTrips()
	_, err := c.Collect(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, trips.RoundTrips()-before)
	before = trips.RoundTrips()
	_, err = c.CollectLocks(t.Context())
	require.NoError(t, err)
	_, err = c.CollectLocks(t.Context())
	require.NoError(t, err)
	require.LessOrEqual(t, trips.RoundTrips()-before, int64(3))
}

// A part that may not be read, or that does not answer in time, is named, and hides none of the others.
func TestOneSectionFailsAlone(t *testing.T) {
	for name, breakIt := range map[string]func(t *testing.T, owner *pgxpool.Pool) (mend func()){
		"not allowed": func(t *testing.T, owner *pgxpool.Pool) func() {
			exec(t, owner, `REVOKE ALL ON pg_catalog.pg_stat_wal FROM PUBLIC`)
			return func() { exec(t, owner, `GRANT SELECT ON pg_catalog.pg_stat_wal TO PUBLIC`) }
		},
		"too slow": func(t *testing.T, owner *pgxpool.Pool) func() {
			exec(t, owner, `ALTER VIEW pg_catalog.pg_stat_wal RENAME TO pg_stat_wal_hidden`)
			exec(t, owner, `CREATE VIEW pg_catalog.pg_stat_wal AS SELECT h.* FROM pg_catalog.pg_stat_wal_hidden AS h CROSS JOIN pg_sleep(60) AS s`)
			exec(t, owner, `GRANT SELECT ON pg_catalog.pg_stat_wal TO PUBLIC`)
			return func() {
				exec(t, owner, `DROP VIEW pg_catalog.pg_stat_wal`)
				exec(t, owner, `ALTER VIEW pg_catalog.pg_stat_wal_hidden RENAME TO pg_stat_wal`)
			}
		},
		"gone": func(t *testing.T, owner *pgxpool.Pool) func() {
			exec(t, owner, `ALTER VIEW pg_catalog.pg_stat_wal RENAME TO pg_stat_wal_hidden`)
			return func() { exec(t, owner, `ALTER VIEW pg_catalog.pg_stat_wal_hidden RENAME TO pg_stat_wal`) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := pgtest.New(t)
			admin := pgtest.Pool(t, db.OwnerURL, 4, func(c *pgxpool.Config) {
				c.ConnConfig.RuntimeParams["allow_system_table_mods"] = "on"
			})
			mend := breakIt(t, admin)
			c := collector(t, db.Monitor(t), monitoring.Options{Interval: 100 * time.Millisecond, QueryTimeout: 300 * time.Millisecond})
			s, err := c.Collect(t.Context())
			require.NoError(t, err)
			require.Nil(t, s.WAL)
			require.Len(t, s.Failed, 1)
			require.Equal(t, "wal", s.Failed[0].Section)
			require.NotEmpty(t, s.Failed[0].Reason)
			require.NotNil(t, s.IO)
			require.NotNil(t, s.Checkpointer)
			require.NotEmpty(t, s.Vacuum.Tables)
			require.True(t, hasFinding(s, "monitor.unreadable"))
			// It is left alone for a while, then read again.
			mend()
			require.Eventually(t, func() bool {
				s, err = c.Collect(t.Context())
				return err == nil && s.WAL != nil && len(s.Failed) == 0
			}, 5*time.Second, 50*time.Millisecond)
		})
	}
}

func hasFinding(s *monitoring.Snapshot, id string) bool {
	for _, f := range s.Findings {
		if f.ID == id {
			return true
		}
	}
	return false
}

func TestUnreachableServerIsOneFault(t *testing.T) {
	config, err := pgxpool.ParseConfig("postgres://ovasabi_monitor@127.0.0.1:1/nothing?connect_timeout=1")
	require.NoError(t, err)
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	defer pool.Close()
	c := collector(t, pool, monitoring.Options{QueryTimeout: 100 * time.Millisecond})
	_, err = c.Collect(t.Context())
	require.ErrorIs(t, err, fault.Unavailable)
	s, _ := c.Latest()
	require.Nil(t, s)
}

func TestWithoutStatementsTheReasonIsSaid(t *testing.T) {
	db := pgtest.New(t)
	exec(t, db.Owner(t), `DROP EXTENSION IF EXISTS pg_stat_statements`)
	c := collector(t, db.Monitor(t), monitoring.Options{})
	s, err := c.Collect(t.Context())
	require.NoError(t, err)
	require.Contains(t, s.Statements.Missing, "CREATE EXTENSION")
	// Made meanwhile, they are found at the next look at what the server has.
	withStatements(t, db)
	require.Eventually(t, func() bool {
		s, err = c.Collect(t.Context())
		return err == nil && len(s.Statements.List) > 0 && s.Statements.Missing == ""
	}, 5*time.Second, 10*time.Millisecond)
}

func TestOptionsAreRefusedByName(t *testing.T) {
	for _, o := range []monitoring.Options{
		{Interval: time.Millisecond}, {LockInterval: time.Microsecond}, {QueryTimeout: time.Nanosecond},
		{LongTransaction: -1}, {MaxTables: -1},
	} {
		_, err := monitoring.NewPG18StatsCollector(nil, o)
		require.ErrorIs(t, err, fault.Invalid)
	}
}

func TestRunCollectsUntilItEnds(t *testing.T) {
	db := pgtest.New(t)
	c := collector(t, db.Monitor(t), monitoring.Options{Interval: 100 * time.Millisecond, LockInterval: 100 * time.Millisecond})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	for range 3 {
		_, changed := c.Latest()
		select {
		case <-changed:
		case <-time.After(10 * time.Second):
			t.Fatal("no collection")
		}
	}
	stop()
	require.NoError(t, <-done)
	require.GreaterOrEqual(t, len(c.History()), 2)
}
