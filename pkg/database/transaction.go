package database

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Beginner starts a transaction: a pool, a connection or a DB.
type Beginner interface {
	BeginTx(ctx context.Context, o pgx.TxOptions) (pgx.Tx, error)
}

// TxOptions says what kind of transaction is wanted. The zero value reads and
// writes under READ COMMITTED.
type TxOptions struct {
	// Isolation defaults to the server's default_transaction_isolation.
	Isolation pgx.TxIsoLevel
	// ReadOnly refuses writes.
	ReadOnly bool
	// Deferrable, with Serializable and ReadOnly, waits for a snapshot that cannot
	// fail and then takes no predicate locks: the way to read a long report.
	Deferrable bool
	// MaxAttempts bounds how often the transaction is run when it meets another
	// one (40001 or 40P01) or a migration. 1 never retries. Defaults to 5.
	MaxAttempts int
	// Counters, where given, counts what happened.
	Counters *TxCounters
}

// TxCounters counts transactions. It is safe for concurrent use.
type TxCounters struct {
	Commits, Rollbacks, Retries atomic.Int64
}

const (
	defaultAttempts = 5
	firstPause      = 5 * time.Millisecond
	longestPause    = 500 * time.Millisecond
)

// InTx runs fn in a transaction on the pool and counts it in db.Transactions. See the function InTx.
func (db *DB) InTx(ctx context.Context, o TxOptions, fn func(ctx context.Context, tx pgx.Tx) error) error {
	if o.Counters == nil {
		o.Counters = &db.Transactions
	}
	return InTx(ctx, db.Pool, o, fn)
}

// InTx runs fn in a transaction: committed when fn returns nil, rolled back when
// it returns an error or panics.
//
// A serialization failure or a deadlock runs fn again, in a new transaction,
// after a jittered pause that doubles from 5 ms to 500 ms; so does a plan that a
// migration made stale, at once, on a connection that forgets its plans first. So
// fn must have no effect outside the transaction, or one that may happen twice.
// When all attempts fail the last error is returned as an Unavailable fault. fn
// must not commit or roll back itself.
func InTx(ctx context.Context, b Beginner, o TxOptions, fn func(ctx context.Context, tx pgx.Tx) error) error {
	attempts := o.MaxAttempts
	if attempts <= 0 {
		attempts = defaultAttempts
	}
	stale := false
	for attempt := 1; ; attempt++ {
		err := once(ctx, b, o, stale, fn)
		stale = IsStalePlan(err)
		if err == nil || attempt >= attempts || !stale && !IsRetryable(err) {
			return fault.FromPostgres(err)
		}
		if o.Counters != nil {
			o.Counters.Retries.Add(1)
		}
		if stale {
			continue // nobody is in the way
		}
		if err := Pause(ctx, attempt); err != nil {
			return fault.FromPostgres(err)
		}
	}
}

// once runs fn in one transaction. forget says that plans were found stale, and
// those of this connection may be too.
func once(ctx context.Context, b Beginner, o TxOptions, forget bool, fn func(ctx context.Context, tx pgx.Tx) error) (err error) {
	tx, err := b.BeginTx(ctx, o.pgx())
	if err != nil {
		return err
	}
	committed := false
	defer func() {
		if committed {
			return
		}
		if o.Counters != nil {
			o.Counters.Rollbacks.Add(1)
		}
		// pgx does not roll back when a context ends: without this the connection
		// would come back to the pool inside a transaction and be thrown away.
		rollback, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if rbErr := tx.Rollback(rollback); rbErr != nil && !errors.Is(rbErr, pgx.ErrTxClosed) && err == nil {
			err = rbErr
		}
	}()
	if conn := tx.Conn(); forget && conn != nil {
		if err := conn.DeallocateAll(ctx); err != nil {
			return err
		}
	}
	if err := fn(ctx, tx); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	committed = true
	if o.Counters != nil {
		o.Counters.Commits.Add(1)
	}
	return nil
}

// Savepoint runs fn inside a savepoint of tx: what fn did is undone when it
// returns an error, and the transaction around it goes on.
func Savepoint(ctx context.Context, tx pgx.Tx, fn func(ctx context.Context, tx pgx.Tx) error) error {
	sp, err := tx.Begin(ctx)
	if err != nil {
		return fault.FromPostgres(err)
	}
	defer sp.Rollback(context.WithoutCancel(ctx))
	if err := fn(ctx, sp); err != nil {
		return err
	}
	if err := sp.Commit(ctx); err != nil {
		return fmt.Errorf("release savepoint: %w", fault.FromPostgres(err))
	}
	return nil
}

// IsRetryable reports whether err says that the transaction met another one and
// would have succeeded alone: serialization_failure or deadlock_detected.
func IsRetryable(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == fault.CodeSerializationFailure || pg.Code == fault.CodeDeadlockDetected)
}

// Pause waits before the attempt after the given one (counted from 1): a random
// time up to 5 ms doubled each attempt, 500 ms at most ("full jitter"). It
// returns early with the context's error.
// Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
func Pause(ctx context.Context, attempt int) error {
	ceiling := min(firstPause<<min(attempt-1, 10), longestPause)
	timer := time.NewTimer(rand.N(ceiling) + 1)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func (o TxOptions) pgx() pgx.TxOptions {
	po := pgx.TxOptions{IsoLevel: o.Isolation}
	if o.ReadOnly {
		po.AccessMode = pgx.ReadOnly
	}
	if o.Deferrable {
		po.DeferrableMode = pgx.Deferrable
	}
	return po
}
