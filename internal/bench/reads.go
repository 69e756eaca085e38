package bench

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	// The services declare the twins that the reads are made of.
	_ "github.com/ovasabi/ovasabi/internal/service/content"
	_ "github.com/ovasabi/ovasabi/internal/service/nexus"
	_ "github.com/ovasabi/ovasabi/internal/service/product"
	_ "github.com/ovasabi/ovasabi/internal/service/user"
)

const (
	contentByIDSQL = `
SELECT
    c.campaign_id,
    c.id,
    c.slug,
    c.title,
    c.body,
    c.tags,
    c.status,
    c.metadata,
    c.version,
    c.created_at,
    c.updated_at
FROM ovasabi.service_content_main AS c
WHERE c.campaign_id = $1::bigint
  AND c.id = $2::bigint`

	eventsOfEntitySQL = `
SELECT
    e.campaign_id,
    e.id,
    e.event_id,
    e.event_type,
    e.entity_id,
    e.occurred_at,
    e.metadata,
    e.payload
FROM ovasabi.service_event AS e
WHERE e.campaign_id = $1::bigint
  AND e.entity_id = $2::text
ORDER BY e.occurred_at DESC, e.id DESC
LIMIT 20`

	// entityPage is the limit of eventsOfEntitySQL.
	entityPage = 20
)

// firstPage is the place before which every row stands.
var firstPage = pgtype.Timestamptz{InfinityModifier: pgtype.Infinity, Valid: true}

const (
	firstID  = int64(math.MaxInt64)
	pageSize = 20
)

func one[T any](d *rand.Rand, list []T) T { return list[d.IntN(len(list))] }

// serviceReads are the reads of the services' first pages and details, by how
// often a client asks for each. Search has a scenario of its own: its gain is so
// large that it would be all of the mean.
func serviceReads() []*read {
	return []*read{
		{name: "content_by_id", text: contentByIDSQL, share: 25, pipelined: true, args: func(d *rand.Rand, c *known) []any { return []any{c.id, one(d, c.content)} }},
		{name: "content_by_status", twin: "content.list_by_status", share: 15, args: func(_ *rand.Rand, c *known) []any {
			return []any{c.id, []string{"published", "review"}, firstPage, firstID, pageSize, false}
		}},
		{name: "user_by_id", twin: "user.get_by_id", share: 15, pipelined: true, args: func(d *rand.Rand, c *known) []any { return []any{c.id, one(d, c.users)} }},
		{name: "user_by_email", twin: "user.get_by_email", share: 5, args: func(d *rand.Rand, c *known) []any { return []any{c.id, one(d, c.emails)} }},
		{name: "users_active", twin: "user.list_active", share: 5, args: func(_ *rand.Rand, c *known) []any {
			return []any{c.id, end.Add(-30 * 24 * time.Hour), firstPage, firstID, pageSize}
		}},
		{name: "product_by_id", twin: "product.get_by_id", share: 10, pipelined: true, args: func(d *rand.Rand, c *known) []any { return []any{c.id, one(d, c.products)} }},
		{name: "products_newest", twin: "product.list_newest", share: 5, args: func(_ *rand.Rand, c *known) []any {
			return []any{c.id, []string{"available", "unavailable"}, false, "", nil, nil, firstID, pageSize}
		}},
		{name: "events_by_type", twin: "nexus.list_by_type", share: 10, args: func(_ *rand.Rand, c *known) []any {
			return []any{c.id, pgtype.Timestamptz{InfinityModifier: pgtype.NegativeInfinity, Valid: true}, firstPage, firstPage, firstID, pageSize, []string{eventTypes[4], eventTypes[6]}}
		}},
		{name: "events_of_entity", text: eventsOfEntitySQL, share: 10, args: func(d *rand.Rand, c *known) []any { return []any{c.id, one(d, c.entities)} }},
	}
}
