package campaign_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
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
//
// What a round trip costs depends on the processors that its two ends happen to run
// on, and a connection mostly stays with them: 24 µs or 57 µs for the very same raw
// read. So every round has connections of its own, and beside the ratio of the medians
// of all calls stands that of their tenth percentiles, which compares like with like.
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

	times := make([][]time.Duration, 3)
	for b.Loop() {
		raw, app := pgtest.Single(b, db.OwnerURL, nil), pgtest.Single(b, db.AppURL, nil)
		scope := campaign.NewScope(app)
		readInTurn(b, times, []func() pgx.Row{
			func() pgx.Row { return raw.QueryRow(ctx, readOne, id, row) },
			func() pgx.Row { return scope.QueryRow(ctx, readOne, id, row) },
			func() pgx.Row { return plainRead{ctx, app, id, row} },
		})
		raw.Close()
		app.Close()
	}
	for _, t := range times {
		slices.Sort(t)
	}
	ratio := func(way int, share float64) float64 {
		at := func(i int) float64 { return float64(times[i][int(share*float64(len(times[i])))]) }
		return at(way) / at(0)
	}
	b.ReportMetric(float64(times[0][len(times[0])/2])/1e3, "raw-p50-µs")
	b.ReportMetric(ratio(1, 0.5), "scoped/raw")
	b.ReportMetric(ratio(1, 0.1), "scoped/raw-p10")
	b.ReportMetric(ratio(2, 0.5), "plain/raw")
	b.ReportMetric(0, "ns/op")
}

// readInTurn adds the times of calls in each way.
func readInTurn(b *testing.B, times [][]time.Duration, ways []func() pgx.Row) {
	const blocks, calls = 6, 50
	for block := range blocks {
		for i, read := range ways {
			for range calls {
				start := time.Now()
				var at time.Time
				var n int64
				var slug, title, status string
				if err := read().Scan(&n, &slug, &title, &status, &at); err != nil {
					b.Fatal(err)
				}
				if block > 0 { // the first prepares the statements
					times[i] = append(times[i], time.Since(start))
				}
			}
		}
	}
}

// plainRead is a read in a transaction that is begun and scoped by hand.
type plainRead struct {
	ctx     context.Context
	app     *pgxpool.Pool
	id, row int64
}

func (r plainRead) Scan(into ...any) error {
	tx, err := r.app.Begin(r.ctx)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(r.ctx, `SELECT set_config('app.campaign_id', $1, true)`, "1"); err != nil {
		return err
	}
	if err := tx.QueryRow(r.ctx, readOne, r.id, r.row).Scan(into...); err != nil {
		return err
	}
	return tx.Commit(r.ctx)
}
