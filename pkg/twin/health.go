package twin

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// schemaCode returns the SQLSTATE of an error that says the schema lacks what
// the statement names, and "" for any other.
func schemaCode(err error) string {
	switch code := codeOf(err); code {
	case fault.CodeUndefinedColumn, fault.CodeUndefinedTable, fault.CodeUndefinedFunction:
		return code
	default:
		return ""
	}
}

// codeOf reads the SQLSTATE below whatever a scope has wrapped around it.
func codeOf(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Code
	}
	return ""
}

// health is whether the optimised side of one twin can run. All of it is read
// without a lock; only the caller that holds probing writes while it is fallen.
type health struct {
	fallenAt atomic.Int64 // unix ns; 0 while the optimised side runs; set to 0 only by who holds probing
	retryAt  atomic.Int64 // unix ns from which one caller may try again
	backoff  atomic.Int64 // ns until the try after that
	probing  atomic.Bool
	goodAt   atomic.Int64 // unix ns of a late success, kept where Options.Trust asks for it
	code     atomic.Pointer[string]
}

// admit says whether this call may take the optimised side. While it is fallen
// one caller at a time does, once the backoff is over; probe tells that caller
// that it must report back through passed, failed or undecided.
func (h *health) admit(now time.Time) (admitted, probe bool) {
	if h.fallenAt.Load() == 0 {
		return true, false
	}
	if now.UnixNano() < h.retryAt.Load() || !h.probing.CompareAndSwap(false, true) {
		return false, false
	}
	if h.fallenAt.Load() == 0 { // a probe passed between the two looks
		h.probing.Store(false)
		return true, false
	}
	return true, true
}

// passed notes that the optimised side ran.
func (r *Runner) passed(ctx context.Context, t *Twin, h *health, now time.Time, probe bool) {
	// Written seldom, so that callers on other cores keep the line in their caches.
	if trust := int64(r.options.Trust); trust > 0 && now.UnixNano()-h.goodAt.Load() > trust/8 {
		h.goodAt.Store(now.UnixNano())
	}
	if !probe {
		return
	}
	since := h.fallenAt.Swap(0)
	h.backoff.Store(0)
	h.probing.Store(false)
	r.options.Log.LogAttrs(ctx, slog.LevelInfo, "the optimised side of a twin runs again",
		slog.String("twin", t.name), slog.Duration("fallen_for", time.Duration(now.UnixNano()-since)))
}

// failed notes that the optimised side met a schema without what it needs. It is
// logged by whoever notes it first, and not again until the side has run.
func (r *Runner) failed(ctx context.Context, t *Twin, h *health, now time.Time, probe bool, err error) {
	code := codeOf(err)
	h.code.Store(&code)
	h.goodAt.Store(0)
	wait := r.options.RetryFirst
	if probe {
		wait = min(2*time.Duration(h.backoff.Load()), r.options.RetryLongest)
	}
	if probe || h.fallenAt.Load() == 0 {
		h.backoff.Store(int64(wait))
		h.retryAt.Store(now.Add(wait).UnixNano())
	}
	if probe {
		h.probing.Store(false)
		return
	}
	if h.fallenAt.CompareAndSwap(0, now.UnixNano()) {
		// The server's own text may quote the statement; the code is enough to find the phase.
		r.options.Log.LogAttrs(ctx, slog.LevelWarn, "the optimised side of a twin cannot run on this schema: the plain side answers",
			slog.String("twin", t.name), slog.String("code", code), slog.Duration("next_try", wait))
	}
}

// undecided ends a probe whose call failed for another reason, such as the
// caller's deadline: the next caller may probe.
func (h *health) undecided() { h.probing.Store(false) }

// retryNow lets the next caller try, whatever the backoff says.
func (h *health) retryNow() { h.retryAt.Store(0) }
