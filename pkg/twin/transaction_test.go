package twin_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// A caller's transaction goes on after a fall, with what it did before it and after it.
func TestFallsBackInsideTransaction(t *testing.T) {
	for _, prepared := range []bool{false, true} {
		t.Run(fmt.Sprintf("prepared=%v", prepared), func(t *testing.T) {
			b := newBench(t, twin.Options{RetryFirst: time.Nanosecond, RetryLongest: time.Nanosecond}) // every call tries
			ctx := inCampaign(t, 1)
			one := func(tx pgx.Tx, id int) string {
				var word string
				check(t, b.runner.QueryRow(ctx, tx, shoutOne, id).Scan(&word))
				return word
			}
			inTx := func(fn func(tx pgx.Tx)) {
				check(t, campaign.NewScope(b.app).InTx(ctx, database.TxOptions{MaxAttempts: 1}, func(_ context.Context, tx pgx.Tx) error {
					fn(tx)
					return nil
				}))
			}
			if prepared {
				inTx(func(tx pgx.Tx) { one(tx, 1); check(t, words(ctx, b.runner, tx, 3)) })
			}
			exec(t, b.owner, dropLoud)
			inTx(func(tx pgx.Tx) {
				exec(t, tx, `UPDATE ovasabi.word SET word = 'before' WHERE id = 1`)
				if word := one(tx, 1); word != "BEFORE" {
					t.Errorf("the transaction does not see its own write: %q", word)
				}
				tag, err := b.runner.Exec(ctx, tx, rename, 2, "amid")
				check(t, err)
				if tag.RowsAffected() != 1 {
					t.Errorf("%d rows", tag.RowsAffected())
				}
				rows, err := b.runner.Query(ctx, tx, shout, 2)
				check(t, err)
				got, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
					ID   int
					Word string
				}])
				check(t, err)
				if len(got) != 2 || got[0].Word != "BEFORE" || got[1].Word != "AMID" {
					t.Errorf("got %+v", got)
				}
				exec(t, tx, `UPDATE ovasabi.word SET word = 'after' WHERE id = 3`)
			})
			var all string
			check(t, b.owner.QueryRow(ctx, `SELECT string_agg(word, ' ' ORDER BY id) FROM ovasabi.word WHERE id <= 3`).Scan(&all))
			if all != "before amid after" {
				t.Errorf("committed %q", all)
			}
			for _, tw := range []*twin.Twin{shoutOne, rename, shout} {
				if f := figures(t, b.runner, tw, twin.Optimised); f.Fallbacks != 1 || f.Errors != 0 {
					t.Errorf("%s: %+v", tw.Name(), f)
				}
			}
		})
	}
}

// No savepoint of a twin is left behind, and rows inside a transaction stream.
func TestTransactionKeepsNoSavepoint(t *testing.T) {
	b := newBench(t, twin.Options{})
	tx, err := b.app.Begin(t.Context())
	check(t, err)
	defer tx.Rollback(context.Background())
	for range 3 {
		check(t, words(t.Context(), b.runner, tx, 4))
		_, err := b.runner.Exec(t.Context(), tx, rename, 5, "x")
		check(t, err)
		rows, err := b.runner.Query(t.Context(), tx, shout, 1000)
		check(t, err)
		rows.Next()
		rows.Close() // early, with rows unread
		check(t, rows.Err())
	}
	_, err = tx.Exec(t.Context(), `RELEASE SAVEPOINT ovasabi_twin`)
	if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != "3B001" {
		t.Errorf("a savepoint is left: %v", err)
	}
}

// A transaction that trusts the optimised side pays no savepoint, and loses
// itself, saying so, when the schema is rolled back at that moment; run again, it succeeds.
func TestTrustedTransaction(t *testing.T) {
	b := newBench(t, twin.Options{Trust: time.Hour})
	check(t, words(t.Context(), b.runner, b.app, 1))
	begin := func() (*counting, pgx.Tx) {
		tx, err := b.app.Begin(t.Context())
		check(t, err)
		return &counting{Querier: tx}, tx
	}
	db, tx := begin()
	check(t, words(t.Context(), b.runner, inTx{db}, 1))
	if n := db.statements.Load(); n != 1 {
		t.Errorf("a trusted call took %d statements", n)
	}
	check(t, tx.Commit(t.Context()))

	exec(t, b.owner, dropLoud)
	db, tx = begin()
	err := words(t.Context(), b.runner, inTx{db}, 1)
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.Unavailable || f.Code != "42703" {
		t.Errorf("got %v", err)
	}
	check(t, tx.Rollback(t.Context()))
	db, tx = begin()
	check(t, words(t.Context(), b.runner, inTx{db}, 1))
	check(t, tx.Commit(t.Context()))
}

// inTx is a Querier of another kind than pgx's, on a transaction.
type inTx struct{ database.Querier }

func (inTx) InTransaction() bool { return true }

// A wrapper that does not say that it stands on a transaction costs the
// transaction, with the cause named, and never a wrong answer.
func TestUnknownWrapperOnTransaction(t *testing.T) {
	b := newBench(t, twin.Options{})
	exec(t, b.owner, dropLoud)
	tx, err := b.app.Begin(t.Context())
	check(t, err)
	defer tx.Rollback(context.Background())
	err = words(t.Context(), b.runner, &counting{Querier: tx}, 1)
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.Unavailable || f.Code != "42703" {
		t.Errorf("got %v", err)
	}
}
