package campaign_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/pgtest/plantest"
	"github.com/ovasabi/ovasabi/internal/wiretap"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// newCampaign makes a campaign across campaigns, as an operator does.
func newCampaign(t testing.TB, s *campaign.Scope, slug string) campaign.ID {
	t.Helper()
	var id int64
	err := s.AcrossCampaigns(t.Context(), "test makes a campaign", database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `INSERT INTO ovasabi.service_campaign_main (slug, name) VALUES ($1, $1) RETURNING id`, slug).Scan(&id)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO ovasabi.campaign_directory (slug, campaign_id) VALUES ($1, $2)`, slug, id)
		return err
	})
	require.NoError(t, err)
	c, err := campaign.NewID(id)
	require.NoError(t, err)
	return c
}

const insertContent = `INSERT INTO ovasabi.service_content_main (campaign_id, slug, title) VALUES ($1, $2, $2) RETURNING id`

func two(t *testing.T) (s *campaign.Scope, first, second context.Context, pool *pgxpool.Pool) {
	t.Helper()
	db := pgtest.New(t)
	pool = db.App(t)
	s = campaign.NewScope(pool)
	a, b := newCampaign(t, s, "a"), newCampaign(t, s, "b")
	first, second = campaign.NewContext(t.Context(), a), campaign.NewContext(t.Context(), b)
	for _, ctx := range []context.Context{first, second} {
		id, err := campaign.FromContext(ctx)
		require.NoError(t, err)
		for _, slug := range []string{"one", "two"} {
			var row int64
			require.NoError(t, s.QueryRow(ctx, insertContent, id.Int64(), slug).Scan(&row))
		}
	}
	return s, first, second, pool
}

// single is a scope over one connection, on which round trips are counted, and a campaign.
func single(t *testing.T) (s *campaign.Scope, ctx context.Context, pool *pgxpool.Pool, wire *wiretap.Counter) {
	t.Helper()
	pool = pgtest.Pool(t, pgtest.New(t).AppURL, 1, func(c *pgxpool.Config) { wire = wiretap.Tap(c.ConnConfig) })
	s = campaign.NewScope(pool)
	return s, campaign.NewContext(t.Context(), newCampaign(t, s, "a")), pool, wire
}

func count(t *testing.T, q database.Querier, ctx context.Context) int {
	t.Helper()
	var n int
	require.NoError(t, q.QueryRow(ctx, `SELECT count(*) FROM ovasabi.service_content_main`).Scan(&n))
	return n
}

func TestWithoutACampaignNoSQLRuns(t *testing.T) {
	db := pgtest.New(t)
	pool := db.App(t)
	s := campaign.NewScope(pool)
	before := pool.Stat().AcquireCount()
	ctx := campaign.NewContext(t.Context(), 0) // an ID that was never parsed is no campaign

	_, err := s.Query(ctx, `SELECT 1`)
	require.ErrorIs(t, err, fault.NoCampaign)
	require.ErrorIs(t, s.QueryRow(ctx, `SELECT 1`).Scan(), fault.NoCampaign)
	_, err = s.Exec(ctx, `SELECT 1`)
	require.ErrorIs(t, err, fault.NoCampaign)
	b := &pgx.Batch{}
	b.Queue(`SELECT 1`)
	require.ErrorIs(t, s.SendBatch(ctx, b).Close(), fault.NoCampaign)
	require.ErrorIs(t, s.InTx(ctx, database.TxOptions{}, func(context.Context, pgx.Tx) error { return nil }), fault.NoCampaign)
	require.Equal(t, before, pool.Stat().AcquireCount(), "a connection was taken")
}

func TestEachCampaignSeesItsOwnRowsOnly(t *testing.T) {
	s, first, second, pool := two(t)
	require.Equal(t, 2, count(t, s, first))
	require.Equal(t, 2, count(t, s, second))
	// Reached without a scope, the tables show nothing: not even on a connection that was scoped before.
	for range 20 {
		require.Equal(t, 0, count(t, pool, t.Context()))
	}
}

func TestAnotherCampaignsRowCannotBeWritten(t *testing.T) {
	s, first, second, _ := two(t)
	other, err := campaign.FromContext(second)
	require.NoError(t, err)
	var id int64
	require.ErrorIs(t, s.QueryRow(first, insertContent, other.Int64(), "smuggled").Scan(&id), fault.Denied)
	tag, err := s.Exec(first, `UPDATE ovasabi.service_content_main SET title = 'x' WHERE campaign_id = $1`, other.Int64())
	require.NoError(t, err)
	require.Zero(t, tag.RowsAffected())
	_, err = s.Exec(first, `UPDATE ovasabi.service_content_main SET campaign_id = $1`, other.Int64())
	require.ErrorIs(t, err, fault.Denied)
	require.Equal(t, 2, count(t, s, second))
}

func TestRowsGiveTheirConnectionBack(t *testing.T) {
	s, first, _, pool := two(t)
	busy := func() int32 { return pool.Stat().AcquiredConns() }

	rows, err := s.Query(first, `SELECT slug FROM ovasabi.service_content_main`)
	require.NoError(t, err)
	require.Equal(t, int32(1), busy())
	slugs, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"one", "two"}, slugs)
	require.Zero(t, busy())

	rows, err = s.Query(first, `SELECT slug FROM ovasabi.service_content_main`)
	require.NoError(t, err)
	require.True(t, rows.Next())
	rows.Close() // before the end
	rows.Close()
	require.NoError(t, rows.Err())
	require.Zero(t, busy())

	_, err = s.Query(first, `SELECT nothing FROM ovasabi.service_content_main`)
	require.ErrorIs(t, err, fault.Internal)
	require.Zero(t, busy())
	require.ErrorIs(t, s.QueryRow(first, `SELECT slug FROM ovasabi.service_content_main WHERE slug = 'none'`).Scan(new(string)), fault.NotFound)
	require.Zero(t, busy())

	canceled, cancel := context.WithCancel(first)
	cancel()
	_, err = s.Query(canceled, `SELECT 1`)
	require.ErrorIs(t, err, fault.Canceled)
	givenBack(t, pool)
}

// givenBack waits for the connections of a pool, which closes in the background
// those that a panic or the end of a context left amid something.
func givenBack(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	require.Eventually(t, func() bool { return pool.Stat().AcquiredConns() == 0 }, 10*time.Second, time.Millisecond, "a connection was not given back")
}

// A plan mode is asked for in the call's own round trip, and for nothing after it.
func TestAPlanModeIsForItsOwnCalls(t *testing.T) {
	s, ctx, pool, wire := single(t)
	const sql = `SELECT count(*) FROM ovasabi.service_content_main AS c WHERE c.status = ANY ($1::text[])`
	read := func(q database.Querier) (trips int64) {
		before := wire.RoundTrips()
		require.NoError(t, q.QueryRow(ctx, sql, []string{"draft"}).Scan(new(int64)))
		return wire.RoundTrips() - before
	}
	generic, custom := s.WithPlanMode(database.GenericPlan), s.WithPlanMode(database.CustomPlan)
	for _, q := range []database.Querier{s, generic, custom} {
		read(q) // prepares
	}
	require.Equal(t, plantest.Counts{Custom: 2, Generic: 1}, plantest.Count(t, pool, sql))
	for range 6 {
		require.Equal(t, int64(1), read(generic))
	}
	require.Equal(t, plantest.Counts{Custom: 2, Generic: 7}, plantest.Count(t, pool, sql))
	for range 6 {
		require.Equal(t, int64(1), read(custom))
	}
	require.Equal(t, plantest.Counts{Custom: 8, Generic: 7}, plantest.Count(t, pool, sql))
	require.Same(t, s, s.WithPlanMode(database.AutoPlan))
	require.Same(t, s, generic.(*campaign.Scope).WithPlanMode(database.AutoPlan))
	var mode string
	require.NoError(t, pool.QueryRow(t.Context(), `SHOW plan_cache_mode`).Scan(&mode))
	require.Equal(t, "auto", mode)
}

func TestABatchIsOneImplicitTransaction(t *testing.T) {
	s, first, _, pool := two(t)
	id, err := campaign.FromContext(first)
	require.NoError(t, err)
	b := &pgx.Batch{}
	b.Queue(insertContent, id.Int64(), "three")
	b.Queue(insertContent, id.Int64(), "one") // is there already
	require.ErrorIs(t, s.SendBatch(first, b).Close(), fault.Conflict)
	require.Equal(t, 2, count(t, s, first))

	b = &pgx.Batch{}
	b.Queue(insertContent, id.Int64(), "three")
	b.Queue(`SELECT count(*) FROM ovasabi.service_content_main`)
	results := s.SendBatch(first, b)
	var row, n int64
	require.NoError(t, results.QueryRow().Scan(&row))
	require.NoError(t, results.QueryRow().Scan(&n))
	require.NoError(t, results.Close())
	require.Equal(t, int64(3), n)
	require.Zero(t, pool.Stat().AcquiredConns())

	begun := &pgx.Batch{}
	begun.BeginTx(pgx.TxOptions{})
	require.ErrorContains(t, s.SendBatch(first, begun).Close(), "use InTx")
}

func TestATransactionIsScopedForAllItsStatements(t *testing.T) {
	s, first, _, pool := two(t)
	err := s.InTx(first, database.TxOptions{ReadOnly: true, Isolation: pgx.Serializable, Deferrable: true}, func(ctx context.Context, tx pgx.Tx) error {
		require.Equal(t, 2, count(t, tx, ctx))
		require.Equal(t, 2, count(t, tx, ctx))
		_, err := tx.Exec(ctx, `DELETE FROM ovasabi.service_content_main`)
		return err
	})
	require.Error(t, err) // read only
	require.Equal(t, 0, count(t, pool, t.Context()))

	panicked := errors.New("given up")
	func() {
		defer func() { require.Equal(t, panicked, recover()) }()
		_ = s.InTx(first, database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `DELETE FROM ovasabi.service_content_main`)
			require.NoError(t, err)
			panic(panicked)
		})
	}()
	require.Equal(t, 2, count(t, s, first))
	require.Zero(t, pool.Stat().AcquiredConns())
}

func TestACrossingSeesAllAndLeavesAnAuditRow(t *testing.T) {
	s, _, _, pool := two(t)
	reasons := func() []string {
		var all []string
		require.NoError(t, s.AcrossCampaigns(t.Context(), "reads the audit", database.TxOptions{ReadOnly: true}, func(ctx context.Context, tx pgx.Tx) error {
			rows, err := tx.Query(ctx, `SELECT reason FROM ovasabi.campaign_crossing ORDER BY id`)
			require.NoError(t, err)
			all, err = pgx.CollectRows(rows, pgx.RowTo[string])
			return err
		}))
		return all
	}
	err := s.AcrossCampaigns(t.Context(), "counts everything", database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		require.Equal(t, 4, count(t, tx, ctx))
		return errors.New("and then fails")
	})
	require.Error(t, err)
	require.Contains(t, reasons(), "counts everything", "a failed crossing left no trace")
	require.Equal(t, 0, count(t, pool, t.Context()), "the role outlived its transaction")

	err = s.AcrossCampaigns(t.Context(), "  ", database.TxOptions{}, nil)
	require.ErrorIs(t, err, fault.Invalid)
}

func TestARoleThatMayNotCrossSeesNothing(t *testing.T) {
	db := pgtest.New(t)
	s := campaign.NewScope(db.Monitor(t))
	err := s.AcrossCampaigns(t.Context(), "tries it", database.TxOptions{}, func(context.Context, pgx.Tx) error {
		t.Error("ran")
		return nil
	})
	require.ErrorIs(t, err, fault.Denied)
}

// A migration may change what a prepared statement returns, under connections that hold it.
func TestAStalePlanIsPlannedAgainUnseen(t *testing.T) {
	db := pgtest.New(t)
	s := campaign.NewScope(db.App(t))
	ctx := campaign.NewContext(t.Context(), newCampaign(t, s, "a"))
	id, err := campaign.FromContext(ctx)
	require.NoError(t, err)
	var row int64
	require.NoError(t, s.QueryRow(ctx, insertContent, id.Int64(), "one").Scan(&row))
	read := func() error {
		var version any
		return s.QueryRow(ctx, `SELECT c.version FROM ovasabi.service_content_main AS c WHERE c.campaign_id = $1`, id.Int64()).Scan(&version)
	}
	inTx := func() error {
		return s.InTx(ctx, database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
			return tx.QueryRow(ctx, `SELECT c.version, c.title FROM ovasabi.service_content_main AS c`).Scan(new(any), new(any))
		})
	}
	require.NoError(t, read())
	require.NoError(t, inTx())
	for _, kind := range []string{"numeric", "bigint"} {
		_, err = db.Owner(t).Exec(t.Context(), `ALTER TABLE ovasabi.service_content_main ALTER COLUMN version TYPE `+kind)
		require.NoError(t, err)
		require.NoError(t, read())
		require.NoError(t, inTx())
	}
}

// The limits are read by everyone's calls, so a migration of their columns must not refuse them.
func TestLimitsAreReadThroughAMigration(t *testing.T) {
	db := pgtest.New(t)
	pool := pgtest.Pool(t, db.AppURL, 1, nil)
	id := newCampaign(t, campaign.NewScope(pool), "a")
	for _, kind := range []string{"bigint", "integer"} {
		limits, err := campaign.RowLimits{Pool: pool}.Limits(t.Context(), []campaign.ID{id})
		require.NoError(t, err)
		require.Contains(t, limits, id)
		_, err = db.Owner(t).Exec(t.Context(), `ALTER TABLE ovasabi.service_campaign_main ALTER COLUMN max_concurrency TYPE `+kind)
		require.NoError(t, err)
	}
	_, err := campaign.RowLimits{Pool: pool}.Limits(t.Context(), []campaign.ID{id})
	require.NoError(t, err)
}

func TestOneScopedCallIsOneRoundTrip(t *testing.T) {
	s, ctx, _, wire := single(t)
	require.Equal(t, 0, count(t, s, ctx)) // prepares

	before := wire.RoundTrips()
	for range 10 {
		require.Equal(t, 0, count(t, s, ctx))
	}
	require.Equal(t, int64(10), wire.RoundTrips()-before)

	before = wire.RoundTrips()
	require.NoError(t, s.InTx(ctx, database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		require.Equal(t, 0, count(t, tx, ctx))
		return nil
	}))
	require.Equal(t, int64(3), wire.RoundTrips()-before, "begin with scope, statement, commit")
}
