package repository

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Statement is a text that the server has parsed once. It belongs to no
// connection: it runs through any Querier, and the connection that gets it finds
// it in its cache or prepares it. It is safe for concurrent use.
//
// Outside a transaction a plan that a migration made stale is planned anew and
// the statement run again, unseen by the caller: once a migration that it meets.
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

// onceMore makes a text that no connection has prepared: the retry may go to
// another connection, whose plan of the same text is stale too.
const onceMore = "\n-- planned anew"

// Query runs the statement. The rows are closed by reading them to their end or
// by Close. Errors are faults.
func (s *Statement) Query(ctx context.Context, q database.Querier, args ...any) (pgx.Rows, error) {
	rows, err := s.query(ctx, q, args)
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// query returns once it is known that the plan fits: with the first row, or the end.
func (s *Statement) query(ctx context.Context, q database.Querier, args []any) (*peekedRows, error) {
	text := s.sql
	for attempt := 1; ; attempt++ {
		rows, err := peek(ctx, q, text, args)
		if err == nil {
			return rows, nil
		}
		if !s.retry(q, err, attempt) {
			return nil, fault.FromPostgres(err)
		}
		text = s.sql + onceMore
	}
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
	text := s.sql
	for attempt := 1; ; attempt++ {
		tag, err := q.Exec(ctx, text, args...)
		if err == nil || !s.retry(q, err, attempt) {
			return tag, fault.FromPostgres(err)
		}
		text = s.sql + onceMore
	}
}

// Queue adds the statement to a batch.
func (s *Statement) Queue(b *pgx.Batch, args ...any) *pgx.QueuedQuery {
	return b.Queue(s.sql, args...)
}

// mostAttempts allows for the next migrations, which a retry can meet that had to
// wait for its connection.
const mostAttempts = 4

func (s *Statement) retry(q database.Querier, err error, attempt int) bool {
	if attempt == mostAttempts || !database.IsStalePlan(err) || inTransaction(q) {
		return false
	}
	s.pool.counts.retries.Add(1)
	return true
}

func inTransaction(q database.Querier) bool {
	switch q := q.(type) {
	case interface{ InTransaction() bool }:
		return q.InTransaction()
	case pgx.Tx:
		return true
	case interface{ Conn() *pgx.Conn }:
		conn := q.Conn()
		return conn != nil && conn.PgConn().TxStatus() != 'I'
	case interface{ PgConn() *pgconn.PgConn }:
		return q.PgConn().TxStatus() != 'I'
	default:
		return false
	}
}
