package schema

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// olderKeySQL lists the campaigns' tables that are empty and have a primary key
// that is older than another index.
const olderKeySQL = `
SELECT t.relname::text, k.conname::text, pg_catalog.pg_get_constraintdef(k.oid)
FROM pg_catalog.pg_class AS t
JOIN pg_catalog.pg_constraint AS k ON k.conrelid = t.oid AND k.contype = 'p'
WHERE t.relnamespace = to_regnamespace('ovasabi')
  AND t.relkind = 'r'
  AND NOT t.relispartition
  AND t.relrowsecurity
  AND pg_catalog.pg_relation_size(t.oid) = 0
  AND EXISTS (
      SELECT
      FROM pg_catalog.pg_index AS i
      WHERE i.indrelid = t.oid
        AND i.indexrelid > k.conindid
  )
  AND NOT EXISTS (
      SELECT
      FROM pg_catalog.pg_constraint AS f
      WHERE f.contype = 'f'
        AND f.conindid = k.conindid
  )
ORDER BY 1`

// renewEmptyKeys makes the primary keys of empty tables anew, after their other
// indexes.
//
// On an empty table every index that ends in the id costs a read by id the same, and
// of equal paths the planner takes that over the newest index. A connection keeps this
// generic plan, and while the table fills a skip scan walks through the campaign where
// the primary key would find the row at once, until autovacuum analyzes the table.
// Source: get_relation_info in PostgreSQL's src/backend/optimizer/util/plancat.c, which
// lists the newest index first, and add_path, which keeps the first of equal paths.
//
// A table that somebody has locked is in use, and left as it is.
func (m *Migrator) renewEmptyKeys(ctx context.Context) error {
	type primaryKey struct{ Table, Name, Definition string }
	keys, err := query[primaryKey](ctx, m.db, olderKeySQL)
	if err != nil || len(keys) == 0 {
		return err
	}
	return m.session(ctx, func(conn *pgx.Conn) error {
		for _, k := range keys {
			table, name := qualified("ovasabi", k.Table), pgx.Identifier{k.Name}.Sanitize()
			err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
				if err := execAll(ctx, tx, "LOCK TABLE "+table+" IN ACCESS EXCLUSIVE MODE NOWAIT"); err != nil {
					return err
				}
				if pages, err := pagesOf(ctx, conn, table); err != nil || pages > 0 {
					return err
				}
				return execAll(ctx, tx, fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s, ADD CONSTRAINT %s %s", table, name, name, k.Definition))
			})
			if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == fault.CodeLockNotAvailable {
				continue
			}
			if err != nil {
				return migrationFault(err)
			}
		}
		return nil
	})
}
