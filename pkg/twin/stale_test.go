package twin_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// A migration that changes a result's type while statements are prepared costs no
// error, on either side, and neither does the next one: what a retry prepared is
// stale then as well.
func TestStalePlanIsRetried(t *testing.T) {
	b := newBench(t, twin.Options{})
	exec(t, b.owner, `CREATE TABLE ovasabi.morph (v integer); INSERT INTO ovasabi.morph VALUES (1); GRANT SELECT ON ovasabi.morph TO ovasabi_app`)
	for _, percentage := range []int{100, 0} {
		b.turn(t, morph, percentage)
		for _, kind := range []string{"bigint", "integer", "text", "integer USING v::integer"} {
			var turns inTurn
			all := holdAll(t, b, func(db database.Querier) { ask(t, b, db) })
			for range 2 {
				conn, err := b.app.Acquire(t.Context())
				check(t, err)
				turns.all = append(turns.all, conn)
			}
			exec(t, b.owner, `ALTER TABLE ovasabi.morph ALTER COLUMN v TYPE `+kind)
			for range 2 {
				ask(t, b, &turns) // the retry meets the other connection, whose plan is stale as well
			}
			for _, conn := range turns.all {
				conn.Release()
			}
			for range all {
				ask(t, b, b.app)
			}
		}
	}
	conns := uint64(b.app.Config().MaxConns)
	b.expect(t, morph, 4*(2*conns+2), 4*(2*conns+2), 0, 0)
}

// inTurn sends every statement to the next of its connections.
type inTurn struct {
	all []*pgxpool.Conn
	n   int
}

func (i *inTurn) next() *pgxpool.Conn { i.n++; return i.all[i.n%len(i.all)] }

func (i *inTurn) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return i.next().Query(ctx, sql, args...)
}

func (i *inTurn) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return i.next().QueryRow(ctx, sql, args...)
}

func (i *inTurn) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return i.next().Exec(ctx, sql, args...)
}

func (i *inTurn) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	return i.next().SendBatch(ctx, b)
}

var morph = twin.Declare("test.morph", twin.Pair{
	Plain:     `SELECT v FROM ovasabi.morph LIMIT 1`,
	Optimised: `SELECT m.v FROM ovasabi.morph AS m LIMIT 1`,
})

func ask(t *testing.T, b *bench, db database.Querier) {
	t.Helper()
	rows, err := b.runner.Query(t.Context(), db, morph)
	check(t, err)
	for rows.Next() {
		_, err := rows.Values()
		check(t, err)
	}
	check(t, rows.Err())
}

// holdAll runs fn on every connection that the pool can have, so that each has its statement prepared.
func holdAll(t *testing.T, b *bench, fn func(db database.Querier)) []*pgxpool.Conn {
	t.Helper()
	var all []*pgxpool.Conn
	for range b.app.Config().MaxConns {
		conn, err := b.app.Acquire(t.Context())
		check(t, err)
		all = append(all, conn)
		fn(conn)
	}
	for _, conn := range all {
		conn.Release()
	}
	return all
}
