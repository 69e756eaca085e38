package schema_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/schema"
)

// A connection keeps the generic plan that it made while the tables were empty. It
// must be one that serves when they have filled: by an index, not by a walk through
// the table, until autovacuum comes by and has it made anew.
func TestPlansMadeOnAFreshDatabaseServeAFilledOne(t *testing.T) {
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
			tables := []string{"service_content_main", "service_user_main", "service_product_main", "service_event"}
			for _, table := range tables {
				run(`PREPARE one_` + table + ` (bigint, bigint) AS SELECT t.id FROM ovasabi.` + table + ` AS t WHERE t.campaign_id = $1 AND t.id = $2`)
				run(`EXECUTE one_` + table + ` (1, 1)`)
			}
			writeContent(t, db, 3, 3000)
			writeEvents(t, db, 3, 3000)
			exec(t, db, `
INSERT INTO ovasabi.service_user_main (campaign_id, email)
SELECT c, n || '@example.com'
FROM generate_series(1, 3) AS c
CROSS JOIN generate_series(1, 3000) AS n`)
			exec(t, db, `
INSERT INTO ovasabi.service_product_main (campaign_id, sku, name, price)
SELECT c, 'sku-' || n, 'Product ' || n, 100
FROM generate_series(1, 3) AS c
CROSS JOIN generate_series(1, 3000) AS n`)
			for _, table := range tables {
				id := value[int64](t, db, `SELECT id FROM ovasabi.`+table+` WHERE campaign_id = 1 ORDER BY id DESC LIMIT 1`)
				plan := explain(t, conn, `EXECUTE one_`+table+` (1, `+strconv.FormatInt(id, 10)+`)`)
				require.Contains(t, plan, "rows=1.00", plan)
				require.NotContains(t, plan, "Seq Scan", plan)
				require.LessOrEqual(t, buffers(t, plan), 6, strings.TrimSpace(plan))
			}
		})
	}
}
