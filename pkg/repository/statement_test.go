package repository_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/repository"
)

// openWatched opens a pool of the application's role with a statement pool over it.
func openWatched(t testing.TB, f *fixture, conns int, opts ...repository.StatementPoolOption) (*repository.PreparedStatementPool, *pgxpool.Pool) {
	t.Helper()
	statements, err := repository.NewPreparedStatementPool(opts...)
	require.NoError(t, err)
	return statements, openWith(t, f, conns, statements)
}

func openWith(t testing.TB, f *fixture, conns int, statements *repository.PreparedStatementPool, opts ...database.Option) *pgxpool.Pool {
	t.Helper()
	config := database.Default()
	config.MaxOpenConns, config.MaxIdleConns = conns, conns
	opts = append(opts, database.WithTracer(statements), database.WithAfterConnect(statements.AfterConnect),
		database.WithLogger(slog.New(slog.DiscardHandler)))
	db, err := database.Open(f.one, f.AppURL, config, opts...)
	require.NoError(t, err)
	t.Cleanup(db.Close)
	statements.Use(db.Pool)
	return db.Pool
}

// since returns what was counted while fn ran.
func since(p *repository.PreparedStatementPool, fn func()) repository.StatementStats {
	a := p.Stats()
	fn()
	z := p.Stats()
	return repository.StatementStats{
		Hits: z.Hits - a.Hits, Misses: z.Misses - a.Misses, Warmed: z.Warmed - a.Warmed,
		Evictions: z.Evictions - a.Evictions, Invalidations: z.Invalidations - a.Invalidations,
		Stale: z.Stale - a.Stale, Flushes: z.Flushes - a.Flushes, Retries: z.Retries - a.Retries,
		Forgotten: z.Forgotten - a.Forgotten, Connections: z.Connections - a.Connections,
	}
}

func cached(t testing.TB, q database.Querier) (n int64) {
	t.Helper()
	err := q.QueryRow(t.Context(), `SELECT count(*) FROM pg_prepared_statements WHERE statement NOT LIKE '%pg_prepared_statements%'`, pgx.QueryExecModeSimpleProtocol).Scan(&n)
	require.NoError(t, err)
	return n
}

func TestStatementPoolCountsWhatTheServerSees(t *testing.T) {
	f := newFixture(t)
	statements, pool := openWatched(t, f, 1, repository.WithBound(3))
	run := func(i int) {
		s, err := statements.GetOrPrepare(f.one, fmt.Sprintf(`SELECT $1::bigint + %d`, i))
		require.NoError(t, err)
		require.Equal(t, 1, s.Parameters())
		var sum int
		require.NoError(t, s.QueryRow(f.one, pool, 1).Scan(&sum))
		require.Equal(t, i+1, sum)
	}
	require.NoError(t, pool.Ping(f.one)) // connects
	got := since(statements, func() { run(0); run(0); run(0) })
	require.Equal(t, repository.StatementStats{Misses: 1, Hits: 2}, got)
	require.EqualValues(t, 1, cached(t, pool))

	// A scope's batch counts too: what scopes it is a statement of its own.
	scope := campaign.NewScope(pool)
	got = since(statements, func() {
		for range 3 {
			var n int
			require.NoError(t, scope.QueryRow(f.one, `SELECT 7`).Scan(&n))
		}
	})
	require.Equal(t, repository.StatementStats{Misses: 2, Hits: 4}, got)
	require.EqualValues(t, 3, cached(t, pool))

	// The cache holds three: three more push them out.
	got = since(statements, func() {
		for i := 1; i <= 3; i++ {
			run(i)
		}
		run(3) // its Close messages go out with the next statement
	})
	require.EqualValues(t, 3, got.Misses)
	require.EqualValues(t, 1, got.Hits)
	require.EqualValues(t, 3, got.Evictions)
	require.Zero(t, got.Invalidations)
	require.EqualValues(t, 3, cached(t, pool))
	require.Equal(t, 3, statements.Len(), "what GetOrPrepare remembers is bounded too")
	require.EqualValues(t, 1, got.Forgotten)
}

func TestStatementPoolCountsInvalidations(t *testing.T) {
	f := newFixture(t)
	statements, pool := openWatched(t, f, 1)
	var n int
	const divide = `SELECT 1 / $1::integer`
	require.NoError(t, pool.QueryRow(f.one, divide, 1).Scan(&n))
	got := since(statements, func() {
		require.Error(t, pool.QueryRow(f.one, divide, 0).Scan(&n))
		require.NoError(t, pool.QueryRow(f.one, divide, 1).Scan(&n))
	})
	require.Equal(t, repository.StatementStats{Hits: 1, Misses: 1, Invalidations: 1}, got)
}

func TestGetOrPrepareRefusesWhatTheServerCannotParse(t *testing.T) {
	f := newFixture(t)
	statements, _ := openWatched(t, f, 2)
	_, err := statements.GetOrPrepare(f.one, `SELECT nothing FROM ovasabi.service_event`)
	require.Equal(t, fault.CodeUndefinedColumn, func() *fault.Error {
		target := &fault.Error{}
		_ = errors.As(err, &target)
		return target
	}().Code)
	require.Zero(t, statements.Len())

	lonely, err := repository.NewPreparedStatementPool()
	require.NoError(t, err)
	_, err = lonely.GetOrPrepare(f.one, `SELECT 1`)
	require.ErrorContains(t, err, "call Use")
}

func TestWarmStatementsArePreparedOnNewConnections(t *testing.T) {
	f := newFixture(t)
	log := &strings.Builder{}
	statements, err := repository.NewPreparedStatementPool(repository.WithStatementLogger(slog.New(slog.NewTextHandler(log, nil))))
	require.NoError(t, err)
	const two, noArguments, text = `SELECT $1::bigint + $2::bigint`, `SELECT 42`, `SELECT $1::jsonb`
	require.NoError(t, statements.Warm("sum", two))
	require.NoError(t, statements.Warm("rolled_back", `SELECT gone FROM ovasabi.service_event`))
	require.NoError(t, statements.Warm("answer", noArguments))
	require.NoError(t, statements.Warm("json", text))
	require.ErrorIs(t, statements.Warm("sum", `SELECT 1`), fault.Conflict)
	pool := openWith(t, f, 1, statements)
	require.EqualValues(t, 3, cached(t, pool))
	require.Contains(t, log.String(), "statement=rolled_back code=42703")
	got := since(statements, func() {
		var n int
		require.NoError(t, pool.QueryRow(f.one, two, 1, 2).Scan(&n))
		require.NoError(t, pool.QueryRow(f.one, noArguments).Scan(&n))
		require.Equal(t, 42, n)
		_, err := pool.Exec(f.one, text, `{}`)
		require.NoError(t, err)
	})
	require.Equal(t, repository.StatementStats{Hits: 3}, got)
}

// A migration that changes a result type meets callers on every connection.
func TestMigrationUnderTrafficCostsNoErrorAndOneRetryAConnection(t *testing.T) {
	const conns, callers, migrations = 6, 12, 8
	f := newFixture(t)
	f.exec(t, `CREATE TABLE ovasabi.moving (id bigint PRIMARY KEY, amount integer NOT NULL);
		INSERT INTO ovasabi.moving SELECT i, i FROM generate_series(1, 10) AS i;
		GRANT SELECT ON ovasabi.moving TO ovasabi_app;`)
	statements, pool := openWatched(t, f, conns)
	scope := campaign.NewScope(pool)
	ctx, stop := context.WithCancel(f.one)
	defer stop()
	var done sync.WaitGroup
	var failed atomic.Pointer[error]
	var calls, sinceMigration atomic.Int64
	for i := range callers {
		done.Go(func() {
			q := []database.Querier{pool, scope}[i%2]
			for ctx.Err() == nil {
				s, err := statements.GetOrPrepare(f.one, `SELECT amount FROM ovasabi.moving WHERE id = $1`)
				if err == nil {
					var amount float64
					err = s.QueryRow(f.one, q, 3).Scan(&amount)
				}
				if err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
				calls.Add(1)
				sinceMigration.Add(1)
			}
		})
	}
	busy := func() {
		sinceMigration.Store(0)
		for sinceMigration.Load() < 400 && failed.Load() == nil && ctx.Err() == nil {
			f.count(t, `SELECT 1`)
		}
	}
	busy()
	before := statements.Stats()
	for i := range migrations {
		to := []string{"bigint", "numeric", "double precision", "integer"}[i%4]
		f.exec(t, `ALTER TABLE ovasabi.moving ALTER COLUMN amount TYPE `+to)
		f.exec(t, fmt.Sprintf(`ALTER TABLE ovasabi.moving ADD COLUMN extra_%d integer`, i))
		busy()
	}
	stop()
	done.Wait()
	if err := failed.Load(); err != nil {
		t.Fatalf("a caller saw: %v: %v", *err, errors.Unwrap(*err))
	}
	after := statements.Stats()
	require.Positive(t, after.Stale-before.Stale, "the migrations must have met cached plans")
	require.LessOrEqual(t, after.Stale-before.Stale, int64(conns*migrations), "at most one a connection and migration")
	require.LessOrEqual(t, after.Flushes-before.Flushes, after.Stale*conns)
}

func TestAStalePlanInsideATransactionIsTheCallers(t *testing.T) {
	f := newFixture(t)
	f.exec(t, `CREATE TABLE ovasabi.moving (amount integer); INSERT INTO ovasabi.moving VALUES (7); GRANT SELECT ON ovasabi.moving TO ovasabi_app;`)
	statements, pool := openWatched(t, f, 1)
	s, err := statements.GetOrPrepare(f.one, `SELECT amount FROM ovasabi.moving`)
	require.NoError(t, err)
	var amount any
	require.NoError(t, s.QueryRow(f.one, pool).Scan(&amount))
	f.exec(t, `ALTER TABLE ovasabi.moving ALTER COLUMN amount TYPE text`)
	tx, err := pool.Begin(f.one)
	require.NoError(t, err)
	defer tx.Rollback(f.one)
	_, err = s.Query(f.one, tx)
	require.True(t, database.IsStalePlan(err), "%v", err)
	require.NoError(t, tx.Rollback(f.one))
	require.Zero(t, statements.Stats().Retries)
	require.NoError(t, s.QueryRow(f.one, pool).Scan(&amount))
	require.Equal(t, "7", amount)
}
