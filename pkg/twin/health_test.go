package twin_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// While the optimised side is fallen, one caller at a time tries it.
func TestOneCallerProbes(t *testing.T) {
	b := newBench(t, twin.Options{RetryFirst: 50 * time.Millisecond, RetryLongest: 50 * time.Millisecond})
	exec(t, b.owner, dropLoud)
	db := &texts{Querier: b.app, want: shout.SQL(twin.Optimised)}
	check(t, words(t.Context(), b.runner, db, 1))
	db.seen = nil
	started := time.Now()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for time.Since(started) < 400*time.Millisecond {
				if err := words(t.Context(), b.runner, db, 2); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if n, most := len(db.seen), int(time.Since(started)/(50*time.Millisecond))+1; n == 0 || n > most {
		t.Errorf("the fallen side was tried %d times by 8 callers, want 1 to %d", n, most)
	}
	if n := b.log.count("cannot run on this schema"); n != 1 {
		t.Errorf("logged %d times, not once", n)
	}
}

// texts notes when one text is sent.
type texts struct {
	database.Querier
	want string
	mu   sync.Mutex
	seen []time.Time
}

func (x *texts) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if sql == x.want {
		x.mu.Lock()
		x.seen = append(x.seen, time.Now())
		x.mu.Unlock()
	}
	return x.Querier.Query(ctx, sql, args...)
}

// The pauses between tries double up to the bound, and a change of the twin's flag ends the pause.
func TestRetriesBackOff(t *testing.T) {
	b := newBench(t, twin.Options{RetryFirst: 40 * time.Millisecond, RetryLongest: 160 * time.Millisecond})
	exec(t, b.owner, dropLoud)
	db := &texts{Querier: b.app, want: shout.SQL(twin.Optimised)}
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		check(t, words(t.Context(), b.runner, db, 1))
	}
	if len(db.seen) < 5 {
		t.Fatalf("tried %d times in a second", len(db.seen))
	}
	for i, least := range []int{40, 80, 160, 160} {
		if gap := db.seen[i+1].Sub(db.seen[i]); gap < time.Duration(least)*time.Millisecond {
			t.Errorf("try %d came %s after the one before, want at least %dms", i+1, gap, least)
		}
	}

	slow := newBench(t, twin.Options{RetryFirst: time.Hour, RetryLongest: time.Hour})
	exec(t, slow.owner, dropLoud)
	check(t, words(t.Context(), slow.runner, slow.app, 1))
	exec(t, slow.owner, addLoud)
	check(t, words(t.Context(), slow.runner, slow.app, 1))
	slow.expect(t, shout, 2, 0, 2, 0)
	set(t, slow.app, twin.Flag{Campaign: 99, Twin: shout.Name(), Percentage: 50})
	within(t, time.Second, "the optimised side is tried", func() bool {
		check(t, words(t.Context(), slow.runner, slow.app, 1))
		return figures(t, slow.runner, shout, twin.Optimised).Calls > 0
	})
}
