package nexus

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// repository reads events. db is a campaign's scope.
type repository struct {
	db    database.Querier
	twins *twin.Runner
}

// filter says which events a list holds.
type filter struct {
	types  []string // empty: all
	entity string   // empty: any
	from   pgtype.Timestamptz
	before pgtype.Timestamptz
}

const (
	inTime = `
  AND e.occurred_at >= $2::timestamptz
  AND e.occurred_at < $3::timestamptz
  AND (e.occurred_at, e.id) < ($4::timestamptz, $5::bigint)`

	listSQL = `
SELECT` + rowColumns + `
FROM ovasabi.service_event AS e
WHERE e.campaign_id = $1::bigint` + inTime + `
ORDER BY e.occurred_at DESC, e.id DESC
LIMIT $6::bigint`

	listOfEntitySQL = `
SELECT` + rowColumns + `
FROM ovasabi.service_event AS e
WHERE e.campaign_id = $1::bigint
  AND e.entity_id = $7::text
  AND (cardinality($8::text[]) = 0 OR e.event_type = ANY ($8::text[]))` + inTime + `
ORDER BY e.occurred_at DESC, e.id DESC
LIMIT $6::bigint`
)

// listByType reads one ordered range a type, like content.list_by_status. It is
// planned for its values: not knowing the times the server takes them for close
// together, and looks for a rare type among all events.
var listByType = twin.Declare("nexus.list_by_type", twin.Pair{
	Plain: `
SELECT` + rowColumns + `
FROM ovasabi.service_event AS e
WHERE e.campaign_id = $1::bigint
  AND e.event_type = ANY ($7::text[])` + inTime + `
ORDER BY e.occurred_at DESC, e.id DESC
LIMIT $6::bigint`,
	Optimised: `
SELECT` + rowColumns + `
FROM unnest($7::text[]) AS wanted (event_type)
CROSS JOIN LATERAL (
    SELECT` + rowColumns + `
    FROM ovasabi.service_event AS e
    WHERE e.campaign_id = $1::bigint
      AND e.event_type = wanted.event_type` + inTime + `
    ORDER BY e.occurred_at DESC, e.id DESC
    LIMIT $6::bigint
) AS e
ORDER BY e.occurred_at DESC, e.id DESC
LIMIT $6::bigint`,
	PlanMode: database.CustomPlan,
})

func (r repository) list(ctx context.Context, campaignID int64, f filter, at pgtype.Timestamptz, id int64, limit int) ([]row, error) {
	args := []any{campaignID, f.from, f.before, at, id, limit}
	switch {
	case f.entity != "":
		types := f.types
		if types == nil {
			types = []string{}
		}
		return all(r.db.Query(ctx, listOfEntitySQL, append(args, f.entity, types)...))
	case len(f.types) > 0:
		return all(r.twins.Query(ctx, r.db, listByType, append(args, f.types)...))
	default:
		return all(r.db.Query(ctx, listSQL, args...))
	}
}

func all(rows pgx.Rows, err error) ([]row, error) {
	if err != nil {
		return nil, fault.FromPostgres(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	return found, fault.FromPostgres(err)
}
