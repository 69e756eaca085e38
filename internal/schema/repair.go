package schema

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// ourInvalidSQL lists indexes that cannot be used and are ours: recorded by a
// migration, or the half that a REINDEX CONCURRENTLY leaves when it is killed.
const ourInvalidSQL = `
SELECT c.relname::text, c.relname ~ '_cc(new|old)[0-9]*$'
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
WHERE c.relnamespace = to_regnamespace('ovasabi')
  AND c.relkind = 'i'
  AND NOT (i.indisvalid AND i.indisready AND i.indislive)
  AND (
      c.relname ~ '_cc(new|old)[0-9]*$'
      OR EXISTS (
          SELECT
          FROM ovasabi.schema_object AS o
          WHERE o.kind = 'index'
            AND o.name = c.relname
      )
  )
ORDER BY 1`

// repairIndexes builds again what a maintenance that was cut short left unusable.
func (m *Migrator) repairIndexes(ctx context.Context) error {
	var recorded bool
	if err := m.db.QueryRowContext(ctx, `SELECT to_regclass('ovasabi.schema_object') IS NOT NULL`).Scan(&recorded); err != nil || !recorded {
		return migrationFault(err)
	}
	type broken struct {
		Name string
		Half bool
	}
	all, err := query[broken](ctx, m.db, ourInvalidSQL)
	if err != nil || len(all) == 0 {
		return err
	}
	return m.session(ctx, func(conn *pgx.Conn) error {
		for _, ix := range all {
			statement := "REINDEX INDEX CONCURRENTLY "
			if ix.Half {
				statement = "DROP INDEX CONCURRENTLY IF EXISTS "
			}
			statement += qualified("ovasabi", ix.Name)
			m.o.Progress(ix.Name + " was left unusable: " + statement)
			if err := m.concurrently(ctx, conn, statement); err != nil {
				return migrationFault(err)
			}
		}
		return nil
	})
}
