package twin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Query runs a twin as db.Query would run one text, and must be used in the same
// way: the rows are closed, and their Err is looked at afterwards. Errors are faults.
//
// It returns once the first row is there, or there is none: only then is it known
// that the side which was picked can run, and no row of the other has been handed
// out. From there rows stream.
//
// Inside a transaction the optimised side runs under a savepoint (see
// Options.Trust), because an error there would take the transaction with it. An
// error on a later row, such as from a function that was dropped meanwhile, is
// the caller's: rows have been handed out by then.
func (r *Runner) Query(ctx context.Context, db database.Querier, t *Twin, args ...any) (pgx.Rows, error) {
	if r == nil {
		return db.Query(t.named(ctx), t.pair.Plain, args...)
	}
	rows, err := r.query(ctx, db, t, args)
	if err != nil {
		return failedRows{err}, err
	}
	return rows, nil
}

// QueryRow runs a twin that returns one row, as db.QueryRow would. Its Scan
// returns a NotFound fault, which is pgx.ErrNoRows as well, where there is none.
func (r *Runner) QueryRow(ctx context.Context, db database.Querier, t *Twin, args ...any) pgx.Row {
	if r == nil {
		return db.QueryRow(t.named(ctx), t.pair.Plain, args...)
	}
	rows, err := r.query(ctx, db, t, args)
	if err != nil {
		return failedRow{err}
	}
	return (*countedRow)(rows)
}

func (r *Runner) query(ctx context.Context, db database.Querier, t *Twin, args []any) (*countedRows, error) {
	c := r.begin(ctx, t)
	ctx = t.named(ctx)
	rows, sp, err := run(ctx, &c, db, func(db database.Querier, sql string) (*countedRows, error) {
		return firstRow(ctx, db, sql, args)
	})
	if err != nil {
		c.end(0, err)
		return nil, fault.FromPostgres(err)
	}
	rows.call, rows.savepoint = c, sp
	return rows, nil
}

// Exec runs a twin that returns no rows, as db.Exec would.
func (r *Runner) Exec(ctx context.Context, db database.Querier, t *Twin, args ...any) (pgconn.CommandTag, error) {
	if r == nil {
		return db.Exec(t.named(ctx), t.pair.Plain, args...)
	}
	c := r.begin(ctx, t)
	ctx = t.named(ctx)
	tag, sp, err := run(ctx, &c, db, func(db database.Querier, sql string) (pgconn.CommandTag, error) {
		return db.Exec(ctx, sql, args...)
	})
	if err == nil {
		err = sp.release()
	}
	c.end(tag.RowsAffected(), err)
	return tag, fault.FromPostgres(err)
}

// try runs a text once.
type try[T any] func(db database.Querier, sql string) (T, error)

// run tries the side that was picked and, where that cannot run, the plain one.
// An open savepoint that comes back is the caller's to release.
func run[T any](ctx context.Context, c *call, db database.Querier, try try[T]) (T, *savepoint, error) {
	t := c.st.twin
	var fell error
	if c.side == Optimised {
		result, sp, err := runOptimised(ctx, c, db, try)
		if c.side == Optimised {
			return result, sp, err
		}
		fell = err
	}
	inTx := database.InTransaction(db)
	result, err := tryAnew(db, t.pair.Plain, try, func() bool { return !inTx })
	if fell != nil && codeOf(err) == codeTransactionAborted {
		// db stands on a transaction and did not say so: what ended it is the cause.
		err = transactionLost(t, fell)
	}
	return result, nil, err
}

// tryAnew tries a side and, where a migration made its plan stale and may says
// that another try can be made, a text that no connection has prepared.
func tryAnew[T any](db database.Querier, sql string, try try[T], may func() bool) (T, error) {
	text := sql
	for attempt := 1; ; attempt++ {
		result, err := try(db, text)
		if err == nil {
			return result, nil
		}
		anew, again := database.Replan(sql, err, attempt)
		if !again || !may() {
			return result, err
		}
		text = anew
	}
}

// codeTransactionAborted is in_failed_sql_transaction.
const codeTransactionAborted = "25P02"

// runOptimised tries the optimised side. Where it cannot run on this schema and
// the plain one can be tried, the call becomes a plain one and err says why.
func runOptimised[T any](ctx context.Context, c *call, db database.Querier, try try[T]) (result T, sp *savepoint, err error) {
	t, h := c.st.twin, &c.st.health
	decided := !c.probe
	defer func() {
		if !decided { // another error, or a panic below
			h.undecided()
		}
	}()
	inTx := database.InTransaction(db)
	if inTx && !c.trusted() {
		if sp, err = begin(ctx, db); err != nil {
			return result, nil, err
		}
	}
	result, err = tryAnew(t.planned(db), t.pair.Optimised, try, func() bool { return !inTx || sp != nil && sp.undo() == nil })
	switch {
	case err == nil:
		decided = true
		c.r.passed(ctx, t, h, time.Now(), c.probe)
		return result, sp, nil
	case schemaCode(err) == "":
		return result, nil, err
	}
	decided = true
	c.r.failed(ctx, t, h, time.Now(), c.probe, err)
	if inTx && sp == nil {
		return result, nil, transactionLost(t, err)
	}
	if undone := errors.Join(sp.undo(), sp.release()); undone != nil {
		return result, nil, fmt.Errorf("%w: %w", transactionLost(t, err), undone)
	}
	c.fellBack()
	return result, nil, err
}

// trusted says whether the optimised side has run so lately that no savepoint is wanted.
func (c *call) trusted() bool {
	trust := c.r.options.Trust
	return trust > 0 && !c.probe && c.start.UnixNano()-c.st.health.goodAt.Load() < int64(trust)
}

func transactionLost(t *Twin, err error) error {
	return &fault.Error{
		Kind:    fault.Unavailable,
		Code:    codeOf(err),
		Message: "the optimised query of " + t.name + " cannot run on this schema and has ended the transaction: run the transaction again, and the plain query answers",
		Err:     err,
	}
}
