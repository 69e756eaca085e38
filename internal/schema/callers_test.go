package schema_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/schema"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// Functions are not locked by those who call them. Calls come without a pause while
// the search goes and comes again: one that has found it by its name is answered by
// it, and one that finds the name gone by its twin.
func TestTheSearchGoesAndComesUnderCalls(t *testing.T) {
	db := pgtest.New(t)
	scope(t, db, 1)
	writeContent(t, db, 1, 300)
	search := rolledBack[0]
	quiet := slog.New(slog.DiscardHandler)
	flags, err := twin.NewFlags(t.Context(), db.App(t), twin.FlagOptions{Log: quiet})
	require.NoError(t, err)
	defer flags.Close()
	runner, err := twin.NewRunner(flags, twin.Options{RetryFirst: time.Microsecond, RetryLongest: time.Millisecond, Log: quiet})
	require.NoError(t, err)
	defer runner.Close()

	s := campaign.NewScope(db.App(t))
	ctx, stop := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	const n = 8
	failed := make(chan string, n)
	for range n {
		callers.Go(func() {
			inside := in(t, 1) // not ctx: a call under way is answered to its end
			for ctx.Err() == nil {
				var got string
				if err := runner.QueryRow(inside, s, search.twin).Scan(&got); err != nil || got != search.want {
					failed <- fmt.Sprintf("%q instead of %q: %s", got, search.want, said(err))
					return
				}
			}
		})
	}
	m := migrator(t, db.OwnerURL, schema.Options{})
	for range 3 {
		require.NoError(t, m.Down(t.Context(), schema.Foundation))
		require.NoError(t, m.Up(t.Context(), schema.GeneratedColumns))
	}
	stop()
	callers.Wait()
	close(failed)
	for what := range failed {
		t.Error(what)
	}
}

// said is what the server itself said, which a fault keeps to itself.
func said(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Error()
	}
	return fmt.Sprint(err)
}

// A transaction that may have found the function by its name is waited for, whatever
// it does meanwhile; one of a role that may not call it is not.
func TestAFunctionStaysForWhoeverMayHaveFoundIt(t *testing.T) {
	db := pgtest.New(t)
	scope(t, db, 1)
	writeContent(t, db, 1, 100)
	other, err := db.Monitor(t).Begin(t.Context())
	require.NoError(t, err)
	_, err = other.Exec(t.Context(), `SELECT 1`)
	require.NoError(t, err)
	caller, err := db.App(t).Begin(t.Context())
	require.NoError(t, err)
	_, err = caller.Exec(t.Context(), `SELECT set_config('app.campaign_id', '1', true)`)
	require.NoError(t, err)
	oid := value[uint32](t, db, `SELECT 'ovasabi.search_content'::regproc::oid`)

	waiting := make(chan struct{}, 100)
	done := make(chan error, 1)
	m := migrator(t, db.OwnerURL, schema.Options{Progress: func(line string) {
		if strings.Contains(line, "older transactions") {
			waiting <- struct{}{}
		}
	}})
	go func() { done <- m.Down(context.Background(), schema.Foundation) }()
	select {
	case <-waiting:
	case err := <-done:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(time.Minute):
		t.Fatal("it neither waits nor ends")
	}
	require.Equal(t, "search_content_unnamed", value[string](t, db, `SELECT proname::text FROM pg_proc WHERE oid = $1`, oid))
	var hits int
	require.NoError(t, caller.QueryRow(t.Context(), `SELECT count(*) FROM ovasabi.search_content_unnamed('needle')`).Scan(&hits), "by its identity it still answers")
	require.Equal(t, 1, hits)
	require.NoError(t, caller.Commit(t.Context()))
	require.NoError(t, <-done)
	require.Zero(t, value[int](t, db, `SELECT count(*) FROM pg_proc WHERE oid = $1`, oid))
	require.NoError(t, other.Rollback(t.Context()))
}

// What a kill leaves between the name and the function, the next run gives its name
// again, or takes away.
func TestAFunctionWithoutItsNameIsFinishedOrReverted(t *testing.T) {
	for name, to := range map[string]schema.Phase{"up": schema.Latest(), "down": schema.Foundation} {
		t.Run(name, func(t *testing.T) {
			db := pgtest.New(t)
			killed := migrator(t, db.OwnerURL, schema.WithCheckpoint(schema.Options{}, func(step string) error {
				if step == "00207_content_search" {
					return errKilled
				}
				return nil
			}))
			require.ErrorIs(t, killed.Down(t.Context(), schema.Foundation), errKilled)
			require.Equal(t, "ovasabi.search_content_unnamed", value[string](t, db, `SELECT oid::regproc::text FROM pg_proc WHERE proname LIKE 'search_content%'`))
			m := migrator(t, db.OwnerURL, schema.Options{})
			if name == "up" {
				require.NoError(t, m.Up(t.Context(), to))
				require.Equal(t, "ovasabi.search_content", value[string](t, db, `SELECT oid::regproc::text FROM pg_proc WHERE proname LIKE 'search_content%'`))
			} else {
				require.NoError(t, m.Down(t.Context(), to))
				require.Zero(t, value[int](t, db, `SELECT count(*) FROM pg_proc WHERE proname LIKE 'search_content%'`))
			}
			s, err := m.Status(t.Context())
			require.NoError(t, err)
			require.Equal(t, to, s.Phase)
			require.Empty(t, s.Drift)
		})
	}
}
