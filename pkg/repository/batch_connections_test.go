package repository_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/repository"
)

// gatedScope begins no round trip that its gate refuses.
type gatedScope struct {
	*campaign.Scope
	gate func() error
}

func (s gatedScope) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	if err := s.gate(); err != nil {
		return pgx.FailedBatchResults(b, err)
	}
	return s.Scope.SendBatch(ctx, b)
}

func (s gatedScope) Lend(ctx context.Context, m database.PlanMode, fn func(context.Context, *pgx.Conn, *pgx.Batch) error) error {
	if err := s.gate(); err != nil {
		return err
	}
	return s.Scope.Lend(ctx, m, fn)
}

// meeting lets no round trip begin before so many are to begin at once.
type meeting struct {
	together int

	mu      sync.Mutex
	waiting int
	meeting chan struct{}
	met     int
	trips   int
}

func (s *meeting) gate() error {
	s.mu.Lock()
	s.trips++
	if s.meeting == nil {
		s.meeting = make(chan struct{})
	}
	meeting := s.meeting
	if s.waiting++; s.waiting == s.together {
		s.met++
		s.waiting, s.meeting = 0, nil
		close(meeting)
	}
	s.mu.Unlock()
	select {
	case <-meeting:
	case <-time.After(waitLimit):
	}
	return nil
}

func TestBatchWritesOverSeveralConnectionsAtOnce(t *testing.T) {
	f := newFixture(t)
	for _, tc := range []struct{ rows, connections, together, trips int }{
		{2500, 2, 2, 4}, // evenly: four chunks of 625, not two of 1,000 and one of 500
		{500, 2, 2, 2},
		{499, 2, 1, 1}, // not worth another connection
		{1800, 3, 3, 3},
	} {
		t.Run(fmt.Sprintf("%d rows over %d", tc.rows, tc.connections), func(t *testing.T) {
			f.exec(t, `TRUNCATE ovasabi.service_event`)
			met := &meeting{together: tc.together}
			b, err := repository.NewBatch(gatedScope{f.scope, met.gate}, events, repository.ChunkByChunk(), repository.Connections(tc.connections))
			require.NoError(t, err)
			addEvents(t, b, 0, tc.rows)
			require.NoError(t, b.Execute(f.one))
			require.Zero(t, b.Pending())
			require.Equal(t, tc.trips, met.trips)
			require.Equal(t, tc.trips/tc.together, met.met, "the chunks were under way at once")
			requireIDs(t, f, b, named)
			require.EqualValues(t, tc.rows, f.count(t, `SELECT count(*) FROM ovasabi.service_event WHERE campaign_id = 1`))
		})
	}
}

func TestBatchOverSeveralConnectionsNamesEveryRefusedRow(t *testing.T) {
	for _, most := range []int{100, 1000} { // the larger chunks are streamed
		t.Run(fmt.Sprintf("chunks of %d", most), func(t *testing.T) {
			f := newFixture(t)
			b := newBatch(t, f, events, repository.ChunkByChunk(), repository.Connections(4), repository.MaxRows(most))
			bad := map[int]bool{3: true, 250: true, 251: true, 777: true}
			for i := range 4000 {
				row := eventRow(i)
				if bad[i] {
					row[1] = "not an event type"
				}
				require.NoError(t, b.AddRow(row...))
			}
			err := b.Execute(f.one)
			refused, ok := errors.AsType[*repository.BatchError](err)
			require.True(t, ok, "%v", err)
			require.NoError(t, refused.Err)
			require.Zero(t, refused.Pending)
			var rows []int
			for _, r := range refused.Rows {
				rows = append(rows, r.Row)
				require.Equal(t, "event_type", r.Column)
			}
			require.Equal(t, []int{3, 250, 251, 777}, rows)
			require.EqualValues(t, 3996, f.count(t, `SELECT count(*) FROM ovasabi.service_event WHERE campaign_id = 1`))
			for row, id := range b.GetInsertedIDs() {
				require.Equal(t, bad[row], id == 0, "row %d", row)
			}
		})
	}
}

// goingAway lets so many round trips begin, as a database does that goes away; all
// where left is negative.
type goingAway struct {
	mu   sync.Mutex
	left int
}

var errGone = &fault.Error{Kind: fault.Unavailable, Message: "the database has gone away"}

func (s *goingAway) gate() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left == 0 {
		return errGone
	}
	s.left--
	return nil
}

func TestBatchOverSeveralConnectionsLosesNothingWhenTheDatabaseGoesAway(t *testing.T) {
	for _, most := range []int{100, 500} { // the larger chunks are streamed
		t.Run(fmt.Sprintf("chunks of %d", most), func(t *testing.T) {
			f := newFixture(t)
			trips := &goingAway{left: 3}
			b, err := repository.NewBatch(gatedScope{f.scope, trips.gate}, events, repository.ChunkByChunk(), repository.Connections(2), repository.MaxRows(most))
			require.NoError(t, err)
			addEvents(t, b, 0, 10*most)
			err = b.Execute(f.one)
			require.ErrorIs(t, err, fault.Unavailable)
			require.Equal(t, 7*most, b.Pending(), "three chunks were written, seven are still there")
			require.EqualValues(t, 3*most, f.count(t, `SELECT count(*) FROM ovasabi.service_event`))

			trips.left = -1
			require.NoError(t, b.Execute(f.one))
			require.Zero(t, b.Pending())
			requireIDs(t, f, b, named)
			require.EqualValues(t, 10*most, f.count(t, `SELECT count(*) FROM ovasabi.service_event`))
		})
	}
}

func TestBatchOverSeveralConnectionsUpdatesTheLastOfEqualKeys(t *testing.T) {
	f := newFixture(t)
	b := newBatch(t, f, users, repository.OnConflict(repository.Update), repository.ChunkByChunk(), repository.Connections(3), repository.MaxRows(50))
	for i := range 600 {
		require.NoError(t, b.AddRow(fmt.Sprintf("user-%d@example.org", i%300), fmt.Sprint("name ", i)))
	}
	require.NoError(t, b.Execute(f.one))
	ids := b.GetInsertedIDs()
	require.Equal(t, ids[300:], ids[:300], "what was superseded has the id of the row that was written")
	require.EqualValues(t, 300, f.count(t, `SELECT count(*) FROM ovasabi.service_user_main WHERE version = 1 AND split_part(first_name, ' ', 2)::integer >= 300`))
}

// A transaction is one connection, whatever was asked for.
func TestBatchInATransactionWritesOverItsConnection(t *testing.T) {
	f := newFixture(t)
	err := f.scope.InTx(f.one, txOptions, func(ctx context.Context, tx pgx.Tx) error {
		b, err := repository.NewBatch(tx, events, repository.ChunkByChunk(), repository.Connections(4), repository.MaxRows(100))
		require.NoError(t, err)
		addEvents(t, b, 0, 1000)
		require.NoError(t, b.Execute(ctx))
		var n int64
		require.NoError(t, tx.QueryRow(ctx, `SELECT count(*) FROM ovasabi.service_event`).Scan(&n))
		require.EqualValues(t, 1000, n)
		return errGone
	})
	require.ErrorIs(t, err, errGone)
	require.Zero(t, f.count(t, `SELECT count(*) FROM ovasabi.service_event`))
}

func TestBatchCopiesOverSeveralConnections(t *testing.T) {
	f := newFixture(t)
	b, err := repository.NewBatch(f.owner, notes, repository.CopyWhereAllowed(), repository.ChunkByChunk(), repository.Connections(2))
	require.NoError(t, err)
	f.exec(t, createNotes)
	f.exec(t, `ALTER TABLE ovasabi.bench_note NO FORCE ROW LEVEL SECURITY`)
	for i := range 2000 {
		require.NoError(t, b.AddRow(noteRow(i)...))
	}
	require.NoError(t, b.Execute(f.one))
	require.Zero(t, b.Pending())
	for row, id := range b.GetInsertedIDs() {
		require.NotZero(t, id, "row %d", row)
	}
	require.EqualValues(t, 2000, f.count(t, `SELECT count(DISTINCT id) FROM ovasabi.bench_note`))
}

func TestBatchRefusesConnectionsThatMakeNoSense(t *testing.T) {
	for _, n := range []int{-1, 0, 65} {
		_, err := repository.NewBatch(nil, events, repository.ChunkByChunk(), repository.Connections(n))
		require.ErrorContains(t, err, "Connections")
		require.ErrorContains(t, err, "from 1 to 64")
	}
	_, err := repository.NewBatch(nil, events, repository.Connections(2))
	require.ErrorContains(t, err, "ChunkByChunk")
}
