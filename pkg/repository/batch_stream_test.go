package repository_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/wiretap"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/repository"
)

// streamed is more rows than go in one round trip.
const streamed = 2500

func TestStreamedBatchReturnsIDsForEveryConflict(t *testing.T) {
	for _, conflict := range []repository.Conflict{repository.Fail, repository.Skip, repository.Update} {
		for name, table := range map[string]*repository.Table{"in order": events, "reversed": repository.ReverseReturning(events)} {
			t.Run(conflict.String()+" "+name, func(t *testing.T) {
				f := newFixture(t)
				there := 0
				if conflict != repository.Fail {
					there = 100
					before := newBatch(t, f, events)
					addEvents(t, before, 0, there)
					require.NoError(t, before.Execute(f.one))
				}
				b := newBatch(t, f, table, repository.OnConflict(conflict), repository.MaxRows(300))
				addEvents(t, b, 0, streamed)
				require.NoError(t, b.Execute(f.one))
				require.Zero(t, b.Pending())
				requireIDs(t, f, b, named)
				for row := range streamed {
					want := repository.Inserted
					if row < there {
						want = map[repository.Conflict]repository.Outcome{repository.Skip: repository.Skipped, repository.Update: repository.Updated}[conflict]
					}
					require.Equal(t, want, b.Outcome(row), "row %d", row)
				}
			})
		}
	}
}

func TestStreamedBatchWithoutIDs(t *testing.T) {
	f := newFixture(t)
	table := repository.MustTable(repository.TableSpec{
		Name: pgx.Identifier{"ovasabi", "service_event"},
		Columns: []repository.Column{
			{Name: "event_id", Type: "text", NotNull: true}, {Name: "event_type", Type: "text", NotNull: true},
			{Name: "entity_id", Type: "text", NotNull: true}, {Name: "occurred_at", Type: "timestamptz", NotNull: true},
			{Name: "metadata", Type: "jsonb", NotNull: true}, {Name: "payload", Type: "jsonb", NotNull: true},
		},
	})
	b := newBatch(t, f, table)
	addEvents(t, b, 0, streamed)
	require.NoError(t, b.Execute(f.one))
	require.EqualValues(t, streamed, f.count(t, `SELECT count(*) FROM ovasabi.service_event WHERE campaign_id = 1`))
	require.Equal(t, repository.Inserted, b.Outcome(streamed-1))
}

func TestStreamedBatchNamesTheRowAndKeepsTheConnection(t *testing.T) {
	f := newFixture(t)
	pool := openMode(t, f, pgx.QueryExecModeCacheStatement)
	b, err := repository.NewBatch(campaign.NewScope(pool), events, repository.MaxRows(200))
	require.NoError(t, err)
	const bad = 1777
	for i := range streamed {
		row := eventRow(i)
		if i == bad {
			row[1] = "no event type"
		}
		require.NoError(t, b.AddRow(row...))
	}
	err = b.Execute(f.one)
	require.ErrorIs(t, err, fault.Invalid)
	var refused *repository.RowError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, bad, refused.Row)
	require.Equal(t, "event_type", refused.Column)
	require.Equal(t, streamed, b.Pending())
	require.Zero(t, f.count(t, `SELECT count(*) FROM ovasabi.service_event`))

	require.NoError(t, b.Reject(bad))
	require.NoError(t, b.Execute(f.one))
	require.EqualValues(t, streamed-1, f.count(t, `SELECT count(*) FROM ovasabi.service_event`))
	require.EqualValues(t, 1, pool.Stat().NewConnsCount(), "an error of the rows must not cost a connection")
}

func TestStreamedBatchInsideATransactionKeepsTheTransaction(t *testing.T) {
	f := newFixture(t)
	err := f.scope.InTx(f.one, txOptions, func(ctx context.Context, tx pgx.Tx) error {
		b, err := repository.NewBatch(tx, events, repository.MaxRows(500))
		if err != nil {
			return err
		}
		addEvents(t, b, 0, streamed)
		addEvents(t, b, 7, 8) // again
		var row *repository.RowError
		if err := b.Execute(ctx); !errors.As(err, &row) || row.Row != streamed || row.Column != "event_id" {
			return fmt.Errorf("expected row %d, column event_id: %w", streamed, err)
		}
		if err := b.Reject(streamed); err != nil {
			return err
		}
		return b.Execute(ctx)
	})
	require.NoError(t, err)
	require.EqualValues(t, streamed, f.count(t, `SELECT count(*) FROM ovasabi.service_event`))
}

func TestStreamedBatchIsThereAfterItsContextEnded(t *testing.T) {
	f := newFixture(t)
	lock, err := f.owner.Begin(f.one)
	require.NoError(t, err)
	defer lock.Rollback(f.one)
	_, err = lock.Exec(f.one, `LOCK TABLE ovasabi.service_event`)
	require.NoError(t, err)
	b := newBatch(t, f, events, repository.MaxRows(100))
	addEvents(t, b, 0, streamed)
	ctx, cancel := context.WithCancel(f.one)
	written := make(chan error, 1)
	go func() { written <- b.Execute(ctx) }()
	require.Eventually(t, func() bool {
		return f.count(t, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) == 1
	}, waitLimit, waitTick)
	cancel()
	require.ErrorIs(t, <-written, fault.Canceled)
	require.Equal(t, streamed, b.Pending())
	require.NoError(t, lock.Rollback(f.one))
	require.NoError(t, b.Execute(f.one))
	requireIDs(t, f, b, named)
}

// Whoever asks for COPY and may not have it is streamed; whoever may gets several COPYs in one transaction.
func TestLargeBatchCopiesOnlyWhereTheRoleMay(t *testing.T) {
	f := newFixture(t)
	seen := &seenBatch{}
	statements, err := repository.NewPreparedStatementPool()
	require.NoError(t, err)
	scope := campaign.NewScope(openWith(t, f, 1, statements, database.WithTracer(seen)))
	for name, q := range map[string]database.Querier{"app": scope, "owner": f.owner} {
		f.exec(t, `TRUNCATE ovasabi.service_event`)
		b, err := repository.NewBatch(q, events, repository.CopyWhereAllowed(), repository.MaxRows(500))
		require.NoError(t, err)
		addEvents(t, b, 0, streamed)
		addEvents(t, b, 1700, 1701) // again
		var row *repository.RowError
		require.ErrorAs(t, b.Execute(f.one), &row, name)
		require.Equal(t, streamed, row.Row, name)
		require.NoError(t, b.Reject(streamed))
		require.NoError(t, b.Execute(f.one))
		require.EqualValues(t, streamed, f.count(t, `SELECT count(*) FROM ovasabi.service_event`), name)
		require.EqualValues(t, f.count(t, `SELECT sum(id) FROM ovasabi.service_event`), sum(b.GetInsertedIDs()), name)
	}
	require.GreaterOrEqual(t, seen.queued, 2*streamed/500)
}

func sum(list []int64) (total int64) {
	for _, n := range list {
		total += n
	}
	return total
}

// largestWrite knows the most that went to the server at once.
type largestWrite struct {
	net.Conn
	bytes *int
}

func (w largestWrite) Write(b []byte) (int, error) {
	*w.bytes = max(*w.bytes, len(b))
	return w.Conn.Write(b)
}

// What comes back is as large as what is sent, so that both sides write at once;
// and only a chunk of it may be in memory.
func TestStreamedBatchIsBoundedAndDoesNotStickWhereBothSidesWrite(t *testing.T) {
	f := newFixture(t)
	f.exec(t, createKinds)
	f.exec(t, `ALTER TABLE ovasabi.kinds DROP CONSTRAINT kinds_campaign_id_name_key`) // its index takes no long keys
	table := repository.MustTable(repository.TableSpec{
		Name: pgx.Identifier{"ovasabi", "kinds"}, ID: "id", Key: []string{"name"},
		Columns: []repository.Column{{Name: "name", Type: "text", NotNull: true}},
	})
	largest := 0
	pool := pgtest.Pool(t, f.AppURL, 1, func(c *pgxpool.Config) {
		dial := c.ConnConfig.DialFunc
		c.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			return largestWrite{conn, &largest}, err
		}
	})

	const rows, size, chunk = 3000, 10_000, 256 << 10
	b, err := repository.NewBatch(campaign.NewScope(pool), table, repository.MaxBytes(chunk))
	require.NoError(t, err)
	filler := strings.Repeat("x", size)
	for i := range rows {
		require.NoError(t, b.AddRow(fmt.Sprintf("%06d%s", i, filler)))
	}
	require.NoError(t, b.Execute(f.one))
	require.EqualValues(t, rows, f.count(t, `SELECT count(*) FROM ovasabi.kinds`))
	require.Less(t, largest, chunk+size, "30 MB must go in pieces of a chunk")
	require.EqualValues(t, rows, f.count(t, `
		SELECT count(*)
		FROM unnest($1::bigint[]) WITH ORDINALITY AS u (id, position)
		JOIN ovasabi.kinds AS k ON k.id = u.id AND left(k.name, 6)::bigint = u.position - 1`, b.GetInsertedIDs()))
}

// seenBatch is a tracer that remembers one batch.
type seenBatch struct {
	queued, queries, ends int
	rows                  int64
	name                  string
	err                   error
}

func (s *seenBatch) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

func (s *seenBatch) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (s *seenBatch) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	s.queued += data.Batch.Len()
	s.name = database.QueryName(ctx)
	return ctx
}

func (s *seenBatch) TraceBatchQuery(_ context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	s.queries++
	s.rows += data.CommandTag.RowsAffected()
	s.err = data.Err
}

func (s *seenBatch) TraceBatchEnd(_ context.Context, _ *pgx.Conn, data pgx.TraceBatchEndData) {
	s.ends++
	if data.Err != nil {
		s.err = data.Err
	}
}

func TestStreamedBatchIsTracedAndLeavesTheStatementCacheAlone(t *testing.T) {
	f := newFixture(t)
	seen := &seenBatch{}
	statements, err := repository.NewPreparedStatementPool()
	require.NoError(t, err)
	pool := openWith(t, f, 1, statements, database.WithTracer(seen))
	b, err := repository.NewBatch(campaign.NewScope(pool), events, repository.MaxRows(250))
	require.NoError(t, err)
	require.NoError(t, pool.Ping(f.one))
	addEvents(t, b, 0, streamed)
	got := since(statements, func() { require.NoError(t, b.Execute(database.WithQueryName(f.one, "event.load"))) })
	require.Equal(t, repository.StatementStats{}, got)
	require.Equal(t, seenBatch{queued: 10, queries: 10, ends: 1, rows: streamed, name: "event.load"}, *seen)
	require.Zero(t, cached(t, pool))

	*seen = seenBatch{}
	row := eventRow(streamed)
	for range streamed {
		require.NoError(t, b.AddRow(row...))
	}
	require.ErrorIs(t, b.Execute(f.one), fault.Conflict)
	_, told := errors.AsType[*pgconn.PgError](seen.err)
	require.True(t, told, "%v", seen.err)
}

// A statement that is parsed for the occasion knows no plan that a migration could make stale.
func TestStreamedBatchSurvivesMigrations(t *testing.T) {
	f := newFixture(t)
	b := newBatch(t, f, events, repository.MaxRows(500))
	for round, kind := range []string{"varchar(200)", "text", "varchar(100)"} {
		addEvents(t, b, round*streamed, (round+1)*streamed)
		require.NoError(t, b.Execute(f.one))
		f.exec(t, `ALTER TABLE ovasabi.service_event ALTER COLUMN event_id TYPE `+kind)
	}
	require.EqualValues(t, 3*streamed, f.count(t, `SELECT count(*) FROM ovasabi.service_event`))
}

func TestALargeBatchIsOneRoundTrip(t *testing.T) {
	f := newFixture(t)
	var wire *wiretap.Counter
	pool := pgtest.Pool(t, f.AppURL, 1, func(c *pgxpool.Config) { wire = wiretap.Tap(c.ConnConfig) })
	require.NoError(t, pool.Ping(f.one))
	for _, conflict := range []repository.Conflict{repository.Fail, repository.Update} {
		b, err := repository.NewBatch(campaign.NewScope(pool), events, repository.OnConflict(conflict))
		require.NoError(t, err)
		addEvents(t, b, 0, 1000)
		before := wire.RoundTrips()
		require.NoError(t, b.Execute(f.one))
		require.EqualValues(t, 1, wire.RoundTrips()-before)
		requireIDs(t, f, b, named)
	}
}

// A plan for its values would copy the arrays into itself, for each chunk.
func TestALargeBatchIsPlannedOnce(t *testing.T) {
	f := newFixture(t)
	f.exec(t, `
		DO $$
		BEGIN
			EXECUTE format('ALTER DATABASE %I SET pg_stat_statements.track_planning = on', current_database());
		END $$`)
	b, err := repository.NewBatch(campaign.NewScope(pgtest.Pool(t, f.AppURL, 1, nil)), events, repository.MaxRows(250))
	require.NoError(t, err)
	addEvents(t, b, 0, 1000)
	require.NoError(t, b.Execute(f.one))
	var plans, calls int64
	require.NoError(t, f.owner.QueryRow(f.one, `
		SELECT plans, calls
		FROM ovasabi.pg_stat_statements
		WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
		    AND query LIKE 'INSERT INTO %service_event%unnest%'`).Scan(&plans, &calls))
	require.Equal(t, []int64{1, 4}, []int64{plans, calls})
}

// The server looks at such a constraint when the round trip's transaction commits,
// after every row had its id.
func TestStreamedBatchThatDoesNotCommitStaysPending(t *testing.T) {
	f := newFixture(t)
	f.exec(t, `ALTER TABLE ovasabi.service_event ADD CONSTRAINT once UNIQUE (campaign_id, occurred_at) DEFERRABLE INITIALLY DEFERRED`)
	scope := &countingScope{Scope: f.scope}
	b, err := repository.NewBatch(scope, events)
	require.NoError(t, err)
	addEvents(t, b, 0, streamed)
	again := eventRow(7)
	again[0] = "another"
	require.NoError(t, b.AddRow(again...))
	require.ErrorIs(t, b.Execute(f.one), fault.Conflict)
	require.Equal(t, 1, scope.streams)
	require.Equal(t, streamed+1, b.Pending())
	require.Zero(t, b.GetInsertedIDs()[0])
	require.Zero(t, f.count(t, `SELECT count(*) FROM ovasabi.service_event`))
	require.NoError(t, b.Reject(streamed))
	require.NoError(t, b.Execute(f.one))
	require.EqualValues(t, streamed, f.count(t, `SELECT count(*) FROM ovasabi.service_event`))
}

func TestLargeBatchWhereOnlyTheSimpleProtocolIsSpoken(t *testing.T) {
	f := newFixture(t)
	scope := &countingScope{Scope: campaign.NewScope(openMode(t, f, pgx.QueryExecModeSimpleProtocol))}
	b, err := repository.NewBatch(scope, events)
	require.NoError(t, err)
	addEvents(t, b, 0, streamed)
	require.NoError(t, b.Execute(f.one))
	requireIDs(t, f, b, named)
	require.Equal(t, 1, scope.streams, "it was asked")
}
