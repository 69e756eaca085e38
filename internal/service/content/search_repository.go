package content

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/repository"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// hit is a document that a search found. Passage marks matches with U+0002 and U+0003.
type hit struct {
	row
	Rank    float64
	Passage string
}

// place is where a page of a search begins: after a hit with these values.
type place struct {
	rank float64
	at   pgtype.Timestamptz
	id   int64
}

// search finds and ranks. The plain side parses every document of the campaign
// for each search, since row-level security keeps a match from using an index. The
// optimised side asks the schema's own function, which may use one.
//
// Both make passages only of the hits that are returned, and of no more than the
// first 50,000 characters: ts_headline parses the text anew, and leaves HTML tags out.
var search = repository.DeclareTwin(twin.Declare("content.search", twin.Pair{
	Plain: `
WITH wanted AS MATERIALIZED (
    SELECT websearch_to_tsquery('english', $2::text) AS query
),
found AS (
    SELECT
        c.id,
        c.created_at,
        ts_rank(v.vector, wanted.query)::float8 AS rank
    FROM wanted
    CROSS JOIN ovasabi.service_content_main AS c
    CROSS JOIN LATERAL (
        SELECT` + vectorExpression + ` AS vector
        OFFSET 0 -- so that it is made once a row
    ) AS v
    WHERE c.campaign_id = $1::bigint
      AND c.status = ANY ($3::text[])
      AND c.tags @> $4::jsonb
      AND v.vector @@ wanted.query
),
page AS (
    SELECT
        found.id,
        found.rank
    FROM found
    WHERE (found.rank, found.created_at, found.id) < ($5::float8, $6::timestamptz, $7::bigint)
    ORDER BY found.rank DESC, found.created_at DESC, found.id DESC
    LIMIT $8::bigint
)
SELECT` + columns("''") + `,
    page.rank,
    ts_headline(
        'english',
        translate(c.title || E'\n' || left(c.body, 50000), E'\x02\x03', ''),
        wanted.query,
        E'StartSel="\x02", StopSel="\x03", MaxWords=35, MinWords=15, MaxFragments=1'
    ) AS passage
FROM page
JOIN ovasabi.service_content_main AS c
    ON c.campaign_id = $1::bigint
    AND c.id = page.id
CROSS JOIN wanted
ORDER BY page.rank DESC, c.created_at DESC, c.id DESC`,
	Optimised: `
SELECT` + columns("''") + `,
    found.rank,
    found.passage
FROM ovasabi.search_content(
    $2::text,
    $3::text[],
    $4::jsonb,
    $5::float8,
    $6::timestamptz,
    $7::bigint,
    $8::bigint
) AS found
JOIN ovasabi.service_content_main AS c
    ON c.campaign_id = $1::bigint
    AND c.id = found.id
ORDER BY found.rank DESC, c.created_at DESC, c.id DESC`,
}))

// vectorExpression is what the schema's search_vector_stored computes, from the base columns.
const vectorExpression = `
            setweight(to_tsvector('english', coalesce(c.title, '')), 'A')
            || setweight(to_tsvector('english', left(coalesce(c.body, ''), 100000)), 'B')
            || setweight(
                CASE
                    WHEN length(c.tags::text) <= 10000 THEN to_tsvector('english', coalesce(c.tags, '[]'::jsonb))
                    ELSE to_tsvector('english', left(c.tags::text, 10000))
                END,
                'C'
            )`

func (r contents) search(ctx context.Context, campaignID int64, text string, statuses []string, tags []byte, after place, limit int) ([]hit, error) {
	rows, err := r.Query(ctx, search, campaignID, text, statuses, tags, after.rank, after.at, after.id, limit)
	if err != nil {
		return nil, fault.FromPostgres(err)
	}
	hits, err := pgx.CollectRows(rows, pgx.RowToStructByPos[hit])
	return hits, fault.FromPostgres(err)
}

// countTags counts by tag. A document's own array may name a tag twice; it counts once.
var countTags = repository.Declare("content.count_tags", `
SELECT
    t.tag,
    count(*)
FROM ovasabi.service_content_main AS c
CROSS JOIN LATERAL (
    SELECT DISTINCT jsonb_array_elements_text(c.tags)
) AS t (tag)
WHERE t.tag IS NOT NULL
  AND c.campaign_id = $1::bigint
  AND c.status = ANY ($2::text[])
GROUP BY t.tag
ORDER BY count(*) DESC, t.tag
LIMIT $3::bigint`)

type tagCount struct {
	Tag   string
	Count int64
}

func (r contents) countTags(ctx context.Context, campaignID int64, statuses []string, limit int) ([]tagCount, error) {
	rows, err := r.Query(ctx, countTags, campaignID, statuses, limit)
	if err != nil {
		return nil, fault.FromPostgres(err)
	}
	counts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[tagCount])
	return counts, fault.FromPostgres(err)
}
