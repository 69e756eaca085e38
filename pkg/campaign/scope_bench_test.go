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
// on, and a connection mostly stays with them: 22 µs or 60 µs for the very same raw
// read on one machine. So the ways share a connection, which changes its role between
// blocks and has a statement of its own for each way, and every round has a new one.
// Beside the ratio of the medians of all calls stands that of their tenth percentiles.
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

	const raw, scoped, plain = "raw", "scoped", "plain"
	times := map[string][]time.Duration{}
	for b.Loop() {
		pool := pgtest.Pool(b, db.OwnerURL, 1, nil)
		scope := campaign.NewScope(pool)
		text := func(way string) string { return readOne + " -- " + way }
		readInTurn(b, pool, times, []way{
			{raw, "none", func() pgx.Row { return pool.QueryRow(ctx, text(raw), id, row) }},
			{scoped, pgtest.AppRole, func() pgx.Row { return scope.QueryRow(ctx, text(scoped), id, row) }},
			{plain, pgtest.AppRole, func() pgx.Row { return plainRead{ctx, pool, text(plain), id, row} }},
		})
		pool.Close()
	}
	for _, t := range times {
		slices.Sort(t)
	}
	at := func(way string, share float64) float64 {
		return float64(times[way][int(share*float64(len(times[way])))])
	}
	b.ReportMetric(at(raw, 0.5)/1e3, "raw-p50-µs")
	b.ReportMetric(at(scoped, 0.5)/at(raw, 0.5), "scoped/raw")
	b.ReportMetric(at(scoped, 0.1)/at(raw, 0.1), "scoped/raw-p10")
	b.ReportMetric(at(plain, 0.5)/at(raw, 0.5), "plain/raw")
	b.ReportMetric(0, "ns/op")
}

// way is one way to read, by the role of the connection.
type way struct {
	name, role string
	read       func() pgx.Row
}

// readInTurn adds the times of calls in each way.
func readInTurn(b *testing.B, pool *pgxpool.Pool, times map[string][]time.Duration, ways []way) {
	const blocks, calls = 6, 50
	for block := range blocks {
		for _, w := range ways {
			_, err := pool.Exec(b.Context(), `SELECT set_config('role', $1, false)`, w.role)
			require.NoError(b, err)
			var guarded bool
			err = pool.QueryRow(b.Context(), `SELECT row_security_active('ovasabi.service_content_main')`).Scan(&guarded)
			require.NoError(b, err)
			require.Equal(b, w.role == pgtest.AppRole, guarded)
			for range calls {
				start := time.Now()
				var at time.Time
				var n int64
				var slug, title, status string
				if err := w.read().Scan(&n, &slug, &title, &status, &at); err != nil {
					b.Fatal(err)
				}
				if block > 0 { // the first prepares the statements
					times[w.name] = append(times[w.name], time.Since(start))
				}
			}
		}
	}
}

// plainRead is a read in a transaction that is begun and scoped by hand.
type plainRead struct {
	ctx     context.Context
	app     *pgxpool.Pool
	text    string
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
	if err := tx.QueryRow(r.ctx, r.text, r.id, r.row).Scan(into...); err != nil {
		return err
	}
	return tx.Commit(r.ctx)
}
