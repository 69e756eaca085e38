package maintenance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/ovasabi/ovasabi/internal/schema"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Result is what became of a task. Its JSON is a contract.
type Result struct {
	Task

	// Outcome is done, skipped, failed or waiting.
	Outcome string `json:"outcome"`
	// Detail says why it was not done, or what came of it.
	Detail  string  `json:"detail,omitempty"`
	TookS   float64 `json:"seconds"`
	IOBytes int64   `json:"bytes"`
}

// OutcomeWaiting is of a task that waits for its window or for the budget; it is not logged.
const OutcomeWaiting = "waiting"

// Report is what a round did. Its JSON is a contract.
type Report struct {
	At      time.Time `json:"at"`
	Results []Result  `json:"results"`
	Notes   []string  `json:"notes"`
}

// Failed tells whether a task failed.
func (r Report) Failed() bool {
	for _, result := range r.Results {
		if result.Outcome == OutcomeFailed {
			return true
		}
	}
	return false
}

// Run does one round: everything that is decided and that the gates let through.
// An Unavailable fault says that another maintainer is at work.
func (m *Maintainer) Run(ctx context.Context) (Report, error) {
	var r Report
	err := m.lead(ctx, func(ctx context.Context) error {
		var err error
		r, err = m.round(ctx)
		return err
	})
	return r, err
}

func (m *Maintainer) round(ctx context.Context) (r Report, err error) {
	r = Report{At: m.now(), Results: []Result{}}
	if err := m.takeOver(ctx); err != nil {
		return r, err
	}
	if migrating, err := schema.AtWork(ctx, m.pool); err != nil || migrating {
		r.Notes = append(r.Notes, "a migrator is at work on the schema: nothing is begun")
		return r, err
	}
	// What others took since the round before is their usual: nothing was done meanwhile.
	if _, err := m.load.look(ctx, m.pool, true); err != nil {
		return r, maintenanceFault(err)
	}
	o, err := m.observe(ctx)
	if err != nil {
		return r, err
	}
	if err := m.remember(ctx, o.indexes); err != nil {
		return r, err
	}
	d := decide(o, m.config)
	r.Notes = append([]string{}, d.notes...)
	used := o.history.used
	var w *worker
	defer func() {
		if w != nil {
			err = errors.Join(err, w.Close(context.WithoutCancel(ctx)))
		}
	}()
	for i := range d.tasks {
		t := &d.tasks[i]
		if err := m.at(t.key()); err != nil {
			return r, err
		}
		if w == nil || w.IsClosed() {
			if w, err = m.openWorker(ctx); err != nil {
				return r, err
			}
		}
		result, err := m.do(ctx, w, t, used)
		r.Results = append(r.Results, result)
		used.Seconds += result.TookS
		used.Bytes += result.IOBytes
		if err != nil {
			return r, err
		}
	}
	_, err = m.load.look(ctx, m.pool, false)
	return r, maintenanceFault(err)
}

// do brings one task through the gates and does it. The error is one that ends the
// round: the context's, or that of the connection to the log.
func (m *Maintainer) do(ctx context.Context, w *worker, t *Task, used usage) (Result, error) {
	r := Result{Task: *t, Outcome: OutcomeSkipped, Detail: t.Blocked}
	if r.Detail != "" {
		return r, m.skip(ctx, t, r.Detail)
	}
	if why := m.shut(t, used); why != "" {
		r.Outcome, r.Detail, r.When = OutcomeWaiting, why, why
		return r, nil
	}
	pressed, err := m.calm(ctx, t)
	if err == nil && pressed == "" {
		pressed, err = m.busy(ctx, t)
	}
	if err != nil {
		return r, err
	}
	if pressed != "" {
		r.Detail = pressed
		return r, m.skip(ctx, t, pressed)
	}
	m.progress(string(t.Action) + " " + t.Object + ": " + t.Why)
	id, err := m.begin(ctx, t)
	if err != nil {
		return r, err
	}
	begun, before := time.Now(), m.bytes(ctx, w)
	f := figures{}
	err = m.watched(ctx, t, func(ctx context.Context) error { return m.perform(ctx, w, t, f) })
	r.TookS = math.Round(1000*time.Since(begun).Seconds()) / 1000
	// The figures and the end are written down though the context has ended; a
	// process that is killed cannot, and the next round does.
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if r.IOBytes = m.bytes(after, w) - before; m.pooled || r.IOBytes < 0 {
		r.IOBytes = t.Bytes
	}
	f["seconds"], f["bytes"] = r.TookS, r.IOBytes
	r.Outcome, r.Detail = outcome(err)
	if ctx.Err() != nil {
		f["cut_short"] = true
	}
	if logErr := m.end(after, id, r.Outcome, r.Detail, f); logErr != nil {
		return r, logErr
	}
	m.log.LogAttrs(after, level(r.Outcome), "maintenance",
		slog.String("action", string(t.Action)), slog.String("object", t.Object), slog.String("outcome", r.Outcome),
		slog.String("why", t.Why), slog.String("detail", r.Detail), slog.Float64("seconds", r.TookS), slog.Int64("bytes", r.IOBytes))
	if ctx.Err() != nil {
		return r, fault.FromPostgres(context.Cause(ctx))
	}
	return r, nil
}

func level(outcome string) slog.Level {
	if outcome == OutcomeFailed {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// yielded ends a task that makes way.
type yielded struct{ why string }

func (y yielded) Error() string { return y.why }

func outcome(err error) (outcome, detail string) {
	var y yielded
	switch {
	case err == nil:
		return OutcomeDone, ""
	case errors.As(err, &y):
		return OutcomeSkipped, y.why
	case codeOf(err) == fault.CodeLockNotAvailable:
		return OutcomeSkipped, "a lock that it needs is held by others: " + serverWords(err)
	default:
		return OutcomeFailed, maintenanceFault(err).Error()
	}
}

// watched runs fn, and ends it when its window closes or, where little is lost by
// that and it is not due, when others have felt it for several beats.
func (m *Maintainer) watched(ctx context.Context, t *Task, fn func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(m.beat)
		defer ticker.Stop()
		const enough = 3
		for pressed := 0; ; {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if t.Urgent {
				continue
			}
			if _, open := m.windows.end(m.now()); !open {
				cancel(yielded{"broken off: the window closed; the next one goes on"})
				return
			}
			p, err := m.pressed(ctx)
			if err != nil || p.String() == "" {
				pressed = 0
				continue
			}
			if pressed++; pressed >= enough && t.interruptible() && (!t.Due || p.lag != "") {
				cancel(yielded{"broken off: " + p.String() + "; a later round goes on"})
				return
			}
		}
	}()
	err := fn(ctx)
	var y yielded
	if err != nil && errors.As(context.Cause(ctx), &y) {
		err = y
	}
	cancel(nil)
	<-stopped
	return err
}

// busy says who is at the table already: autovacuum, another maintainer, somebody
// who holds a lock. Nobody is waited for, so that nobody waits behind.
func (m *Maintainer) busy(ctx context.Context, t *Task) (string, error) {
	var pid int32
	var mode, application, login string
	var automatic bool
	// Those that SHARE UPDATE EXCLUSIVE conflicts with, which maintenance takes; a DELETE
	// does not mind the first.
	conflicts := []string{"ShareUpdateExclusiveLock", "ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"}
	if t.Action == Retention {
		conflicts = conflicts[1:]
	}
	rows, err := m.pool.Query(ctx, sqlOf("busy"), quotedName(t.table), conflicts)
	if err != nil {
		return "", maintenanceFault(err)
	}
	defer rows.Close()
	if !rows.Next() {
		return "", maintenanceFault(rows.Err())
	}
	if err := rows.Scan(&pid, &mode, &automatic, &application, &login); err != nil {
		return "", maintenanceFault(err)
	}
	if automatic {
		return fmt.Sprintf("autovacuum is at the table (process %d)", pid), nil
	}
	return fmt.Sprintf("process %d (%s, %q) holds %s on the table or waits for it", pid, login, application, mode), nil
}
