package nexus

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

const (
	firstPause   = 10 * time.Millisecond
	longestPause = time.Second
	// readOnlyTransaction is what a server answers that is no longer the primary.
	readOnlyTransaction = "25006"
)

// passes reports whether a flush may be tried again: the database cannot answer
// now, the campaign is over its share, or the attempt took too long. ctx is that of the flush.
func passes(ctx context.Context, err error) bool {
	if err == nil || ctx.Err() != nil {
		return false
	}
	switch fault.KindOf(err) {
	case fault.Unavailable, fault.Limited:
		return true
	case fault.Canceled: // the attempt's own deadline
		return true
	case fault.Internal:
		pg, ok := errors.AsType[*pgconn.PgError](err)
		if ok {
			return pg.Code == readOnlyTransaction || database.IsStalePlan(err)
		}
		// A connection that ended in the middle of an answer.
		return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed)
	default:
		return false
	}
}

// pause waits before the attempt after the given one: a random time up to 10 ms,
// doubled each attempt, a second at most. It returns false when ctx ended.
func pause(ctx context.Context, attempt int) bool {
	ceiling := min(firstPause<<min(attempt-1, 10), longestPause)
	timer := time.NewTimer(rand.N(ceiling) + 1)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// lasting is what callers are told when no attempt is left.
func lasting(err error) error {
	switch fault.KindOf(err) {
	case fault.Limited, fault.Invalid, fault.Denied, fault.NotFound:
		return err
	case fault.Internal:
		if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != readOnlyTransaction {
			return err
		}
	}
	return &fault.Error{Kind: fault.Unavailable, RetryAfter: time.Second, Err: err,
		Message: "the database could not write the event in time: send it again, with the same event_id"}
}
