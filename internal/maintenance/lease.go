package maintenance

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// leaseTTL is how long a maintainer that is gone keeps others out; it is renewed
// three times as often.
const leaseTTL = 30 * time.Second

const leaseName = "maintain"

// An advisory lock needs a session, or a transaction that stays open beside a
// VACUUM, which refuses to run inside one: through a pooler in transaction mode the
// first is nobody's, and the second would stand idle in transaction for hours. A
// row that expires works through any pooler, and after any death. The clock is the
// server's.
const takeLeaseSQL = `
INSERT INTO ovasabi.maintenance_lease AS l (name, holder, expires_at)
VALUES ($1, $2, clock_timestamp() + $3::interval)
ON CONFLICT (name) DO UPDATE
SET holder = excluded.holder,
    expires_at = excluded.expires_at,
    acquired_at = CASE WHEN l.holder = excluded.holder THEN l.acquired_at ELSE excluded.acquired_at END
WHERE l.holder = excluded.holder
   OR l.expires_at < clock_timestamp()
RETURNING l.holder`

// errLed says that another maintainer is at work.
var errLed = errors.New("another maintainer is at work")

// take tries to become the one at work; errLed, in a fault, says who is.
func (m *Maintainer) take(ctx context.Context) error {
	var holder string
	err := m.pool.QueryRow(ctx, takeLeaseSQL, leaseName, m.holder, m.ttl).Scan(&holder)
	if !errors.Is(err, pgx.ErrNoRows) {
		return maintenanceFault(err)
	}
	other, until, err := m.leader(ctx)
	if err != nil {
		return err
	}
	return &fault.Error{Kind: fault.Unavailable, Err: errLed, Message: "another maintainer is at work on this database (" + other + ", until " + stamp(until) + " unless it renews): let it, or try again"}
}

// leader returns who is at work, or "".
func (m *Maintainer) leader(ctx context.Context) (holder string, until time.Time, err error) {
	err = m.pool.QueryRow(ctx, `
SELECT l.holder, l.expires_at
FROM ovasabi.maintenance_lease AS l
WHERE l.name = $1
  AND l.expires_at >= clock_timestamp()`, leaseName).Scan(&holder, &until)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", time.Time{}, nil
	}
	return holder, until, maintenanceFault(err)
}

// lead runs fn as the only maintainer of the database. fn's context ends when the
// lease is lost: when it could not be renewed for as long as it lasts.
func (m *Maintainer) lead(ctx context.Context, fn func(ctx context.Context) error) error {
	if err := m.take(ctx); err != nil {
		return err
	}
	held := time.Now()
	led, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(m.ttl / 3)
		defer ticker.Stop()
		for {
			select {
			case <-led.Done():
				return
			case <-ticker.C:
			}
			err := m.take(led)
			switch {
			case err == nil:
				held = time.Now()
			case errors.Is(err, errLed) || time.Since(held) > m.ttl-m.ttl/6:
				cancel(fault.New(fault.Unavailable, "the lease on maintenance was lost: %w", err))
				return
			}
		}
	}()
	err := fn(led)
	if lost := context.Cause(led); err != nil && lost != nil && ctx.Err() == nil {
		err = lost
	}
	cancel(nil)
	<-stopped
	// Given back even when the caller has gone; otherwise it expires.
	back, done := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer done()
	_, backErr := m.pool.Exec(back, `DELETE FROM ovasabi.maintenance_lease WHERE name = $1 AND holder = $2`, leaseName, m.holder)
	if err == nil {
		err = maintenanceFault(backErr)
	}
	return err
}
