package explain

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Querier is what a statement is explained through: a pool, a scope, a transaction.
type Querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Run runs the statement, planned for its values, and tells what the server did.
func Run(ctx context.Context, q Querier, statement string, args ...any) (Plan, error) {
	var text []byte
	err := q.QueryRow(ctx, "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, SUMMARY, FORMAT JSON)\n"+statement, args...).Scan(&text)
	if err != nil {
		return Plan{}, fault.FromPostgres(err)
	}
	return read(text)
}

// prepared counts what InMode has prepared. A transaction that fails leaves its
// statement behind, so that none has the name of another.
var prepared atomic.Int64

// InMode is Run for a statement inside the campaign of the context, planned as a
// prepared statement is in this mode. EXPLAIN itself takes no parameters for that,
// only EXECUTE with literals.
func InMode(ctx context.Context, scope *campaign.Scope, mode database.PlanMode, statement string, args ...any) (plan Plan, err error) {
	name := pgx.Identifier{fmt.Sprintf("explained_%d", prepared.Add(1))}.Sanitize()
	places := make([]string, len(args))
	for i := range places {
		places[i] = fmt.Sprintf("$%d", i+1)
	}
	err = scope.InTx(ctx, database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		for _, s := range []string{"SET LOCAL plan_cache_mode = " + mode.Setting(), "PREPARE " + name + " AS " + statement} {
			if _, err := tx.Exec(ctx, s, pgx.QueryExecModeSimpleProtocol); err != nil {
				return fault.FromPostgres(err)
			}
		}
		literals := append([]any{pgx.QueryExecModeSimpleProtocol}, args...)
		if plan, err = Run(ctx, tx, "EXECUTE "+name+" ("+strings.Join(places, ", ")+")", literals...); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "DEALLOCATE "+name, pgx.QueryExecModeSimpleProtocol) // the connection goes back to its pool
		return fault.FromPostgres(err)
	})
	return plan, err
}
