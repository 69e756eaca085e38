package repository

import (
	"context"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// peekedRows may have read ahead to its first row, speaks the error vocabulary
// and ends the measurement of its call when it is closed. One object for all
// three, because each would be an allocation a query.
type peekedRows struct {
	pgx.Rows
	first bool // Next was called once and returned true
	read  int64
	call  call
}

// query runs a text outside or inside a transaction and returns once it is known
// that its plan fits. Outside, a plan that a migration made stale is planned anew,
// which retried counts where it is given.
func query(ctx context.Context, q database.Querier, sql string, args []any, retried *atomic.Int64) (*peekedRows, error) {
	text := sql
	for attempt := 1; ; attempt++ {
		rows, err := peek(ctx, q, text, args)
		if err == nil {
			return rows, nil
		}
		anew, again := replan(q, sql, err, attempt, retried)
		if !again {
			return nil, fault.FromPostgres(err)
		}
		text = anew
	}
}

// exec is query for a statement's effect.
func exec(ctx context.Context, q database.Querier, sql string, args []any, retried *atomic.Int64) (pgconn.CommandTag, error) {
	text := sql
	for attempt := 1; ; attempt++ {
		tag, err := q.Exec(ctx, text, args...)
		if err == nil {
			return tag, nil
		}
		anew, again := replan(q, sql, err, attempt, retried)
		if !again {
			return tag, fault.FromPostgres(err)
		}
		text = anew
	}
}

func replan(q database.Querier, sql string, err error, attempt int, retried *atomic.Int64) (text string, again bool) {
	text, again = database.Replan(sql, err, attempt)
	if !again || database.InTransaction(q) {
		return "", false
	}
	if retried != nil {
		retried.Add(1)
	}
	return text, true
}

// peek returns once it is known whether the statement runs: with the first row or the end.
func peek(ctx context.Context, q database.Querier, sql string, args []any) (*peekedRows, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	r := &peekedRows{Rows: rows}
	if r.first = rows.Next(); !r.first {
		if err := rows.Err(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Next reads one row; after the last one the call is measured.
func (r *peekedRows) Next() bool {
	if r.first || r.Rows.Next() {
		r.first = false
		r.read++
		return true
	}
	r.call.end(r.read, r.Rows.Err())
	return false
}

// Close ends the rows and the measurement. Closing twice does nothing.
func (r *peekedRows) Close() {
	r.first = false
	r.Rows.Close()
	r.call.end(r.read, r.Rows.Err())
}

// Err returns the fault that ended the rows, or nil. It is complete after Close.
func (r *peekedRows) Err() error { return fault.FromPostgres(r.Rows.Err()) }

// Scan reads the current row.
func (r *peekedRows) Scan(dest ...any) error { return fault.FromPostgres(r.Rows.Scan(dest...)) }

type peekedRow peekedRows

// Scan reads the row and closes it; without a row it returns a NotFound fault.
func (r *peekedRow) Scan(dest ...any) error {
	rows := (*peekedRows)(r)
	if !rows.Next() {
		rows.Close()
		if err := rows.Err(); err != nil {
			return err
		}
		return fault.FromPostgres(pgx.ErrNoRows)
	}
	err := rows.Rows.Scan(dest...)
	rows.Close()
	if err == nil {
		err = rows.Rows.Err()
	}
	return fault.FromPostgres(err)
}

type failedRow struct{ err error }

func (r failedRow) Scan(...any) error { return r.err }
