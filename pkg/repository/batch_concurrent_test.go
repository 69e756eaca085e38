package repository_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/repository"
)

// Batches that take the same rows in opposite orders must not run into each other's locks.
func TestUpdatingBatchesDoNotDeadlock(t *testing.T) {
	f := newFixture(t)
	const callers, rounds, rows = 4, 10, 60
	var done sync.WaitGroup
	roundTrips := make([]countingScope, callers)
	for caller := range callers {
		roundTrips[caller].Scope = f.scope
		done.Go(func() {
			b, err := repository.NewBatch(&roundTrips[caller], users, repository.OnConflict(repository.Update), repository.MaxRows(25))
			if err != nil {
				t.Error(err)
				return
			}
			for range rounds {
				for i := range rows {
					if caller%2 == 1 {
						i = rows - 1 - i
					}
					if err := b.AddRow(fmt.Sprintf("user-%d@example.org", i), fmt.Sprint("by ", caller)); err != nil {
						t.Error(err)
					}
				}
				if err := b.Execute(f.one); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done.Wait()
	require.EqualValues(t, rows, f.count(t, `SELECT count(*) FROM ovasabi.service_user_main`))
	require.EqualValues(t, rows*callers*rounds, f.count(t, `SELECT sum(version) FROM ovasabi.service_user_main`), "every update counted once")
	for _, r := range roundTrips {
		require.Equal(t, rounds, r.batches, "no batch had to try again")
	}
}

// A deadlock with somebody else's transaction is tried again, unseen.
func TestABatchThatWasTheVictimOfADeadlockTriesAgain(t *testing.T) {
	for name, more := range map[string]int{"in one batch": 0, "streamed": streamed} {
		t.Run(name, func(t *testing.T) { victimOfADeadlock(t, more) })
	}
}

func victimOfADeadlock(t *testing.T, more int) {
	f := newFixture(t)
	f.exec(t, `ALTER DATABASE `+pgx.Identifier{f.Name}.Sanitize()+` SET deadlock_timeout = '400ms'`)
	// Connected after that.
	scope := &countingScope{Scope: campaign.NewScope(openMode(t, f, pgx.QueryExecModeCacheStatement))}
	add := func(name string) *repository.Batch {
		b, err := repository.NewBatch(scope, users, repository.OnConflict(repository.Update))
		require.NoError(t, err)
		require.NoError(t, b.AddRow("a@example.org", name))
		require.NoError(t, b.AddRow("b@example.org", name))
		for i := range more {
			require.NoError(t, b.AddRow(fmt.Sprintf("c%d@example.org", i), name))
		}
		return b
	}
	require.NoError(t, add("first").Execute(f.one))

	tx, err := f.owner.Begin(f.one)
	require.NoError(t, err)
	defer tx.Rollback(f.one)
	touch := func(email string) {
		_, err := tx.Exec(f.one, `UPDATE ovasabi.service_user_main SET last_name = 'touched' WHERE email = $1`, email)
		require.NoError(t, err)
	}
	_, err = tx.Exec(f.one, `SET LOCAL deadlock_timeout = '60s'`) // so that the batch is the one that notices
	require.NoError(t, err)
	touch("b@example.org")
	written := make(chan error, 1)
	b := add("second")
	// Tried again before the other one woke up, it would take the first row again.
	scope.batches, scope.streams, scope.again = 0, 0, make(chan struct{})
	go func() { written <- b.Execute(f.one) }()
	require.Eventually(t, func() bool {
		return f.count(t, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) == 1
	}, waitLimit, waitTick)
	touch("a@example.org") // closes the circle, and goes on once the batch was ended
	close(scope.again)
	require.NoError(t, tx.Commit(f.one))
	require.NoError(t, <-written)
	require.EqualValues(t, 2, f.count(t, `SELECT count(*) FROM ovasabi.service_user_main WHERE first_name = 'second' AND last_name = 'touched' AND version = 2`))
	require.EqualValues(t, 2+more, f.count(t, `SELECT count(*) FROM ovasabi.service_user_main WHERE first_name = 'second' AND version = 2`))
	require.Equal(t, 2, scope.batches+scope.streams, "the batch must have met the deadlock once")
	require.Equal(t, more > 0, scope.streams > 0)
}

func TestBatchesThatSkipAgreeOnTheIDs(t *testing.T) {
	f := newFixture(t)
	const callers, rows = 6, 300
	var done sync.WaitGroup
	all := make([]*repository.Batch, callers)
	for caller := range callers {
		all[caller] = newBatch(t, f, events, repository.OnConflict(repository.Skip), repository.MaxRows(50), repository.ChunkByChunk())
		addEvents(t, all[caller], 0, rows)
		done.Go(func() {
			if err := all[caller].Execute(f.one); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	inserted := 0
	for _, b := range all {
		require.Equal(t, all[0].GetInsertedIDs(), b.GetInsertedIDs())
		for row := range rows {
			if b.Outcome(row) == repository.Inserted {
				inserted++
			}
		}
	}
	require.Equal(t, rows, inserted, "each row was inserted by one of them")
}

// vanishing deletes the row in the way after it was met and before it is read.
type vanishing struct {
	*campaign.Scope
	t *testing.T
	f *fixture
}

func (v vanishing) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	v.f.exec(v.t, `DELETE FROM ovasabi.service_event WHERE event_id = 'event-000003'`)
	return v.Scope.Query(ctx, sql, args...)
}

func TestBatchInsertsWhereTheRowInTheWayVanished(t *testing.T) {
	f := newFixture(t)
	before := newBatch(t, f, events)
	addEvents(t, before, 0, 5)
	require.NoError(t, before.Execute(f.one))
	b, err := repository.NewBatch(vanishing{f.scope, t, f}, events, repository.OnConflict(repository.Skip))
	require.NoError(t, err)
	addEvents(t, b, 0, 5)
	require.NoError(t, b.Execute(f.one))
	requireIDs(t, f, b, named)
	require.Equal(t, repository.Skipped, b.Outcome(2))
	require.Equal(t, repository.Inserted, b.Outcome(3))
}

func TestBatchSurvivesAMigrationOfItsKey(t *testing.T) {
	f := newFixture(t)
	b := newBatch(t, f, events)
	for round := range 4 {
		addEvents(t, b, round*10, round*10+10)
		require.NoError(t, b.Execute(f.one))
		f.exec(t, `ALTER TABLE ovasabi.service_event ALTER COLUMN event_id TYPE `+[]string{"varchar(200)", "text", "varchar(100)", "text"}[round])
	}
	require.EqualValues(t, 40, f.count(t, `SELECT count(*) FROM ovasabi.service_event`))
}
