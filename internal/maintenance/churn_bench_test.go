package maintenance_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/embedded"
	"github.com/ovasabi/ovasabi/internal/maintenance"
	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/schema"
	"github.com/ovasabi/ovasabi/pkg/campaign"
)

// An hour in a minute: autovacuum's naptime and the maintainer's interval, both a
// minute by default, are a second here, and the hour's writes come within it. What
// maintenance itself takes is not made shorter, so that this is the harder case.
const (
	churnRows    = 50_000
	churnTime    = time.Minute
	churnRate    = 1500 // statements a second
	churnClients = 4
	churnPairs   = 2
)

// hour is what was seen in one.
type hour struct {
	dead     []float64 // share of dead rows, once a second
	latency  []time.Duration
	table    float64 // times its ideal size at the end
	all      float64 // with its indexes
	vacuums  int64
	deadline int // statements that came late
}

// BenchmarkChurn has an hour of writes with autovacuum alone and one with `maintain
// serve` beside it, in turn. Run it with -benchtime 1x.
func BenchmarkChurn(b *testing.B) {
	server := pgtest.Own(b, embedded.Options{
		Ephemeral: true, Superuser: "somebody",
		Settings: map[string]string{"autovacuum_naptime": "1s"},
	})
	ctx := b.Context()
	owner := server.URL("somebody", "postgres")
	require.NoError(b, schema.Up(ctx, owner, schema.Latest(), schema.Options{}))
	require.NoError(b, server.EnsureLogin(ctx, pgtest.AppRole))
	db, err := pgxpool.New(ctx, owner)
	require.NoError(b, err)
	defer db.Close()
	app, err := pgxpool.New(ctx, server.URL(pgtest.AppRole, "postgres"))
	require.NoError(b, err)
	defer app.Close()
	_, err = db.Exec(ctx, `INSERT INTO ovasabi.service_campaign_main (id, slug, name) SELECT n, 'c' || n, 'Campaign' FROM generate_series(1, 10) AS n`)
	require.NoError(b, err)

	for b.Loop() {
		var without, with hour
		for range churnPairs {
			without.add(churn(b, db, app, ""))
			with.add(churn(b, db, app, owner))
		}
		without.report(b, "autovacuum")
		with.report(b, "maintain")
		b.ReportMetric(float64(percentile(with.latency, 95))/float64(percentile(without.latency, 95)), "p95-ratio")
	}
}

func (h *hour) add(other hour) {
	h.dead = append(h.dead, other.dead...)
	h.latency = append(h.latency, other.latency...)
	h.table, h.all = max(h.table, other.table), max(h.all, other.all)
	h.vacuums += other.vacuums
	h.deadline += other.deadline
}

func (h *hour) report(b *testing.B, name string) {
	b.ReportMetric(100*slices.Max(h.dead), name+"-dead-%-most")
	b.ReportMetric(100*percentile(h.dead, 50), name+"-dead-%-median")
	b.ReportMetric(h.table, name+"-table-x-ideal")
	b.ReportMetric(h.all, name+"-with-indexes-x-ideal")
	b.ReportMetric(float64(percentile(h.latency, 95).Microseconds()), name+"-p95-µs")
	b.ReportMetric(float64(h.vacuums), name+"-vacuums")
	b.ReportMetric(float64(len(h.latency)), name+"-statements")
}

func percentile[T ~int64 | ~float64](values []T, p int) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)*p/100]
}

// churn fills the table anew and writes to it for an hour, maintained from url where there is one.
func churn(b *testing.B, db, app *pgxpool.Pool, url string) (h hour) {
	ctx := b.Context()
	for _, statement := range []string{
		`TRUNCATE ovasabi.service_product_main`,
		`INSERT INTO ovasabi.service_product_main (campaign_id, id, sku, name, price) SELECT 1 + n % 10, n, n::text, 'product ' || n, n % 1000 FROM generate_series(1, 50000) AS n`,
		`VACUUM (ANALYZE) ovasabi.service_product_main`,
		`CHECKPOINT`,
	} {
		_, err := db.Exec(ctx, statement)
		require.NoError(b, err)
	}
	count := func() (n int64) {
		require.NoError(b, db.QueryRow(ctx, `SELECT s.vacuum_count + s.autovacuum_count FROM pg_stat_user_tables AS s WHERE s.relid = 'ovasabi.service_product_main'::regclass`).Scan(&n))
		return n
	}
	vacuums := count()
	hourly, cancel := context.WithTimeout(ctx, churnTime)
	defer cancel()
	var work sync.WaitGroup
	if url != "" {
		c := maintenance.Default()
		c.Interval = time.Second
		m, err := maintenance.Open(ctx, url, c, maintenance.Options{})
		require.NoError(b, err)
		defer m.Close()
		work.Go(func() { _ = m.Serve(hourly) })
	}
	latencies := make([][]time.Duration, churnClients)
	for i := range churnClients {
		work.Go(func() { latencies[i] = write(hourly, campaign.NewScope(app), uint64(i)) })
	}
	work.Go(func() {
		for tick := time.NewTicker(time.Second); ; {
			select {
			case <-hourly.Done():
				tick.Stop()
				return
			case <-tick.C:
			}
			var dead float64
			err := db.QueryRow(ctx, `SELECT pg_stat_get_dead_tuples(c.oid)::float8 / greatest(pg_stat_get_live_tuples(c.oid) + pg_stat_get_dead_tuples(c.oid), 1) FROM pg_class AS c WHERE c.oid = 'ovasabi.service_product_main'::regclass`).Scan(&dead)
			if err == nil {
				h.dead = append(h.dead, dead)
			}
		}
	})
	work.Wait()
	for _, l := range latencies {
		h.latency = append(h.latency, l...)
	}
	h.vacuums = count() - vacuums
	require.NoError(b, db.QueryRow(ctx, `SELECT pg_relation_size('ovasabi.service_product_main'), pg_total_relation_size('ovasabi.service_product_main')`).Scan(&h.table, &h.all))
	// The ideal is the same rows, written anew.
	_, err := db.Exec(ctx, `VACUUM (FULL) ovasabi.service_product_main`)
	require.NoError(b, err)
	var table, all float64
	require.NoError(b, db.QueryRow(ctx, `SELECT pg_relation_size('ovasabi.service_product_main'), pg_total_relation_size('ovasabi.service_product_main')`).Scan(&table, &all))
	h.table, h.all = h.table/table, h.all/all
	return h
}

// write sends its share of the statements, evenly: half change what no index holds, a
// quarter what some do, and a quarter delete a row and, the next time, put it back.
func write(ctx context.Context, scope *campaign.Scope, seed uint64) (took []time.Duration) {
	random := rand.New(rand.NewPCG(seed, seed))
	every := time.Second * churnClients / churnRate
	gone := []int64{}
	for next := time.Now(); ; next = next.Add(every) {
		timer := time.NewTimer(time.Until(next))
		select {
		case <-ctx.Done():
			timer.Stop()
			return took
		case <-timer.C:
		}
		id := 1 + random.Int64N(churnRows)
		text := `UPDATE ovasabi.service_product_main SET stock = stock + 1, updated_at = now() WHERE campaign_id = $1 AND id = $2`
		switch random.IntN(4) {
		case 0:
			text = `UPDATE ovasabi.service_product_main SET price = price + 1, updated_at = now() WHERE campaign_id = $1 AND id = $2`
		case 1:
			if len(gone) > 0 {
				id, gone = gone[0], gone[1:]
				text = `INSERT INTO ovasabi.service_product_main (campaign_id, id, sku, name, price) VALUES ($1, $2, $2::text, 'product ' || $2::text, 1) ON CONFLICT DO NOTHING`
			} else {
				gone = append(gone, id)
				text = `DELETE FROM ovasabi.service_product_main WHERE campaign_id = $1 AND id = $2`
			}
		}
		begun := time.Now()
		if _, err := scope.Exec(campaign.NewContext(ctx, campaign.ID(1+id%10)), text, 1+id%10, id); err == nil {
			took = append(took, time.Since(begun))
		}
	}
}
