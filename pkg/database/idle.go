package database

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// idleTrimPeriod is how often surplus idle connections are looked for.
const idleTrimPeriod = 15 * time.Second

// idleTrimmer closes the idle connections above MaxIdleConns, which pgxpool does not know.
// database/sql closes them at release, so that a pool in bursts reconnects all
// the time; here they go only after a whole period in which nobody had to wait for one.
type idleTrimmer struct {
	cancel context.CancelFunc
	done   chan struct{}
}

func startIdleTrimmer(pool *pgxpool.Pool, maxIdle int) *idleTrimmer {
	ctx, cancel := context.WithCancel(context.Background())
	t := &idleTrimmer{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(t.done)
		ticker := time.NewTicker(idleTrimPeriod)
		defer ticker.Stop()
		emptyBefore := pool.Stat().EmptyAcquireCount()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			empty := pool.Stat().EmptyAcquireCount()
			if empty == emptyBefore {
				trimIdle(ctx, pool, maxIdle)
			}
			emptyBefore = empty
		}
	}()
	return t
}

// trimIdle closes idle connections until maxIdle are left. It takes one at a
// time, so that callers meanwhile find the others.
func trimIdle(ctx context.Context, pool *pgxpool.Pool, maxIdle int) {
	for surplus := int(pool.Stat().IdleConns()) - maxIdle; surplus > 0; surplus-- {
		conn, err := pool.Acquire(ctx)
		if err != nil {
			return
		}
		_ = conn.Conn().Close(ctx) // the pool drops a closed connection on release
		conn.Release()
	}
}

func (t *idleTrimmer) stop() {
	t.cancel()
	<-t.done
}
