package database

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Querier is what a repository runs its statements through. A pool, a
// transaction and a campaign's scope are all one; a repository does not know which.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// InTransaction reports whether q stands on an open transaction, where an error
// takes the transaction with it. A Querier of another kind than pgx's says so
// itself, by a method of this name; without one it does not.
func InTransaction(q Querier) bool {
	switch q := q.(type) {
	case interface{ InTransaction() bool }:
		return q.InTransaction()
	case pgx.Tx:
		return true
	case *pgx.Conn:
		return open(q)
	case interface{ Conn() *pgx.Conn }: // a connection taken from a pool
		return open(q.Conn())
	default:
		return false
	}
}

// open reports whether somebody has sent BEGIN on the connection.
func open(conn *pgx.Conn) bool { return conn != nil && conn.PgConn().TxStatus() != 'I' }

var (
	_ Querier = (*pgxpool.Pool)(nil)
	_ Querier = pgx.Tx(nil)
)
