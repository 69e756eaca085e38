package maintenance

import (
	"context"
	"errors"
	"log/slog"

	"github.com/ovasabi/ovasabi/internal/schema"
)

// Serve does a round an interval, and a portion of the watch over integrity after
// it, until ctx ends. While another maintainer is at work it waits; a server that
// cannot be reached is logged once and tried again.
func (m *Maintainer) Serve(ctx context.Context) error {
	failing := false
	for m.turn(ctx, &failing) && m.wait(ctx, m.config.Interval) == nil {
		continue
	}
	return nil
}

// turn does one round and one portion, and tells whether there may be another.
func (m *Maintainer) turn(ctx context.Context, failing *bool) (again bool) {
	err := m.lead(ctx, func(ctx context.Context) error {
		m.figures.leads(true)
		defer m.figures.leads(false)
		r, err := m.round(ctx)
		m.figures.add(r)
		if err != nil {
			return err
		}
		return m.portion(ctx)
	})
	if ctx.Err() != nil {
		return false
	}
	led := errors.Is(err, errLed)
	switch {
	case led:
		m.log.DebugContext(ctx, "maintenance waits", slog.String("reason", err.Error()))
	case err != nil && !*failing:
		m.log.WarnContext(ctx, "maintenance cannot go on now, and is tried again", slog.String("error", err.Error()))
	case err == nil && *failing:
		m.log.InfoContext(ctx, "maintenance goes on")
	}
	*failing = err != nil && !led
	return true
}

// portion has the watch do its next portion, where the window is open and nothing presses.
func (m *Maintainer) portion(ctx context.Context) error {
	if m.integrity == nil {
		return nil
	}
	if _, open := m.windows.end(m.now()); !open {
		return nil
	}
	if migrating, err := schema.AtWork(ctx, m.pool); err != nil || migrating {
		return err
	}
	p, err := m.pressed(ctx)
	if err != nil || p.String() != "" {
		return err
	}
	if err := m.integrity.portion(ctx, m.pool, m.now()); err != nil {
		return err
	}
	// What others took meanwhile is not their usual.
	_, err = m.load.look(ctx, m.pool, false)
	return maintenanceFault(err)
}
