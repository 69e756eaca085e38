package database_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

func counter(t *testing.T) *database.DB {
	t.Helper()
	db := open(t, pgtest.New(t, pgtest.Empty()).OwnerURL, database.Default())
	_, err := db.Exec(t.Context(), `CREATE TABLE public.counter (id int PRIMARY KEY, n int NOT NULL); INSERT INTO public.counter VALUES (1, 0), (2, 0)`)
	require.NoError(t, err)
	return db
}

func value(t *testing.T, db *database.DB) (n int) {
	t.Helper()
	require.NoError(t, db.QueryRow(t.Context(), `SELECT sum(n) FROM public.counter`).Scan(&n))
	return n
}

// Two serializable transactions read and write the same row: one of them must run again.
func TestASerializationFailureIsRetried(t *testing.T) {
	db := counter(t)
	var both sync.WaitGroup
	both.Add(2)
	var group sync.WaitGroup
	for range 2 {
		first := true
		group.Go(func() {
			err := db.InTx(context.Background(), database.TxOptions{Isolation: pgx.Serializable}, func(ctx context.Context, tx pgx.Tx) error {
				var n int
				if err := tx.QueryRow(ctx, `SELECT n FROM public.counter WHERE id = 1`).Scan(&n); err != nil {
					return err
				}
				if first { // both have read before either writes
					first = false
					both.Done()
					both.Wait()
				}
				_, err := tx.Exec(ctx, `UPDATE public.counter SET n = $1 WHERE id = 1`, n+1)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	require.Equal(t, 2, value(t, db))
	require.Equal(t, int64(1), db.Transactions.Retries.Load())
	require.Equal(t, int64(2), db.Transactions.Commits.Load())
	require.Equal(t, int64(1), db.Transactions.Rollbacks.Load())
}

func TestADeadlockIsRetried(t *testing.T) {
	db := counter(t)
	var both sync.WaitGroup
	both.Add(2)
	var group sync.WaitGroup
	for _, order := range [][]int{{1, 2}, {2, 1}} {
		first := true
		group.Go(func() {
			err := db.InTx(context.Background(), database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
				for _, id := range order {
					if _, err := tx.Exec(ctx, `UPDATE public.counter SET n = n + 1 WHERE id = $1`, id); err != nil {
						return err
					}
					if first {
						first = false
						both.Done()
						both.Wait()
					}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	require.Equal(t, 4, value(t, db))
	require.Equal(t, int64(1), db.Transactions.Retries.Load())
}

// A migration makes plans stale on every connection. The transaction that meets
// one runs again once, whichever connection it gets then.
func TestAStalePlanRunsTheTransactionAgainOnce(t *testing.T) {
	db := counter(t)
	read := func(ctx context.Context, q database.Querier) error {
		var n any
		return q.QueryRow(ctx, `SELECT n FROM public.counter WHERE id = 1`).Scan(&n)
	}
	var all []*pgxpool.Conn
	for range 3 {
		conn, err := db.Acquire(t.Context())
		require.NoError(t, err)
		require.NoError(t, read(t.Context(), conn))
		all = append(all, conn)
	}
	_, err := db.Exec(t.Context(), `ALTER TABLE public.counter ALTER COLUMN n TYPE bigint`)
	require.NoError(t, err)
	for _, conn := range all {
		conn.Release()
	}
	runs := 0
	require.NoError(t, db.InTx(t.Context(), database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		if runs++; runs == 1 { // the next transaction gets another connection, as stale as this one
			conn, err := db.Acquire(ctx)
			require.NoError(t, err)
			defer conn.Release()
		}
		return read(ctx, tx)
	}))
	require.Equal(t, 2, runs)
	require.Equal(t, int64(1), db.Transactions.Retries.Load())
}

func TestReplanGivesATextThatNobodyHasPrepared(t *testing.T) {
	stale := &pgconn.PgError{Code: fault.CodeFeatureNotSupported, Routine: "RevalidateCachedQuery"}
	first, again := database.Replan(`SELECT 1`, stale, 1)
	require.True(t, again)
	second, again := database.Replan(`SELECT 1`, stale, 2)
	require.True(t, again)
	require.NotEqual(t, first, second)
	require.True(t, strings.HasPrefix(second, "SELECT 1\n-- "), second)
	_, again = database.Replan(`SELECT 1`, stale, 4)
	require.False(t, again, "attempts have an end")
	_, again = database.Replan(`SELECT 1`, &pgconn.PgError{Code: fault.CodeFeatureNotSupported}, 1)
	require.False(t, again, "a feature that is not supported is no stale plan")
}

func TestRetriesAreBounded(t *testing.T) {
	db := counter(t)
	runs := 0
	err := db.InTx(t.Context(), database.TxOptions{MaxAttempts: 3}, func(context.Context, pgx.Tx) error {
		runs++
		return &pgconn.PgError{Code: fault.CodeSerializationFailure}
	})
	require.ErrorIs(t, err, fault.Unavailable)
	require.Equal(t, 3, runs)
	runs = 0
	boom := errors.New("boom")
	err = db.InTx(t.Context(), database.TxOptions{}, func(context.Context, pgx.Tx) error {
		runs++
		return boom
	})
	require.ErrorIs(t, err, boom)
	require.Equal(t, 1, runs, "an error of the caller's own was retried")
}

func TestASavepointUndoesItsOwnPartOnly(t *testing.T) {
	db := counter(t)
	err := db.InTx(t.Context(), database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE public.counter SET n = 1 WHERE id = 1`)
		require.NoError(t, err)
		err = database.Savepoint(ctx, tx, func(ctx context.Context, sp pgx.Tx) error {
			_, err := sp.Exec(ctx, `INSERT INTO public.counter VALUES (1, 9)`)
			return err
		})
		require.ErrorIs(t, fault.FromPostgres(err), fault.Conflict)
		return database.Savepoint(ctx, tx, func(ctx context.Context, sp pgx.Tx) error {
			_, err := sp.Exec(ctx, `UPDATE public.counter SET n = 5 WHERE id = 2`)
			return err
		})
	})
	require.NoError(t, err)
	require.Equal(t, 6, value(t, db))
}

func TestReadOnlyAndDeferrable(t *testing.T) {
	db := counter(t)
	var mode, deferrable, isolation string
	err := db.InTx(t.Context(), database.TxOptions{Isolation: pgx.Serializable, ReadOnly: true, Deferrable: true}, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
SELECT
    current_setting('transaction_read_only'),
    current_setting('transaction_deferrable'),
    current_setting('transaction_isolation')`).Scan(&mode, &deferrable, &isolation)
	})
	require.NoError(t, err)
	require.Equal(t, []string{"on", "on", "serializable"}, []string{mode, deferrable, isolation})
}

// pgx does not roll back when a context ends; the connection must come back clean all the same.
func TestACanceledTransactionIsRolledBack(t *testing.T) {
	db := counter(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := db.InTx(ctx, database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE public.counter SET n = 1`)
		require.NoError(t, err)
		cancel()
		return ctx.Err()
	})
	require.ErrorIs(t, err, fault.Canceled)
	require.Zero(t, value(t, db))
	require.Zero(t, db.Stat().AcquiredConns())
	require.Equal(t, int64(1), db.Transactions.Rollbacks.Load())
}
