package database

import (
	"errors"
	"strconv"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// IsStalePlan reports whether err says that a prepared statement no longer fits:
// a migration changed what it returns ("cached plan must not change result type")
// or the server forgot it. The statement had no effect.
func IsStalePlan(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	const invalidStatementName = "26000"
	return pg.Code == invalidStatementName ||
		// The code alone says "feature not supported"; the routine says which.
		(pg.Code == fault.CodeFeatureNotSupported && pg.Routine == "RevalidateCachedQuery")
}

// staleAttempts allows for further migrations between a retry's prepare and its run.
const staleAttempts = 4

var replanned atomic.Int64

// Replan is the one rule for a statement outside a transaction that met a stale
// plan: it is run again, once a migration, under a text that no connection has
// prepared. The same text would not do, because the retry may go to another
// connection, whose plan of it is stale as well. Inside a transaction the error
// has ended the transaction, and InTx runs that again.
//
// attempt counts from 1. again is false where err says something else, or the
// attempts are used up. The new text differs by a comment, which neither the
// planner nor pg_stat_statements looks at.
func Replan(sql string, err error, attempt int) (text string, again bool) {
	if attempt >= staleAttempts || !IsStalePlan(err) {
		return "", false
	}
	return sql + "\n-- planned anew " + strconv.FormatInt(replanned.Add(1), 10), true
}
