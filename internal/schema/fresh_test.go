package schema_test

import (
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/schema"
)

// A connection keeps the generic plan that it made while the tables were empty. It
// must be one that serves when they have filled: one search of the primary key, not
// a walk through the table or the campaign, until autovacuum comes by and has the
// plan made anew. So nothing here analyzes.
func TestPlansMadeOnAFreshDatabaseServeAFilledOne(t *testing.T) {
	tables := []struct{ name, columns, values string }{
		{"service_content_main", "slug, title", "n::text, 'title'"},
		{"service_user_main", "email", "n || '@example.com'"},
		{"service_product_main", "sku, name, price", "n::text, 'name', 100"},
		{"service_event", "event_id, event_type, entity_id, occurred_at", "n::text, 'content:create:v1:success', 'entity', now()"},
	}
	for _, partitions := range []int{0, 4} {
		t.Run("partitions "+strconv.Itoa(partitions), func(t *testing.T) {
			db := pgtest.New(t)
			m := migrator(t, db.OwnerURL, schema.Options{Partitions: &partitions})
			require.NoError(t, m.Up(t.Context(), schema.Latest()))
			scope(t, db, 3)
			conn := asApp(t, db)
			run := func(sql string) {
				t.Helper()
				_, err := conn.Exec(t.Context(), sql, pgx.QueryExecModeExec)
				require.NoError(t, err)
			}
			run(`SET plan_cache_mode = force_generic_plan`)
			for _, table := range tables {
				run(`PREPARE one_` + table.name + ` (bigint, bigint) AS SELECT t.metadata FROM ovasabi.` + table.name + ` AS t WHERE t.campaign_id = $1 AND t.id = $2`)
				run(`EXECUTE one_` + table.name + ` (1, 1)`)
			}
			for _, table := range tables {
				exec(t, db, `
INSERT INTO ovasabi.`+table.name+` (campaign_id, `+table.columns+`)
SELECT c, `+table.values+`
FROM generate_series(1, 3) AS c
CROSS JOIN generate_series(1, 3000) AS n`)
				id := value[int64](t, db, `SELECT max(id) FROM ovasabi.`+table.name+` WHERE campaign_id = 1`)
				plan := explain(t, conn, `EXECUTE one_`+table.name+` (1, `+strconv.FormatInt(id, 10)+`)`)
				require.Contains(t, plan, "rows=1.00", plan)
				require.NotContains(t, plan, "Seq Scan", plan)
				require.Equal(t, 1, indexSearches(t, plan), plan)
				require.LessOrEqual(t, buffers(t, plan), 5, plan)
			}
		})
	}
}

// The keys are renewed once, on empty tables, and never under somebody's feet.
func TestKeysOfTablesInUseAreLeftAlone(t *testing.T) {
	db := pgtest.New(t)
	scope(t, db, 1)
	const keySQL = `SELECT conindid::bigint FROM pg_constraint WHERE conname = 'service_user_main_pkey'`
	key := value[int64](t, db, keySQL)
	up := func() {
		t.Helper()
		require.NoError(t, migrator(t, db.OwnerURL, schema.Options{}).Up(t.Context(), schema.Latest()))
	}
	up()
	require.Equal(t, key, value[int64](t, db, keySQL), "it is the newest index already")

	// Another index, which is newer.
	exec(t, db, `CREATE INDEX newer ON ovasabi.service_user_main (campaign_id, id)`)
	conn := connect(t, db.OwnerURL)
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `SELECT count(*) FROM ovasabi.service_user_main`)
	require.NoError(t, err)
	up()
	require.Equal(t, key, value[int64](t, db, keySQL), "somebody reads the table")
	require.NoError(t, tx.Rollback(t.Context()))

	exec(t, db, `INSERT INTO ovasabi.service_user_main (campaign_id, email) VALUES (1, 'a@example.com')`)
	up()
	require.Equal(t, key, value[int64](t, db, keySQL), "the table has rows")

	exec(t, db, `TRUNCATE ovasabi.service_user_main`)
	up()
	require.Greater(t, value[int64](t, db, keySQL), key)
}
