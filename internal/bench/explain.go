package bench

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// explained is what the server says about one execution.
type explained struct {
	buffers  float64 // found in shared memory or read
	searches float64 // of indexes
	planning float64 // ms
	running  float64 // ms
	rows     float64
}

type planNode struct {
	Hit      float64    `json:"Shared Hit Blocks"`
	Read     float64    `json:"Shared Read Blocks"`
	Searches float64    `json:"Index Searches"`
	Rows     float64    `json:"Actual Rows"`
	Loops    float64    `json:"Actual Loops"`
	Plans    []planNode `json:"Plans"`
}

func (n planNode) searches() float64 {
	total := n.Searches
	for _, child := range n.Plans {
		total += child.searches()
	}
	return total
}

type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

const explainSQL = "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, SUMMARY, FORMAT JSON)\n"

// explain runs the text, planned for its values, and asks the server what it did.
func explain(ctx context.Context, q querier, text string, args []any) (explained, error) {
	var all []struct {
		Plan     planNode `json:"Plan"`
		Planning float64  `json:"Planning Time"`
		Running  float64  `json:"Execution Time"`
	}
	err := q.QueryRow(ctx, explainSQL+text, args...).Scan(&all)
	if err != nil {
		return explained{}, fault.FromPostgres(err)
	}
	p := all[0].Plan
	return explained{p.Hit + p.Read, p.searches(), all[0].Planning, all[0].Running, p.Rows}, nil
}

// explain runs one side of a call inside its campaign and asks the server what it
// did. It is planned as the services have it planned: for its values, or once for all.
func (f *fullSide) explain(ctx context.Context, c call, side twin.Side) (e explained, err error) {
	text := c.read.plain
	t, isTwin := twin.Lookup(c.read.twin)
	if isTwin {
		text = t.SQL(side)
	}
	if isTwin && side == twin.Optimised && t.PlanMode() == database.GenericPlan {
		e, err = f.explainGeneric(ctx, c, text)
	} else {
		e, err = explain(in(ctx, c.id), f.scope, text, c.args)
	}
	if err != nil {
		err = fmt.Errorf("explain %s: %w", c.read.name, err)
	}
	return e, err
}

// statements counts what explainGeneric has prepared. A transaction that fails leaves
// its statement behind, so that none has the name of another.
var statements atomic.Int64

// explainGeneric has the text planned for any values. EXPLAIN itself takes no
// parameters for that, only EXECUTE with literals.
func (f *fullSide) explainGeneric(ctx context.Context, c call, text string) (e explained, err error) {
	name := pgx.Identifier{fmt.Sprintf("bench_%d", statements.Add(1))}.Sanitize()
	places := make([]string, len(c.args))
	for i := range places {
		places[i] = fmt.Sprintf("$%d", i+1)
	}
	err = f.scope.InTx(in(ctx, c.id), database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		for _, s := range []string{"SET LOCAL plan_cache_mode = force_generic_plan", "PREPARE " + name + " AS " + text} {
			if _, err := tx.Exec(ctx, s, pgx.QueryExecModeSimpleProtocol); err != nil {
				return fault.FromPostgres(err)
			}
		}
		args := append([]any{pgx.QueryExecModeSimpleProtocol}, c.args...)
		if e, err = explain(ctx, tx, "EXECUTE "+name+" ("+strings.Join(places, ", ")+")", args); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "DEALLOCATE "+name, pgx.QueryExecModeSimpleProtocol)
		return fault.FromPostgres(err)
	})
	return e, err
}
