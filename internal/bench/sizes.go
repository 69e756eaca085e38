package bench

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

const indexBytesSQL = `
SELECT coalesce(sum(pg_catalog.pg_relation_size(i.indexrelid)), 0)::float8 / 1048576
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_am AS a ON a.oid = c.relam
WHERE t.relnamespace = 'ovasabi'::regnamespace
  AND t.relname ~ '^service_(content_main|user_main|product_main|event)'
  AND a.amname = $1::text`

// indexSizes says what the indexes of the services' tables take on both schemas.
func indexSizes(ctx context.Context, p *pair) ([]Fact, error) {
	var facts []Fact
	for _, side := range []struct {
		name string
		at   address
	}{{"before", p.plain}, {"after", p.newest}} {
		for _, method := range []string{"btree", "gin"} {
			mib, err := number(ctx, side.at.owner, indexBytesSQL, method)
			if err != nil {
				return nil, err
			}
			if mib > 0 {
				facts = append(facts, Fact{"size of all " + method + " indexes, " + side.name, mib, "MiB"})
			}
		}
	}
	return facts, nil
}

// number reads one number as the owner.
func number(ctx context.Context, url, text string, args ...any) (float64, error) {
	var n float64
	err := with(ctx, url, func(conn *pgx.Conn) error { return conn.QueryRow(ctx, text, args...).Scan(&n) })
	return n, fault.FromPostgres(err)
}
