package repository_test

import (
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/repository"
)

const (
	waitLimit = 10 * time.Second
	waitTick  = 5 * time.Millisecond
)

var readOne = repository.Declare("overhead.read_one", `SELECT id, slug FROM ovasabi.service_campaign_main WHERE id = $1::bigint`)

// overhead is a raw pool and an enhanced repository, both of the owner so that
// neither is scoped, over one connection each; pool is the repository's.
func overhead(t testing.TB, f *fixture) (raw, pool *pgxpool.Pool, enhanced repository.Repository) {
	open := func(statements *repository.PreparedStatementPool) *pgxpool.Pool {
		return pgtest.Pool(t, f.OwnerURL, 1, func(c *pgxpool.Config) {
			if statements != nil {
				c.ConnConfig.Tracer = statements
				c.AfterConnect = statements.AfterConnect
			}
		})
	}
	statements, err := repository.NewPreparedStatementPool()
	require.NoError(t, err)
	metrics, err := repository.NewRepositoryMetrics()
	require.NoError(t, err)
	pool = open(statements)
	statements.Use(pool)
	return open(nil), pool, repository.NewEnhancedBaseRepository(pool, repository.Enhancements{Statements: statements, Metrics: metrics})
}

func TestOneRowReadCostsAtMostThreeAllocationsMoreThanPgx(t *testing.T) {
	f := newFixture(t)
	ctx := f.one
	raw, _, enhanced := overhead(t, f)
	var id int64
	var slug string
	plain := testing.AllocsPerRun(500, func() {
		if err := raw.QueryRow(ctx, readOne.SQL(), 1).Scan(&id, &slug); err != nil {
			t.Fatal(err)
		}
	})
	measured := testing.AllocsPerRun(500, func() {
		if err := enhanced.QueryRow(ctx, readOne, 1).Scan(&id, &slug); err != nil {
			t.Fatal(err)
		}
	})
	t.Logf("allocations: pgx %.0f, enhanced %.0f", plain, measured)
	require.LessOrEqual(t, measured-plain, 3.0)
}

// BenchmarkOneRowRead reads one row through pgx and through the enhanced
// repository with metrics on and tracing off, in turns of twenty so that neither
// always finds the other's backend in the processor's caches. x_pgx is the ratio
// of the medians.
//
// A connection is fast or slow by the processors that its ends run on, and the two
// ways cannot share one: the tracer belongs to it. So every round has new ones, and
// x_pgx_p10, the ratio of the tenth percentiles, compares like with like.
func BenchmarkOneRowRead(b *testing.B) {
	f := newFixture(b)
	var plain, measured []time.Duration
	round := 0
	for b.Loop() {
		raw, pool, enhanced := overhead(b, f)
		ways := []struct {
			times *[]time.Duration
			read  func() pgx.Row
		}{
			{&plain, func() pgx.Row { return raw.QueryRow(f.one, readOne.SQL(), 1) }},
			{&measured, func() pgx.Row { return enhanced.QueryRow(f.one, readOne, 1) }},
		}
		if round++; round%2 == 0 { // who connects first gets the better place, or the worse
			slices.Reverse(ways)
		}
		const blocks, calls = 25, 20
		for block := range blocks {
			for _, w := range ways {
				for range calls {
					var id int64
					var slug string
					start := time.Now()
					if err := w.read().Scan(&id, &slug); err != nil {
						b.Fatal(err)
					}
					if block > 0 { // the first prepares the statement
						*w.times = append(*w.times, time.Since(start))
					}
				}
			}
		}
		raw.Close()
		pool.Close()
	}
	slices.Sort(plain)
	slices.Sort(measured)
	at := func(list []time.Duration, share float64) float64 { return float64(list[int(share*float64(len(list)))]) }
	b.ReportMetric(at(plain, 0.5), "pgx_p50_ns")
	b.ReportMetric(at(measured, 0.5), "p50_ns")
	b.ReportMetric(at(measured, 0.5)/at(plain, 0.5), "x_pgx")
	b.ReportMetric(at(measured, 0.1)/at(plain, 0.1), "x_pgx_p10")
	b.ReportMetric(0, "ns/op")
}
