package bench

import (
	"context"
	"fmt"
	"slices"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

const skipTable = `
CREATE TABLE laboratory.%[1]s AS
SELECT
    i AS id,
    (i * 7919 %% %[2]d)::bigint AS campaign_id,
    (ARRAY['draft', 'review', 'published', 'archived'])[1 + (i * 31) %% 4] AS status,
    '2026-01-01'::timestamptz + i * interval '1 minute' AS created_at
FROM generate_series(1, %[3]d) AS i`

// skipQuestion leaves out a column of the wide index.
type skipQuestion struct {
	name, text string
	args       func(i int) []any
}

func skipQuestions(rows, campaigns int) []skipQuestion {
	since := func(i int) string { return fmt.Sprintf("%d minutes", (i*9973)%rows) }
	return []skipQuestion{
		{"status left out", `
SELECT c.id
FROM laboratory.%[1]s AS c
WHERE c.campaign_id = $1::bigint
  AND c.created_at >= '2026-01-01'::timestamptz + $2::text::interval
  AND c.created_at < '2026-01-01'::timestamptz + $2::text::interval + interval '1 day'
ORDER BY c.id`, func(i int) []any { return []any{int64(i*13) % int64(campaigns), since(i)} }},
		{"campaign left out", `
SELECT c.id
FROM laboratory.%[1]s AS c
WHERE c.status = $1::text
  AND c.created_at >= '2026-01-01'::timestamptz + $2::text::interval
  AND c.created_at < '2026-01-01'::timestamptz + $2::text::interval + interval '1 hour'
ORDER BY c.id`, func(i int) []any { return []any{"review", since(i)} }},
	}
}

func skipScan(ctx context.Context, s *stage) (Scenario, error) {
	l, err := s.laboratory(ctx)
	if err != nil {
		return Scenario{}, err
	}
	found := Scenario{Of: "the ids of a day in one campaign, or of an hour in all of them"}
	rows := s.pick(200_000, 3000)
	for _, leading := range []struct {
		name      string
		campaigns int
	}{{"few", 10}, {"many", s.pick(50_000, 1000)}} {
		if err := s.skipTables(ctx, l, leading.name, leading.campaigns, rows); err != nil {
			return found, err
		}
		for _, q := range skipQuestions(rows, leading.campaigns) {
			c, err := s.skipCase(ctx, l, leading.name, q)
			if err != nil {
				return found, err
			}
			c.Name = fmt.Sprintf("%d campaigns, %s", leading.campaigns, q.name)
			found.Cases = append(found.Cases, c)
		}
		for _, set := range []string{"separate", "wide"} {
			fact, err := l.fact(ctx, fmt.Sprintf("size of the %s index(es), %d campaigns", set, leading.campaigns), "MiB",
				`SELECT pg_catalog.pg_indexes_size(('laboratory.' || $1::text)::regclass)::float8 / 1048576`, set+"_"+leading.name)
			if err != nil {
				return found, err
			}
			found.Facts = append(found.Facts, fact)
		}
	}
	found.headline(found.Cases[0])
	found.Note = "Before: an index for each question, (campaign_id, created_at) and (status, created_at). After: the one index (campaign_id, status, created_at, id), over which PostgreSQL 18 skips where a column is left out. A ratio below 1 is what the smaller number of indexes costs the read; every write is spared an index. With many campaigns the planner does not skip over them."
	return found, l.end(ctx)
}

func (s *stage) skipTables(ctx context.Context, l *laboratory, name string, campaigns, rows int) error {
	s.sayf("%d campaigns: building tables", campaigns)
	separate, wide := "separate_"+name, "wide_"+name
	return l.do(ctx,
		fmt.Sprintf(skipTable, separate, campaigns, rows), fmt.Sprintf(skipTable, wide, campaigns, rows),
		`CREATE INDEX ON laboratory.`+separate+` (campaign_id, created_at)`,
		`CREATE INDEX ON laboratory.`+separate+` (status, created_at)`,
		`CREATE INDEX ON laboratory.`+wide+` (campaign_id, status, created_at, id)`,
		`VACUUM (ANALYZE) laboratory.`+separate, `VACUUM (ANALYZE) laboratory.`+wide)
}

func (s *stage) skipCase(ctx context.Context, l *laboratory, leading string, q skipQuestion) (Case, error) {
	separate, wide := fmt.Sprintf(q.text, "separate_"+leading), fmt.Sprintf(q.text, "wide_"+leading)
	for i := range 5 {
		was, err := idsOf(ctx, l, separate, q.args(i)...)
		if err != nil {
			return Case{}, err
		}
		is, err := idsOf(ctx, l, wide, q.args(i)...)
		if err != nil {
			return Case{}, err
		}
		if !slices.Equal(was, is) {
			return Case{}, fault.New(fault.Conflict, "the two sets of indexes give %d and %d ids", len(was), len(is))
		}
	}
	f, err := measure(ctx, s.plan(10, q.name), []way{
		{name: "before", block: l.asking(s.pick(30, 5), separate, q.args)},
		{name: "after", block: l.asking(s.pick(30, 5), wide, q.args)},
	})
	if err != nil {
		return Case{}, err
	}
	before, err := l.pages(ctx, &f, "before", separate, q.args(1))
	if err != nil {
		return Case{}, err
	}
	after, err := l.pages(ctx, &f, "after", wide, q.args(1))
	return Case{Figures: f, Note: fmt.Sprintf("Index searches: %d before, %d after.", before.Searches, after.Searches)}, err
}
