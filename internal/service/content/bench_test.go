package content_test

import (
	"context"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/service/content"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// filledCampaigns makes campaign 1 of 10,000 documents and campaign 2 of many:
// OVASABI_BENCH_CONTENT of them, or 100,000.
func filledCampaigns(b *testing.B) *pgtest.DB {
	b.Helper()
	large := 100_000
	if text := os.Getenv("OVASABI_BENCH_CONTENT"); text != "" {
		var err error
		large, err = strconv.Atoi(text)
		require.NoError(b, err)
	}
	db := pgtest.New(b)
	for _, sql := range []string{
		`INSERT INTO ovasabi.service_campaign_main (id, slug, name) VALUES (1, 'small', 'n'), (2, 'large', 'n')`,
		`
INSERT INTO ovasabi.service_content_main (campaign_id, slug, title, body, status, created_at)
SELECT
    c.id,
    's' || i,
    'Document ' || i % 977,
    CASE WHEN i % 100 = 0 THEN 'a needle in ' ELSE 'hay, a lot of ' END || 'word' || i % 5003,
    (ARRAY['draft', 'review', 'published', 'archived'])[1 + i % 4],
    timestamptz '2026-01-01' + i * interval '1 second'
FROM (VALUES (1, 10000), (2, ` + strconv.Itoa(large) + `)) AS c (id, documents)
CROSS JOIN LATERAL generate_series(1, c.documents) AS i`,
		`VACUUM ANALYZE ovasabi.service_content_main`,
	} {
		_, err := db.Owner(b).Exec(b.Context(), sql)
		require.NoError(b, err)
	}
	return db
}

// pairs runs two ways by turns and reports the p50 of each and how many times the
// second one takes of the first one's.
func pairs(b *testing.B, first, second string, run map[string]func() error) {
	b.Helper()
	took := map[string][]time.Duration{}
	for b.Loop() {
		for name, one := range run {
			begun := time.Now()
			require.NoError(b, one())
			took[name] = append(took[name], time.Since(begun))
		}
	}
	p50 := func(name string) float64 {
		slices.Sort(took[name])
		return float64(took[name][len(took[name])/2].Nanoseconds()) / 1e3
	}
	b.ReportMetric(p50(first), first+"-p50-µs")
	b.ReportMetric(p50(second), second+"-p50-µs")
	b.ReportMetric(p50(second)/p50(first), "p50-ratio")
}

func read(ctx context.Context, db database.Querier, sql string, args ...any) error {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	_, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (int64, error) { _, err := r.Values(); return 0, err })
	return err
}

// A page of two statuses in a small campaign and in a large one, the first page and
// one in the middle. The aim is a p50 of at most 1.3 times.
func BenchmarkListByStatus(b *testing.B) {
	db := filledCampaigns(b)
	s := campaign.NewScope(db.App(b))
	page := func(id campaign.ID, at pgtype.Timestamptz) func() error {
		return func() error {
			return read(campaign.NewContext(b.Context(), id), s, content.ListByStatus.SQL(twin.Optimised),
				id.Int64(), []string{"published", "review"}, at, int64(math.MaxInt64), 51, false)
		}
	}
	newest := pgtype.Timestamptz{InfinityModifier: pgtype.Infinity, Valid: true}
	middle := pgtype.Timestamptz{Time: time.Date(2026, 1, 1, 1, 0, 0, 0, time.UTC), Valid: true}
	b.Run("size", func(b *testing.B) {
		pairs(b, "small", "large", map[string]func() error{"small": page(1, newest), "large": page(2, newest)})
	})
	b.Run("depth", func(b *testing.B) {
		pairs(b, "first", "later", map[string]func() error{"first": page(2, newest), "later": page(2, middle)})
	})
}

// The search of the service, as the application's role, against the same ranking
// over the stored vector by a superuser, whom no policy holds. The aim is a p50 of
// at most 1.3 times.
func BenchmarkSearch(b *testing.B) {
	db := filledCampaigns(b)
	s := campaign.NewScope(db.App(b))
	owner := db.Owner(b)
	newest := pgtype.Timestamptz{InfinityModifier: pgtype.Infinity, Valid: true}
	all := []string{"archived", "draft", "published", "review"}
	const free = `
WITH wanted AS MATERIALIZED (
    SELECT websearch_to_tsquery('english', $2::text) AS words
),
page AS MATERIALIZED (
    SELECT
        c.id,
        c.created_at,
        ts_rank(c.search_vector_stored, wanted.words)::float8 AS rank
    FROM wanted
    JOIN ovasabi.service_content_main AS c
        ON c.campaign_id = $1::bigint
        AND c.search_vector_stored @@ wanted.words
    WHERE c.status = ANY ($3::text[])
    ORDER BY 3 DESC, 2 DESC, 1 DESC
    LIMIT 21
)
SELECT
    c.id,
    c.title,
    page.rank,
    ts_headline('english', c.title || E'\n' || left(c.body, 50000), wanted.words, 'MaxWords=35, MinWords=15, MaxFragments=1')
FROM page
JOIN ovasabi.service_content_main AS c
    ON c.campaign_id = $1::bigint
    AND c.id = page.id
CROSS JOIN wanted
ORDER BY page.rank DESC, page.created_at DESC, page.id DESC`
	pairs(b, "free", "scoped", map[string]func() error{
		"free": func() error { return read(b.Context(), owner, free, int64(2), `needle -hay`, all) },
		"scoped": func() error {
			return read(campaign.NewContext(b.Context(), 2), s, content.Search.SQL(twin.Optimised),
				int64(2), `needle -hay`, all, `[]`, math.Inf(1), newest, int64(math.MaxInt64), 21)
		},
	})
}
