package schema_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/schema"
)

// asApp opens a connection of the application's role inside campaign 1.
func asApp(t *testing.T, db *pgtest.DB) *pgx.Conn {
	t.Helper()
	conn := connect(t, db.AppURL)
	_, err := conn.Exec(t.Context(), `SET app.campaign_id = '1'`)
	require.NoError(t, err)
	return conn
}

func column(t *testing.T, conn *pgx.Conn, sql string) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql, pgx.QueryExecModeExec)
	require.NoError(t, err)
	values, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return values
}

func explain(t *testing.T, conn *pgx.Conn, query string) string {
	t.Helper()
	return strings.Join(column(t, conn, `EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, SUMMARY OFF) `+query), "\n")
}

func indexSearches(t *testing.T, plan string) int {
	t.Helper()
	n := 0
	for _, line := range regexp.MustCompile(`Index Searches: (\d+)`).FindAllStringSubmatch(plan, -1) {
		v, err := strconv.Atoi(line[1])
		require.NoError(t, err)
		n += v
	}
	return n
}

// Each of the skip indexes, with its second column left out: a few searches take
// the place of a walk through the whole campaign.
func TestSkipScanServesARangeWithoutTheColumnBetween(t *testing.T) {
	db := pgtest.New(t)
	scope(t, db, 3)
	writeContent(t, db, 3, 3000)
	writeEvents(t, db, 3, 3000)
	exec(t, db, `
INSERT INTO ovasabi.service_user_main (campaign_id, email, status, last_login_at)
SELECT c, n || '@example.com', (ARRAY['active', 'invited', 'suspended', 'deleted'])[1 + n % 4], timestamptz '2026-01-01' + n * interval '1 minute'
FROM generate_series(1, 3) AS c
CROSS JOIN generate_series(1, 3000) AS n`)
	exec(t, db, `VACUUM ANALYZE ovasabi.service_user_main`)
	conn := asApp(t, db)
	cases := []struct{ index, query string }{
		{"idx_content_campaign_skip", `SELECT id FROM ovasabi.service_content_main WHERE campaign_id = 1::bigint AND created_at BETWEEN '2026-01-02' AND '2026-01-02 00:10'`},
		{"idx_events_campaign_skip", `SELECT entity_id FROM ovasabi.service_event WHERE campaign_id = 1::bigint AND occurred_at BETWEEN '2026-01-01 00:10' AND '2026-01-01 00:10:05'`},
		{"idx_users_campaign_skip", `SELECT id FROM ovasabi.service_user_main WHERE campaign_id = 1::bigint AND last_login_at BETWEEN '2026-01-02' AND '2026-01-02 00:10'`},
	}
	for _, c := range cases {
		t.Run(c.index, func(t *testing.T) {
			// The plain index on the same range would be chosen first: the question is what the wide one does alone.
			owner, err := db.Owner(t).Begin(t.Context())
			require.NoError(t, err)
			defer owner.Rollback(t.Context())
			_, err = owner.Exec(t.Context(), `
UPDATE pg_catalog.pg_index
SET indisvalid = false
WHERE indexrelid = ANY (ARRAY['ovasabi.idx_content_campaign_created', 'ovasabi.idx_events_campaign_occurred', 'ovasabi.idx_users_campaign_login']::regclass[])`)
			require.NoError(t, err)
			_, err = owner.Exec(t.Context(), `SET LOCAL ROLE ovasabi_app; SET LOCAL app.campaign_id = '1'`, pgx.QueryExecModeSimpleProtocol)
			require.NoError(t, err)
			rows, err := owner.Query(t.Context(), `EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, SUMMARY OFF) `+c.query, pgx.QueryExecModeExec)
			require.NoError(t, err)
			lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
			require.NoError(t, err)
			plan := strings.Join(lines, "\n")
			require.Contains(t, plan, c.index, plan)
			searches := indexSearches(t, plan)
			require.Greater(t, searches, 1, plan)
			require.LessOrEqual(t, searches, 10, plan)
			require.Less(t, buffers(t, plan), 60, plan)
		})
	}
	// With the column given, it is one ordinary search.
	plan := explain(t, conn, `SELECT id FROM ovasabi.service_content_main WHERE campaign_id = 1::bigint AND status = 'draft' ORDER BY created_at DESC, id DESC LIMIT 20`)
	require.Contains(t, plan, "Index Only Scan Backward using idx_content_campaign_skip")
	require.Equal(t, 1, indexSearches(t, plan), plan)
	require.NotContains(t, plan, "Sort")
	// 20 entries of the index, and at most a heap page for each where the visibility map is not set yet.
	require.Less(t, buffers(t, plan), 26, plan)
}

// What the dropped indexes served, the wider ones serve; `down` restores them.
func TestNeedlessIndexesAreDroppedAndRestored(t *testing.T) {
	db := pgtest.New(t, pgtest.Phase(int(schema.GeneratedColumns)))
	m := migrator(t, db.OwnerURL, schema.Options{})
	needless := []string{"ovasabi.idx_content_campaign_status", "ovasabi.idx_events_campaign_type", "ovasabi.idx_users_campaign_status", "ovasabi.idx_products_campaign_status"}
	there := func() int {
		return value[int](t, db, `SELECT count(*) FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NOT NULL`, needless)
	}
	require.Equal(t, len(needless), there())
	exec(t, db, `CREATE INDEX idx_content_campaign_skip ON ovasabi.service_content_main (campaign_id, status, created_at, id)`)
	exec(t, db, `CREATE INDEX idx_events_campaign_skip ON ovasabi.service_event (campaign_id, event_type, occurred_at, entity_id)`)
	exec(t, db, `CREATE INDEX idx_users_campaign_skip ON ovasabi.service_user_main (campaign_id, status, last_login_at, id)`)
	exec(t, db, `CREATE INDEX idx_products_campaign_newest ON ovasabi.service_product_main (campaign_id, status, id)`)
	redundant := func() (found []string) {
		for _, f := range verify(t, m).Findings {
			if f.ID == "index_redundant" {
				found = append(found, f.Object)
			}
		}
		return found
	}
	require.ElementsMatch(t, needless, redundant(), "the catalog says which are needless, and the migration drops those and no other")

	require.NoError(t, m.Up(t.Context(), schema.Indexes))
	require.Zero(t, there())
	require.Empty(t, redundant())
	require.NoError(t, m.Down(t.Context(), schema.GeneratedColumns))
	require.Equal(t, len(needless), there())
}

const locksSQL = `
SELECT DISTINCT 'ovasabi.' || c.relname
FROM pg_catalog.pg_locks AS l
JOIN pg_catalog.pg_class AS c ON c.oid = l.relation
WHERE l.pid = pg_catalog.pg_backend_pid()
  AND c.relname LIKE 'service\_event\_p__'
ORDER BY 1`

// A query that names its campaign reads one partition, and locks no other when it
// is planned for its values. A generic plan locks every partition, although it
// reads one: that is the price told in docs/partitioning.md.
func TestPartitionsArePruned(t *testing.T) {
	db, _ := filled(t)
	home := value[string](t, db, `SELECT tableoid::regclass::text FROM ovasabi.service_event WHERE campaign_id = 1 LIMIT 1`)
	conn := asApp(t, db)
	run := func(sql string) {
		t.Helper()
		_, err := conn.Exec(t.Context(), sql, pgx.QueryExecModeExec)
		require.NoError(t, err)
	}
	run(`PREPARE newest (bigint) AS SELECT event_id FROM ovasabi.service_event WHERE campaign_id = $1 ORDER BY occurred_at DESC, id DESC LIMIT 10`)
	for mode, locked := range map[string]int{"force_custom_plan": 1, "force_generic_plan": 4} {
		run(`SET plan_cache_mode = ` + mode)
		plan := explain(t, conn, `EXECUTE newest (1)`)
		require.Contains(t, plan, strings.TrimPrefix(home, "ovasabi.")+"_campaign_id_occurred_at_id_idx", plan)
		for _, other := range []string{"service_event_p00", "service_event_p01", "service_event_p02", "service_event_p03"} {
			if "ovasabi."+other != home {
				require.NotContains(t, plan, other+"_", plan)
			}
		}
		require.Less(t, buffers(t, plan), 20, plan)
		if mode == "force_generic_plan" {
			require.Contains(t, plan, "Subplans Removed: 3")
		}
		run(`BEGIN`)
		run(`EXECUTE newest (1)`)
		locks := column(t, conn, locksSQL)
		run(`COMMIT`)
		require.Len(t, locks, locked)
		require.Contains(t, locks, home)
	}
	// The scope alone prunes as well, when the query itself forgets its campaign.
	plan := explain(t, conn, `SELECT count(*) FROM ovasabi.service_event`)
	require.Contains(t, plan, "Subplans Removed: 3", plan)
}
