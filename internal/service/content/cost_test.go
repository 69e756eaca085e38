package content_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/pgtest/plantest"
	"github.com/ovasabi/ovasabi/internal/service/content"
	"github.com/ovasabi/ovasabi/pkg/campaign"
)

// A page costs the same in a large campaign as in a small one, and the last page
// as much as the first.
func TestAPageCostsTheSameEverywhere(t *testing.T) {
	db := pgtest.New(t)
	const small, large = 6_000, 30_000
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for id, rows := range map[int]int{1: small, 2: large} {
		_, err := db.Owner(t).Exec(t.Context(), `INSERT INTO ovasabi.service_campaign_main (id, slug, name) VALUES ($1::bigint, 's' || $1::bigint, 'n')`, id)
		require.NoError(t, err)
		_, err = db.Owner(t).Exec(t.Context(), `
INSERT INTO ovasabi.service_content_main (campaign_id, slug, title, status, created_at)
SELECT $1::bigint, 's' || i, 't', CASE i % 100 WHEN 0 THEN 'published' WHEN 1 THEN 'review' ELSE 'draft' END, $3::timestamptz + i * interval '1 second'
FROM generate_series(1, $2::integer) AS i`, id, rows, start)
		require.NoError(t, err)
	}
	_, err := db.Owner(t).Exec(t.Context(), `ANALYZE ovasabi.service_content_main`)
	require.NoError(t, err)
	page := func(id campaign.ID, after time.Time) int {
		return plantest.Explain(t, db.App(t), id, content.ListByStatus, id.Int64(), []string{"published", "review"}, after, int64(1)<<62, 51, false).Buffers
	}
	end := start.Add(large * time.Hour)
	first := page(1, end)
	require.Less(t, first, 200)
	for name, cost := range map[string]int{
		"the first page of a large campaign": page(2, end),
		"a page in the middle of it":         page(2, start.Add(large/2*time.Second)),
		"its last pages":                     page(2, start.Add(3000*time.Second)),
	} {
		require.LessOrEqual(t, cost, first*13/10, name)
	}
}
