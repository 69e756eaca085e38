package repository_test

import (
	"context"
	"slices"
	"testing"
	"time"

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
// neither is scoped, over one connection each.
func overhead(t testing.TB) (context.Context, *pgxpool.Pool, repository.Repository) {
	f := newFixture(t)
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
	pool := open(statements)
	statements.Use(pool)
	return f.one, open(nil), repository.NewEnhancedBaseRepository(pool, repository.Enhancements{Statements: statements, Metrics: metrics})
}

func TestOneRowReadCostsAtMostThreeAllocationsMoreThanPgx(t *testing.T) {
	ctx, raw, enhanced := overhead(t)
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
func BenchmarkOneRowRead(b *testing.B) {
	ctx, raw, enhanced := overhead(b)
	var id int64
	var slug string
	var plain, measured []time.Duration
	viaPgx := func() {
		start := time.Now()
		if err := raw.QueryRow(ctx, readOne.SQL(), 1).Scan(&id, &slug); err != nil {
			b.Fatal(err)
		}
		plain = append(plain, time.Since(start))
	}
	viaRepository := func() {
		start := time.Now()
		if err := enhanced.QueryRow(ctx, readOne, 1).Scan(&id, &slug); err != nil {
			b.Fatal(err)
		}
		measured = append(measured, time.Since(start))
	}
	for b.Loop() {
		for range 20 {
			viaPgx()
		}
		for range 20 {
			viaRepository()
		}
	}
	p50 := func(list []time.Duration) float64 {
		slices.Sort(list)
		return float64(list[len(list)/2].Nanoseconds())
	}
	b.ReportMetric(p50(plain), "pgx_p50_ns")
	b.ReportMetric(p50(measured), "p50_ns")
	b.ReportMetric(p50(measured)/p50(plain), "x_pgx")
	b.ReportMetric(0, "ns/op")
}
