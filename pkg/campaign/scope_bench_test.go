package campaign_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
)

const readOne = `
SELECT c.id, c.slug, c.title, c.status, c.created_at
FROM ovasabi.service_content_main AS c
WHERE c.campaign_id = $1
  AND c.id = $2`

// BenchmarkScopedRead times a one-row read inside a campaign against the same
// read by raw pgx as the owner and against the plain way (BEGIN, set_config, the
// read, COMMIT): blocks of calls in turn, so that each meets its backend warm.
func BenchmarkScopedRead(b *testing.B) {
	db := pgtest.New(b)
	s := campaign.NewScope(db.App(b))
	var id, row int64
	err := s.AcrossCampaigns(b.Context(), "benchmark", database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `INSERT INTO ovasabi.service_campaign_main (slug, name) VALUES ('a', 'a') RETURNING id`).Scan(&id)
	})
	require.NoError(b, err)
	ctx := campaign.NewContext(b.Context(), campaign.ID(id))
	require.NoError(b, s.QueryRow(ctx, insertContent, id, "one").Scan(&row))
	_, err = db.Owner(b).Exec(b.Context(), `ANALYZE ovasabi.service_content_main`)
	require.NoError(b, err)
	raw, app := db.Owner(b), db.App(b)

	scan := func(r pgx.Row) {
		var at time.Time
		var n int64
		var slug, title, status string
		if err := r.Scan(&n, &slug, &title, &status, &at); err != nil {
			b.Fatal(err)
		}
	}
	ways := []struct {
		name string
		run  func()
	}{
		{"raw", func() { scan(raw.QueryRow(ctx, readOne, id, row)) }},
		{"scoped", func() { scan(s.QueryRow(ctx, readOne, id, row)) }},
		{"plain", func() {
			tx, err := app.Begin(ctx)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := tx.Exec(ctx, `SELECT set_config('app.campaign_id', $1, true)`, "1"); err != nil {
				b.Fatal(err)
			}
			scan(tx.QueryRow(ctx, readOne, id, row))
			if err := tx.Commit(ctx); err != nil {
				b.Fatal(err)
			}
		}},
	}
	times := make([][]time.Duration, len(ways))
	for _, w := range ways {
		w.run()
	}
	for b.Loop() {
		for i, w := range ways {
			for range 50 {
				start := time.Now()
				w.run()
				times[i] = append(times[i], time.Since(start))
			}
		}
	}
	p50 := func(i int) float64 {
		slices.Sort(times[i])
		return float64(times[i][len(times[i])/2])
	}
	b.ReportMetric(p50(0)/1e3, "raw-p50-µs")
	b.ReportMetric(p50(1)/p50(0), "scoped/raw")
	b.ReportMetric(p50(2)/p50(0), "plain/raw")
	b.ReportMetric(0, "ns/op")
}
