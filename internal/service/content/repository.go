package content

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/repository"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// contents runs the SQL of documents inside the campaign of the context: every statement
// has the campaign from row-level security and again from its own text.
type contents struct{ repository.Repository }

var (
	getByID = repository.Declare("content.get_by_id", `
SELECT`+columns("c.body")+`
FROM ovasabi.service_content_main AS c
WHERE c.campaign_id = $1::bigint
  AND c.id = $2::bigint`).Pipelined()

	getBySlug = repository.Declare("content.get_by_slug", `
SELECT`+columns("c.body")+`
FROM ovasabi.service_content_main AS c
WHERE c.campaign_id = $1::bigint
  AND c.slug = $2::text`).Pipelined()

	getMany = repository.Declare("content.get_many", `
SELECT`+columns("CASE WHEN $3::boolean THEN c.body ELSE '' END")+`
FROM unnest($2::bigint[]) WITH ORDINALITY AS wanted (id, place)
JOIN ovasabi.service_content_main AS c
    ON c.campaign_id = $1::bigint
    AND c.id = wanted.id
ORDER BY wanted.place`)
)

// listByStatus is the plan's FindContentByStatus. No index gives several statuses
// in one order of time: the optimised side scans one ordered range a status and
// merges them, so that a page costs the same in a campaign of any size.
var listByStatus = repository.DeclareTwin(twin.Declare("content.list_by_status", twin.Pair{
	Plain: `
SELECT` + columns("CASE WHEN $6::boolean THEN c.body ELSE '' END") + `
FROM ovasabi.service_content_main AS c
WHERE c.campaign_id = $1::bigint
  AND c.status = ANY ($2::text[])
  AND (c.created_at, c.id) < ($3::timestamptz, $4::bigint)
ORDER BY c.created_at DESC, c.id DESC
LIMIT $5::bigint`,
	Optimised: `
SELECT` + rowColumns + `
FROM unnest($2::text[]) AS wanted (status)
CROSS JOIN LATERAL (
    SELECT` + columns("CASE WHEN $6::boolean THEN c.body ELSE '' END") + `
    FROM ovasabi.service_content_main AS c
    WHERE c.campaign_id = $1::bigint
      AND c.status = wanted.status
      AND (c.created_at, c.id) < ($3::timestamptz, $4::bigint)
    ORDER BY c.created_at DESC, c.id DESC
    LIMIT $5::bigint
) AS c
ORDER BY c.created_at DESC, c.id DESC
LIMIT $5::bigint`,
	PlanMode: database.GenericPlan,
}))

func (r contents) getByID(ctx context.Context, campaignID, id int64) (row, error) {
	return one(r.Query(ctx, getByID, campaignID, id))
}

func (r contents) getBySlug(ctx context.Context, campaignID int64, slug string) (row, error) {
	return one(r.Query(ctx, getBySlug, campaignID, slug))
}

func (r contents) getMany(ctx context.Context, campaignID int64, ids []int64, body bool) ([]row, error) {
	return all(r.Query(ctx, getMany, campaignID, ids, body))
}

func (r contents) listByStatus(ctx context.Context, campaignID int64, statuses []string, at pgtype.Timestamptz, id int64, limit int, body bool) ([]row, error) {
	return all(r.Query(ctx, listByStatus, campaignID, statuses, at, id, limit, body))
}

func all(rows pgx.Rows, err error) ([]row, error) {
	if err != nil {
		return nil, fault.FromPostgres(err)
	}
	found, err := pgx.CollectRows(rows, scanRow)
	return found, fault.FromPostgres(err)
}

func one(rows pgx.Rows, err error) (row, error) {
	if err != nil {
		return row{}, fault.FromPostgres(err)
	}
	found, err := pgx.CollectExactlyOneRow(rows, scanRow)
	return found, fault.FromPostgres(err)
}
