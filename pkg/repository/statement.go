package repository

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ovasabi/ovasabi/pkg/database"
)

// Statement is a text that the server has parsed once. It belongs to no
// connection: it runs through any Querier, and the connection that gets it finds
// it in its cache or prepares it. It is safe for concurrent use.
//
// Outside a transaction a plan that a migration made stale is planned anew and
// the statement run again, unseen by the caller: once a migration that it meets.
// Inside, database.InTx runs the transaction again.
type Statement struct {
	pool       *PreparedStatementPool
	sql        string
	parameters int
	columns    []string
	used       atomic.Int64
}

// SQL returns the text.
func (s *Statement) SQL() string { return s.sql }

// Parameters returns the number of parameters.
func (s *Statement) Parameters() int { return s.parameters }

// Columns returns the names of the columns that the statement returned when it was first parsed.
func (s *Statement) Columns() []string { return slices.Clone(s.columns) }

// Query runs the statement. The rows are closed by reading them to their end or
// by Close. Errors are faults.
func (s *Statement) Query(ctx context.Context, q database.Querier, args ...any) (pgx.Rows, error) {
	rows, err := s.query(ctx, q, args)
	if err != nil {
		return nil, err
	}
	return rows, nil
}

func (s *Statement) query(ctx context.Context, q database.Querier, args []any) (*peekedRows, error) {
	return query(ctx, q, s.sql, args, &s.pool.counts.retries)
}

// QueryRow runs the statement and reads its first row; Scan returns a NotFound fault when there is none.
func (s *Statement) QueryRow(ctx context.Context, q database.Querier, args ...any) pgx.Row {
	rows, err := s.query(ctx, q, args)
	if err != nil {
		return failedRow{err}
	}
	return (*peekedRow)(rows)
}

// Exec runs the statement for its effect.
func (s *Statement) Exec(ctx context.Context, q database.Querier, args ...any) (pgconn.CommandTag, error) {
	return exec(ctx, q, s.sql, args, &s.pool.counts.retries)
}

// Queue adds the statement to a batch, whose results the caller reads: a plan
// that a migration made stale is an error there (see database.IsStalePlan).
func (s *Statement) Queue(b *pgx.Batch, args ...any) *pgx.QueuedQuery {
	return b.Queue(s.sql, args...)
}
