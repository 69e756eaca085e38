package schema

import (
	"context"

	"github.com/ovasabi/ovasabi/pkg/database"
)

// AtWork tells whether a migrator is at work on the database, by its advisory lock:
// whoever may connect can read that.
func AtWork(ctx context.Context, q database.Querier) (bool, error) {
	var at bool
	err := q.QueryRow(ctx, `
SELECT EXISTS (
    SELECT
    FROM pg_catalog.pg_locks AS l
    WHERE l.locktype = 'advisory'
      AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())
      AND (l.classid::bigint << 32) + l.objid::bigint = $1::bigint
      AND l.objsubid = 1
      AND l.granted
)`, lockKey).Scan(&at)
	return at, migrationFault(err)
}
