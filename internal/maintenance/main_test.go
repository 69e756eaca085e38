package maintenance_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/maintenance"
	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/schema"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// filled is a database of the newest phase with rows in every table, vacuumed and
// analyzed, and autovacuum switched off, so that nobody mends what a test plants.
func filled(t testing.TB, partitions int) *pgtest.DB {
	t.Helper()
	name := "maintenance " + schema.Fingerprint() + map[bool]string{true: " in partitions"}[partitions > 0]
	db := pgtest.New(t, pgtest.WithTemplate(name, func(ctx context.Context, ownerURL string) error {
		if err := schema.Up(ctx, ownerURL, schema.Latest(), schema.Options{Partitions: &partitions}); err != nil {
			return err
		}
		conn, err := pgx.Connect(ctx, ownerURL)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		for _, statement := range []string{
			`CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA ovasabi`,
			`INSERT INTO ovasabi.service_campaign_main (id, slug, name) SELECT n, 'c' || n, 'Campaign' FROM generate_series(1, 3) AS n`,
			`INSERT INTO ovasabi.campaign_directory (slug, campaign_id) SELECT 'c' || n, n FROM generate_series(1, 3) AS n`,
			`INSERT INTO ovasabi.service_content_main (campaign_id, slug, title) SELECT 1 + n % 3, 'doc-' || n, 'Document ' || n FROM generate_series(1, 2000) AS n`,
			`INSERT INTO ovasabi.service_product_main (campaign_id, sku, name, price) SELECT 1, n::text, 'p', n FROM generate_series(1, 4000) AS n`,
			`INSERT INTO ovasabi.service_user_main (campaign_id, email) SELECT 1, n || '@example.com' FROM generate_series(1, 500) AS n`,
			`INSERT INTO ovasabi.service_event (campaign_id, event_id, event_type, occurred_at) SELECT 1 + n % 3, 'e' || n, 'a:b:v1:success', now() - n * interval '1 hour' FROM generate_series(1, 6000) AS n`,
			`DO $$
			DECLARE t regclass;
			BEGIN
				FOR t IN SELECT c.oid FROM pg_class AS c WHERE c.relnamespace = 'ovasabi'::regnamespace AND c.relkind = 'r' LOOP
					EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = false)', t);
				END LOOP;
			END
			$$`,
		} {
			if _, err := conn.Exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	}))
	execute(t, db, `VACUUM (ANALYZE)`) // the counters of a database are not cloned with it
	return db
}

// config does not look at the load of others: the tests that are about it do.
func config() maintenance.Config {
	c := maintenance.Default()
	c.LatencyRise, c.Patience, c.CostDelay, c.IndexMinBytes = 0, 0, 0, 1<<16
	return c
}

func open(t testing.TB, url string, c maintenance.Config, o maintenance.Options) *maintenance.Maintainer {
	t.Helper()
	m, err := maintenance.Open(t.Context(), url, c, o)
	require.NoError(t, err)
	t.Cleanup(m.Close)
	return m
}

// execute runs statements one by one on one connection as the owner, and makes their figures visible.
func execute(t testing.TB, db *pgtest.DB, statements ...string) {
	t.Helper()
	conn, err := db.Owner(t).Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	for _, s := range statements {
		// Flushed after each: an ANALYZE would set to zero what a session tells later.
		for _, s := range []string{s, `SELECT pg_stat_force_next_flush()`} {
			_, err := conn.Exec(t.Context(), s)
			require.NoError(t, err, s)
		}
	}
}

func value[T any](t testing.TB, db *pgtest.DB, sql string, args ...any) T {
	t.Helper()
	var v T
	require.NoError(t, db.Owner(t).QueryRow(t.Context(), sql, args...).Scan(&v))
	return v
}

func plan(t testing.TB, m *maintenance.Maintainer) maintenance.Plan {
	t.Helper()
	p, err := m.Plan(t.Context())
	require.NoError(t, err)
	return p
}

func run(t testing.TB, m *maintenance.Maintainer) maintenance.Report {
	t.Helper()
	r, err := m.Run(t.Context())
	require.NoError(t, err)
	return r
}

// names are the tasks as "action object".
func names(p maintenance.Plan) []string {
	all := []string{}
	for _, task := range p.Tasks {
		all = append(all, string(task.Action)+" "+task.Object)
	}
	return all
}

func outcomes(r maintenance.Report) map[string]string {
	all := map[string]string{}
	for _, result := range r.Results {
		all[string(result.Action)+" "+result.Object] = result.Outcome
	}
	return all
}

// hold keeps a transaction open on a connection of its own until the returned function is called.
func hold(t testing.TB, db *pgtest.DB, statements ...string) (release func()) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), db.OwnerURL)
	require.NoError(t, err)
	for _, s := range append([]string{"BEGIN"}, statements...) {
		_, err := conn.Exec(context.Background(), s)
		require.NoError(t, err, s)
	}
	released := false
	release = func() {
		if !released {
			released = true
			require.NoError(t, conn.Close(context.Background()))
		}
	}
	t.Cleanup(release)
	return release
}

// settled waits until the server no longer knows of the connections that were closed.
func settled(t testing.TB, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, 20*time.Second, 20*time.Millisecond)
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
