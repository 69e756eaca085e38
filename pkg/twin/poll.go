package twin

import (
	"context"
	"log/slog"
	"time"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// pollTimeout bounds one look, the wait for a connection included.
const pollTimeout = 2 * time.Second

// poll looks at the table every PollEvery while nothing is heard by LISTEN, and
// at once when listening ends.
func (f *Flags) poll(ctx context.Context) {
	ticker := time.NewTicker(f.options.PollEvery)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-f.wakePoll:
		}
		if f.listening.Load() {
			continue
		}
		err := f.look(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			if failing {
				f.options.Log.LogAttrs(ctx, slog.LevelInfo, "twin flags can be read again")
			}
			failing = false
			continue
		}
		err = fault.FromPostgres(err)
		f.unknown(err)
		if !failing {
			f.options.Log.LogAttrs(ctx, slog.LevelWarn, "twin flags cannot be read: the last ones stay in force",
				slog.Any("error", err), slog.Time("loaded_at", f.current.Load().loadedAt))
		}
		failing = true
	}
}

func (f *Flags) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	return f.compare(ctx, f.db)
}

// pollNow makes the next look happen now.
func (f *Flags) pollNow() {
	select {
	case f.wakePoll <- struct{}{}:
	default: // one is on its way already
	}
}
