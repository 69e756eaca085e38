package repository_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/repository"
)

func named(row int) string { return fmt.Sprintf("event-%06d", row) }

func TestBatchReturnsIDsInTheOrderOfTheRows(t *testing.T) {
	f := newFixture(t)
	b := newBatch(t, f, events, repository.MaxRows(300))
	addEvents(t, b, 0, 1000)
	require.NoError(t, b.Execute(f.one))
	require.Zero(t, b.Pending())
	requireIDs(t, f, b, named)
	require.EqualValues(t, 1000, f.count(t, `SELECT count(*) FROM ovasabi.service_event WHERE campaign_id = 1`))

	// The next AddRow begins anew.
	addEvents(t, b, 1000, 1001)
	require.Equal(t, 1, b.Len())
	require.NoError(t, b.Execute(f.two))
	require.EqualValues(t, 1, f.count(t, `SELECT count(*) FROM ovasabi.service_event WHERE campaign_id = 2`))
}

// A Querier that hands out every result backwards: what RETURNING is allowed to do.
type reversing struct{ *pgxpool.Pool }

func (r reversing) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	for _, q := range b.QueuedQueries {
		q.SQL = "WITH written AS (" + q.SQL + ") SELECT * FROM written ORDER BY 2 DESC"
	}
	return r.Pool.SendBatch(ctx, b)
}

func TestBatchMatchesIDsWhateverTheOrderOfReturning(t *testing.T) {
	for _, conflict := range []repository.Conflict{repository.Fail, repository.Skip, repository.Update} {
		t.Run(conflict.String(), func(t *testing.T) {
			f := newFixture(t)
			b, err := repository.NewBatch(reversing{f.owner}, events, repository.OnConflict(conflict), repository.MaxRows(70))
			require.NoError(t, err)
			for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(500) {
				require.NoError(t, b.AddRow(eventRow(i)...))
			}
			require.NoError(t, b.Execute(f.one))
			order := rand.New(rand.NewPCG(1, 2)).Perm(500)
			requireIDs(t, f, b, func(row int) string { return named(order[row]) })
			require.Equal(t, repository.Inserted, b.Outcome(3))
		})
	}
}

func TestBatchSkipReportsTheRowThatWasThere(t *testing.T) {
	f := newFixture(t)
	first := newBatch(t, f, events)
	addEvents(t, first, 0, 10)
	require.NoError(t, first.Execute(f.one))
	// The same keys in another campaign are other rows.
	other := newBatch(t, f, events)
	addEvents(t, other, 0, 10)
	require.NoError(t, other.Execute(f.two))

	b := newBatch(t, f, events, repository.OnConflict(repository.Skip), repository.MaxRows(8))
	addEvents(t, b, 5, 15)
	addEvents(t, b, 14, 15) // twice in one batch
	require.NoError(t, b.Execute(f.one))
	requireIDs(t, f, b, func(row int) string { return named(min(row+5, 14)) })
	for row := range b.Len() {
		want := repository.Inserted
		if row < 5 || row == 10 {
			want = repository.Skipped
		}
		require.Equal(t, want, b.Outcome(row), "row %d", row)
	}
	require.Equal(t, first.GetInsertedIDs()[5:], b.GetInsertedIDs()[:5])
}

func TestBatchUpdateTakesTheLastOfEqualKeys(t *testing.T) {
	f := newFixture(t)
	b := newBatch(t, f, users, repository.OnConflict(repository.Update))
	require.NoError(t, b.AddRow("ada@example.org", "Ada"))
	require.NoError(t, b.Execute(f.one))
	ada := b.GetInsertedIDs()[0]

	require.NoError(t, b.AddRow("Grace@example.org", "G."))
	require.NoError(t, b.AddRow("ADA@example.org", "Ada L."))
	require.NoError(t, b.AddRow("grace@example.org", "Grace"))
	require.NoError(t, b.Execute(f.one))
	ids := b.GetInsertedIDs()
	require.Equal(t, []repository.Outcome{repository.Superseded, repository.Updated, repository.Inserted},
		[]repository.Outcome{b.Outcome(0), b.Outcome(1), b.Outcome(2)})
	require.Equal(t, ada, ids[1])
	require.Equal(t, ids[2], ids[0])

	var name, email string
	var version int64
	require.NoError(t, f.owner.QueryRow(f.one, `SELECT first_name, email, version FROM ovasabi.service_user_main WHERE id = $1`, ada).Scan(&name, &email, &version))
	require.Equal(t, []any{"Ada L.", "ADA@example.org", int64(2)}, []any{name, email, version})
	require.NoError(t, f.owner.QueryRow(f.one, `SELECT first_name FROM ovasabi.service_user_main WHERE id = $1`, ids[2]).Scan(&name))
	require.Equal(t, "Grace", name)
}

func TestBatchUpdateWritesTheEarlierRowWhenTheLaterIsRejected(t *testing.T) {
	f := newFixture(t)
	b := newBatch(t, f, users, repository.OnConflict(repository.Update), repository.ChunkByChunk())
	require.NoError(t, b.AddRow("ada@example.org", "Ada"))
	require.NoError(t, b.AddRow("ada@example.org", "")) // first_name has 1 to 200 characters
	err := b.Execute(f.one)
	var refused *repository.BatchError
	require.ErrorAs(t, err, &refused)
	require.Len(t, refused.Rows, 1)
	require.Equal(t, 1, refused.Rows[0].Row)
	require.Equal(t, "first_name", refused.Rows[0].Column)
	require.Equal(t, repository.Inserted, b.Outcome(0))
	require.EqualValues(t, 1, f.count(t, `SELECT count(*) FROM ovasabi.service_user_main WHERE first_name = 'Ada'`))
}

func TestBatchNeedsACampaign(t *testing.T) {
	f := newFixture(t)
	// Even through a pool that no policy holds back.
	b, err := repository.NewBatch(f.owner, events)
	require.NoError(t, err)
	addEvents(t, b, 0, 1)
	err = b.Execute(t.Context())
	require.ErrorIs(t, err, fault.NoCampaign)
	require.Equal(t, 1, b.Pending())
	require.NoError(t, b.Execute(f.two))
	require.EqualValues(t, 1, f.count(t, `SELECT count(*) FROM ovasabi.service_event WHERE campaign_id = 2`))
}

func TestBatchCannotWriteToAnotherCampaign(t *testing.T) {
	f := newFixture(t)
	// The scope stands in campaign 2, the batch is told of campaign 1: the policy refuses.
	err := f.scope.InTx(f.two, txOptions, func(_ context.Context, tx pgx.Tx) error {
		b, err := repository.NewBatch(tx, events)
		if err != nil {
			return err
		}
		addEvents(t, b, 0, 1)
		return b.Execute(f.one)
	})
	require.ErrorIs(t, err, fault.Denied)
	require.Zero(t, f.count(t, `SELECT count(*) FROM ovasabi.service_event`))
}

func TestAllOrNothingNamesTheRowAndKeepsAll(t *testing.T) {
	f := newFixture(t)
	occupied := newBatch(t, f, events)
	addEvents(t, occupied, 777, 778)
	require.NoError(t, occupied.Execute(f.one))

	b := newBatch(t, f, events, repository.MaxRows(100))
	addEvents(t, b, 0, 1000)
	err := b.Execute(f.one)
	require.ErrorIs(t, err, fault.Conflict)
	var row *repository.RowError
	require.ErrorAs(t, err, &row)
	require.Equal(t, 777, row.Row)
	require.Equal(t, "event_id", row.Column)
	require.Equal(t, 1000, b.Pending())
	require.EqualValues(t, 1, f.count(t, `SELECT count(*) FROM ovasabi.service_event`))
	require.NotContains(t, err.Error(), "event-000777", "no row values in errors")

	require.NoError(t, b.Reject(row.Row))
	require.NoError(t, b.Execute(f.one))
	require.EqualValues(t, 1000, f.count(t, `SELECT count(*) FROM ovasabi.service_event`))
	require.Equal(t, repository.Rejected, b.Outcome(777))
	require.Zero(t, b.GetInsertedIDs()[777])
}

func TestAllOrNothingNamesTheSecondOfEqualKeys(t *testing.T) {
	f := newFixture(t)
	b := newBatch(t, f, events, repository.MaxRows(10))
	addEvents(t, b, 0, 30)
	addEvents(t, b, 4, 5)
	var row *repository.RowError
	require.ErrorAs(t, b.Execute(f.one), &row)
	require.Equal(t, 30, row.Row)
}

func TestAllOrNothingInsideATransactionKeepsTheTransaction(t *testing.T) {
	f := newFixture(t)
	err := f.scope.InTx(f.one, txOptions, func(ctx context.Context, tx pgx.Tx) error {
		b, err := repository.NewBatch(tx, events, repository.MaxRows(10))
		if err != nil {
			return err
		}
		addEvents(t, b, 0, 20)
		if err := b.AddRow("wrong", "no event type", "", noon, `{}`, `null`); err != nil {
			return err
		}
		var row *repository.RowError
		if err := b.Execute(ctx); !errors.As(err, &row) || row.Row != 20 || row.Column != "event_type" {
			return fmt.Errorf("expected row 20, column event_type: %w", err)
		}
		if err := b.Reject(20); err != nil {
			return err
		}
		return b.Execute(ctx)
	})
	require.NoError(t, err)
	require.EqualValues(t, 20, f.count(t, `SELECT count(*) FROM ovasabi.service_event`))
}

func TestChunkByChunkWritesEveryGoodRow(t *testing.T) {
	f := newFixture(t)
	b := newBatch(t, f, events, repository.ChunkByChunk(), repository.MaxRows(100))
	bad := map[int]string{}
	for i := range 500 {
		row := eventRow(i)
		switch i {
		case 3, 4, 250:
			row[1] = "not an event type"
			bad[i] = "event_type"
		case 411:
			row[4] = `[]`
			bad[i] = "metadata"
		case 499:
			row[5] = `{"n": "\ud800"}` // valid for encoding/json, not for jsonb
			bad[i] = "payload"
		}
		require.NoError(t, b.AddRow(row...))
	}
	err := b.Execute(f.one)
	require.ErrorIs(t, err, fault.Invalid)
	var refused *repository.BatchError
	require.ErrorAs(t, err, &refused)
	require.NoError(t, refused.Err)
	got := map[int]string{}
	for _, r := range refused.Rows {
		got[r.Row] = r.Column
	}
	require.Equal(t, bad, got)
	require.EqualValues(t, 495, f.count(t, `SELECT count(*) FROM ovasabi.service_event`))
	require.Zero(t, b.Pending())
	for row, id := range b.GetInsertedIDs() {
		require.Equal(t, bad[row] != "", id == 0, "row %d", row)
	}
}

func TestBatchIsThereAfterTheDatabaseWasNot(t *testing.T) {
	f := newFixture(t)
	b := newBatch(t, f, events, repository.MaxRows(10), repository.ChunkByChunk())
	addEvents(t, b, 0, 25)
	ctx, cancel := context.WithCancel(f.one)
	cancel()
	err := b.Execute(ctx)
	require.ErrorIs(t, err, fault.Canceled)
	var left *repository.BatchError
	require.ErrorAs(t, err, &left)
	require.Equal(t, 25, left.Pending)
	addEvents(t, b, 25, 30)
	require.NoError(t, b.Execute(f.one))
	requireIDs(t, f, b, named)
}

func TestBatchRefusesBeforeTheServer(t *testing.T) {
	f := newFixture(t)
	b := newBatch(t, f, events)
	good := eventRow(0)
	for name, tc := range map[string]struct {
		column string
		value  any
		at     int
	}{
		"nul":            {"event_id", "a\x00b", 0},
		"utf8":           {"event_id", "a\xffb", 0},
		"type":           {"event_id", 7, 0},
		"null":           {"event_type", nil, 1},
		"not a time":     {"occurred_at", "yesterday", 3},
		"json syntax":    {"metadata", `{"a":`, 4},
		"json nul":       {"payload", `{"a":"\u0000"}`, 5},
		"unmarshallable": {"payload", make(chan int), 5},
		"null pointer":   {"entity_id", (*string)(nil), 2},
	} {
		t.Run(name, func(t *testing.T) {
			row := append([]any(nil), good...)
			row[tc.at] = tc.value
			var refused *repository.RowError
			err := b.AddRow(row...)
			require.ErrorAs(t, err, &refused)
			require.ErrorIs(t, err, fault.Invalid)
			require.Equal(t, tc.column, refused.Column)
			require.Zero(t, b.Len(), "a refused row is not added")
		})
	}
	require.ErrorContains(t, b.AddRow("one"), "must have 6 values")
	// An escaped backslash before u0000 is no such escape.
	good[5] = `{"a":"\\u0000"}`
	require.NoError(t, b.AddRow(good...))
	require.NoError(t, b.Execute(f.one))
}

func TestBatchSplitsByBytes(t *testing.T) {
	f := newFixture(t)
	statements := &countingScope{Scope: f.scope}
	b, err := repository.NewBatch(statements, events, repository.MaxBytes(4096))
	require.NoError(t, err)
	for i := range 10 {
		row := eventRow(i)
		row[5] = fmt.Sprintf(`{"text":"%01500d"}`, 1)
		require.NoError(t, b.AddRow(row...))
	}
	require.NoError(t, b.Execute(f.one))
	require.Equal(t, 5, statements.queued, "two rows of 1.6 KB fit into 4 KB")
	require.Equal(t, 1, statements.batches, "all or nothing is one round trip")
}

// countingScope counts the round trips of batches, and what was queued in them.
type countingScope struct {
	*campaign.Scope
	queued, batches, streams int
	again                    chan struct{} // where there is one, the second round trip waits until it is closed
}

func (c *countingScope) wait(ctx context.Context) {
	if c.again == nil || c.batches+c.streams != 2 {
		return
	}
	select {
	case <-c.again:
	case <-ctx.Done():
	}
}

func (c *countingScope) Lend(ctx context.Context, m database.PlanMode, fn func(context.Context, *pgx.Conn, *pgx.Batch) error) error {
	c.streams++
	c.wait(ctx)
	return c.Scope.Lend(ctx, m, fn)
}

func (c *countingScope) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	c.batches++
	c.queued += b.Len()
	c.wait(ctx)
	return c.Scope.SendBatch(ctx, b)
}

func TestBatchWithoutAnyRowDoesNothing(t *testing.T) {
	f := newFixture(t)
	statements := &countingScope{Scope: f.scope}
	b, err := repository.NewBatch(statements, events)
	require.NoError(t, err)
	require.NoError(t, b.Execute(f.one))
	require.Zero(t, statements.batches)
	require.Empty(t, b.GetInsertedIDs())
}
