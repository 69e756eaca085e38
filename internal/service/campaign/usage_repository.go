package campaign

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// usageTables are counted, by name. The names stand in the SQL, so they are these and no others.
var usageTables = []string{"service_content_main", "service_event", "service_product_main", "service_user_main"}

// usageSQL counts each table and estimates its bytes from its first 1,000 rows:
// measuring every row would read them all from TOAST.
var usageSQL = func() string {
	parts := make([]string, len(usageTables))
	for i, table := range usageTables {
		name := pgx.Identifier{"ovasabi", table}.Sanitize()
		parts[i] = `
SELECT
    '` + table + `' AS table_name,
    counted.rows,
    (counted.rows * coalesce(sample.bytes, 0))::bigint AS bytes
FROM (
    SELECT count(*) AS rows
    FROM ` + name + ` AS t
    WHERE t.campaign_id = $1::bigint
) AS counted
CROSS JOIN (
    SELECT avg(pg_column_size(picked.t)) AS bytes
    FROM (
        SELECT t
        FROM ` + name + ` AS t
        WHERE t.campaign_id = $1::bigint
        LIMIT 1000
    ) AS picked
) AS sample`
	}
	return strings.Join(parts, "\nUNION ALL") + "\nORDER BY table_name"
}()

type tableUsage struct {
	Table string
	Rows  int64
	Bytes int64
}

func (repository) usage(ctx context.Context, db database.Querier, id int64) ([]tableUsage, error) {
	rows, err := db.Query(ctx, usageSQL, id)
	if err != nil {
		return nil, fault.FromPostgres(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowToStructByPos[tableUsage])
	return tables, fault.FromPostgres(err)
}
