package product

import (
	"context"

	"github.com/ovasabi/ovasabi/pkg/repository"
)

// filtered are the conditions of every list besides status and place. One text
// serves every mix of filters: a filter that is off compares with nothing.
const filtered = `
  AND (NOT $3::boolean OR p.stock > 0)
  AND ($4::text = '' OR p.currency = $4::text)`

// The prices between which a list stays, as the base column has them.
const (
	atLeast = `
  AND ($5::numeric IS NULL OR p.price >= $5::numeric)`
	atMost = `
  AND ($6::numeric IS NULL OR p.price <= $6::numeric)`
)

// The same in hundredths. Under row-level security an index serves comparisons of
// bigint and not those of numeric; and it serves a condition that is always there,
// and not one that a parameter may switch off.
const (
	atLeastHundredths = `
  AND p.price_hundredths >= ceil(coalesce($5::numeric, 0) * 100)::bigint`
	atMostHundredths = `
  AND p.price_hundredths <= floor(coalesce($6::numeric, 100000000) * 100)::bigint`
)

// listed reads all products of the campaign in one order, from a place in it on, and
// leaves out those of other statuses; limit is the parameter after the place's.
func listed(after, order, limit string) string {
	return `
SELECT` + columns(plainWithTax) + `
FROM ovasabi.service_product_main AS p
WHERE p.campaign_id = $1::bigint
  AND p.status = ANY ($2::text[])
  AND ` + after + filtered + atLeast + atMost + `
ORDER BY ` + order + `
LIMIT ` + limit + `::bigint`
}

// listedByStatus reads one ordered range of an index a status and merges them. A
// page costs the same wherever it is; filters on stock and currency, of which no
// index knows, make it read as many more as they leave out.
func listedByStatus(after, bounds, order, limit string) string {
	return `
SELECT` + rowColumns + `
FROM unnest($2::text[]) AS wanted (status)
CROSS JOIN LATERAL (
    SELECT` + columns(computedWithTax) + `,
    p.price_hundredths
    FROM ovasabi.service_product_main AS p
    WHERE p.campaign_id = $1::bigint
      AND p.status = wanted.status
      AND ` + after + filtered + bounds + `
    ORDER BY ` + order + `
    LIMIT ` + limit + `::bigint
) AS p
ORDER BY ` + order + `
LIMIT ` + limit + `::bigint`
}

// The place after which a page by price begins. Of two conditions on where an index
// scan begins, the server keeps the first one it meets: the bound of the prices is
// part of the place, so that there is one.
const (
	afterCheaper = `(p.price_hundredths, p.id) > (
        CASE WHEN $7::numeric < $5::numeric THEN ceil($5::numeric * 100)::bigint - 1 ELSE ($7::numeric * 100)::bigint END,
        CASE WHEN $7::numeric < $5::numeric THEN 9223372036854775807 ELSE $8::bigint END
    )`
	afterDearer = `(p.price_hundredths, p.id) < (
        CASE WHEN $7::numeric > $6::numeric THEN floor($6::numeric * 100)::bigint + 1 ELSE ($7::numeric * 100)::bigint END,
        CASE WHEN $7::numeric > $6::numeric THEN 0 ELSE $8::bigint END
    )`
)

var (
	// Ids grow with time. The primary key has them in order, whatever the status, and
	// idx_products_campaign_newest in order within each.
	listNewest = declareList("list_newest",
		listed(`p.id < $7::bigint`, `p.id DESC`, `$8`),
		listedByStatus(`p.id < $7::bigint`, atLeastHundredths+atMostHundredths, `p.id DESC`, `$8`))
	listCheapest = declareList("list_cheapest",
		listed(`(p.price, p.id) > ($7::numeric, $8::bigint)`, `p.price, p.id`, `$9`),
		listedByStatus(afterCheaper, atMostHundredths, `p.price_hundredths, p.id`, `$9`))
	listDearest = declareList("list_dearest",
		listed(`(p.price, p.id) < ($7::numeric, $8::bigint)`, `p.price DESC, p.id DESC`, `$9`),
		listedByStatus(afterDearer, atLeastHundredths, `p.price_hundredths DESC, p.id DESC`, `$9`))
)

// filter says which products a list holds. A price that is nil does not bound.
type filter struct {
	statuses           []string
	inStock            bool
	currency           string
	priceMin, priceMax *string
}

// list reads in the twin's order from a place on, given by the values of the order.
func (r products) list(ctx context.Context, d *repository.Declaration, campaignID int64, f filter, place []any, limit int) ([]row, error) {
	args := []any{campaignID, f.statuses, f.inStock, f.currency, f.priceMin, f.priceMax}
	return all(r.Query(ctx, d, append(append(args, place...), limit)...))
}
