package twin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Channel is the NOTIFY channel on which a change of the flags is told.
const Channel = "ovasabi_twin_flag"

const (
	probePrefix = "probe "
	// listenTimeout bounds every statement on the listening connection, and the wait for the probe.
	listenTimeout = 2 * time.Second
	// settle is how long the listener waits for further notifications before it
	// reads the table once for all of them; settleMost bounds it under a stream of changes.
	settle     = 10 * time.Millisecond
	settleMost = 100 * time.Millisecond

	shortestReconnect = time.Second
	longestReconnect  = 30 * time.Second
)

var errNotHeard = errors.New("a notification sent through the pool did not reach the listening connection: is it behind a pooler in transaction mode?")

// listen keeps one listening connection. Whenever there is none, poll takes over at once.
func (f *Flags) listen(ctx context.Context) {
	pause := shortestReconnect
	failing := false
	for {
		heard, err := f.listenOnce(ctx)
		f.listening.Store(false)
		if ctx.Err() != nil {
			return
		}
		f.pollNow()
		if heard {
			pause, failing = shortestReconnect, false
		}
		if !failing {
			f.options.Log.LogAttrs(ctx, slog.LevelWarn, "twin flags are polled: LISTEN cannot be had",
				slog.Any("error", fault.FromPostgres(err)), slog.String("cause", listenCause(err)), slog.Duration("every", f.options.PollEvery))
		}
		failing = true
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, longestReconnect)
	}
}

// listenCause names what an operator can mend, without the server's text.
func listenCause(err error) string {
	if errors.Is(err, errNotHeard) {
		return errNotHeard.Error()
	}
	return fault.KindOf(fault.FromPostgres(err)).String()
}

// listenOnce opens a connection and follows it until it fails. heard says
// whether notifications did arrive on it.
func (f *Flags) listenOnce(ctx context.Context) (heard bool, err error) {
	connecting, cancel := context.WithTimeout(ctx, 2*listenTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(connecting, f.options.Listen.Copy())
	if err != nil {
		return false, err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing) // nothing is lost with it
	}()
	if _, err := conn.Exec(connecting, "LISTEN "+pgx.Identifier{Channel}.Sanitize()); err != nil {
		return false, err
	}
	if err := f.proveListening(ctx, conn); err != nil {
		return false, err
	}
	// What changed before LISTEN took hold was not told.
	if err := f.within(ctx, conn, f.compareOn); err != nil {
		return false, err
	}
	f.listening.Store(true)
	f.options.Log.LogAttrs(ctx, slog.LevelInfo, "twin flags are followed by LISTEN")
	return true, f.follow(ctx, conn)
}

// proveListening sends a notification through the pool and waits for it here. A
// pooler in transaction mode accepts LISTEN and then delivers nothing; it would
// deliver a notification sent on this very connection, so that one proves nothing.
func (f *Flags) proveListening(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, listenTimeout)
	defer cancel()
	probe := probePrefix + rand.Text()
	if _, err := f.db.Exec(ctx, `SELECT pg_notify($1, $2)`, Channel, probe); err != nil {
		return err
	}
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return fmt.Errorf("%w", errNotHeard)
			}
			return err
		}
		if n.Payload == probe {
			return nil
		}
	}
}

// follow reads the table after every notification, and compares it at every heartbeat.
func (f *Flags) follow(ctx context.Context, conn *pgx.Conn) error {
	for {
		told, err := waitFor(ctx, conn, f.options.HeartbeatEvery)
		if err != nil {
			return err
		}
		if told {
			// Several changes at once are read once. What arrives after the read began is told again.
			for until := time.Now().Add(settleMost); time.Now().Before(until); {
				more, err := waitFor(ctx, conn, settle)
				if err != nil {
					return err
				}
				if !more {
					break
				}
			}
		}
		if err := f.within(ctx, conn, f.compareOn); err != nil {
			return err
		}
	}
}

// waitFor waits for one notification of a change. Probes, ours and other
// processes', are not changes.
func waitFor(ctx context.Context, conn *pgx.Conn, d time.Duration) (bool, error) {
	waiting, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	for {
		n, err := conn.WaitForNotification(waiting)
		switch {
		case err == nil && strings.HasPrefix(n.Payload, probePrefix):
			continue
		case err == nil:
			return true, nil
		case ctx.Err() != nil:
			return false, ctx.Err()
		case waiting.Err() != nil && !conn.IsClosed():
			return false, nil // pgx keeps the connection when only the wait has ended
		default:
			return false, err
		}
	}
}

func (f *Flags) compareOn(ctx context.Context, conn *pgx.Conn) error { return f.compare(ctx, conn) }

// within bounds one use of the listening connection. The reads go over it and
// not over the pool, so that a change is seen though the pool is full.
func (f *Flags) within(ctx context.Context, conn *pgx.Conn, fn func(context.Context, *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, listenTimeout)
	defer cancel()
	return fn(ctx, conn)
}
