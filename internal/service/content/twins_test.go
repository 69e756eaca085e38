package content_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/service/content"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/twin/twintest"
)

var (
	statuses = rapid.SampledFrom([]string{"draft", "review", "published", "archived"})
	words    = rapid.SampledFrom([]string{"row", "rows", "level", "security", "the", "vacuum", "<b>bold</b>", "grüße", "a:b", "1.5", "\x02", "'", "-", "OR"})
	epoch    = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

func text(rt *rapid.T, name string) string {
	return strings.Join(rapid.SliceOfN(words, 0, 8).Draw(rt, name), " ")
}

// documents writes rows of which many are equal in what lists are ordered by.
func documents(rt *rapid.T, ctx context.Context, db database.Querier, id campaign.ID) {
	for i := range rapid.IntRange(0, 12).Draw(rt, "documents") {
		tags := rapid.SampledFrom([]string{`[]`, `["row"]`, `["security", "citus"]`, `["a b", 7, null]`}).Draw(rt, "tags")
		_, err := db.Exec(ctx, `
INSERT INTO ovasabi.service_content_main (campaign_id, slug, title, body, tags, status, created_at)
VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7)`,
			id.Int64(), fmt.Sprint("s", i), "t "+text(rt, "title"), text(rt, "body"), tags, statuses.Draw(rt, "status"),
			epoch.Add(time.Duration(rapid.IntRange(0, 2).Draw(rt, "at"))*time.Second))
		if err != nil {
			rt.Fatal(err)
		}
	}
}

func TestTwins(t *testing.T) {
	db := pgtest.New(t)
	campaigns := []campaign.ID{1, 2}
	_, err := db.Owner(t).Exec(t.Context(), `INSERT INTO ovasabi.service_campaign_main (slug, name) VALUES ('one', 'one'), ('two', 'two')`)
	require.NoError(t, err)
	_, err = db.Owner(t).Exec(t.Context(), `
INSERT INTO ovasabi.service_content_main (campaign_id, slug, title, status)
SELECT c, 'foreign' || i, 'row level security', 'published' FROM generate_series(1, 2) AS c, generate_series(1, 5) AS i`)
	require.NoError(t, err)
	pool := db.App(t)

	twintest.Prove(t, pool, twintest.Proof{
		Twin: content.ListByStatus, Campaigns: campaigns, Data: documents,
		Args: func(rt *rapid.T, id campaign.ID) []any {
			return []any{
				id.Int64(), rapid.SliceOfNDistinct(statuses, 0, 4, rapid.ID[string]).Draw(rt, "statuses"),
				epoch.Add(time.Duration(rapid.IntRange(0, 3).Draw(rt, "after")) * time.Second), rapid.Int64Range(0, 40).Draw(rt, "id"),
				rapid.IntRange(0, 6).Draw(rt, "limit"), rapid.Bool().Draw(rt, "body"),
			}
		},
	})
	twintest.Prove(t, pool, twintest.Proof{
		Twin: content.Search, Campaigns: campaigns, Data: documents,
		Args: func(rt *rapid.T, id campaign.ID) []any {
			query := text(rt, "query")
			if rapid.Bool().Draw(rt, "phrase") {
				query = `"` + query + `" -vacuum`
			}
			return []any{
				id.Int64(), query, rapid.SliceOfNDistinct(statuses, 0, 4, rapid.ID[string]).Draw(rt, "statuses"),
				rapid.SampledFrom([]string{`[]`, `["security"]`}).Draw(rt, "tags"),
				rapid.SampledFrom([]float64{math.Inf(1), 0.6, 0.3, 0}).Draw(rt, "rank"), epoch.AddDate(1, 0, 0), int64(math.MaxInt64),
				rapid.IntRange(0, 6).Draw(rt, "limit"),
			}
		},
	})
	twintest.AllProven(t)
}
