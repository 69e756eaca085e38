package product

import (
	"context"

	"github.com/ovasabi/ovasabi/pkg/repository"
)

// products runs the SQL of products inside the campaign of the context: every statement
// has the campaign from row-level security and again from its own text.
type products struct{ repository.Repository }

// by reads one product by a condition on $2.
func by(condition string) func(withTax string) string {
	return func(withTax string) string {
		return `
SELECT` + columns(withTax) + `
FROM ovasabi.service_product_main AS p
WHERE p.campaign_id = $1::bigint
  AND ` + condition
	}
}

var (
	getByID  = declare("get_by_id", by(`p.id = $2::bigint`))
	getBySKU = declare("get_by_sku", by(`p.sku = $2::text`))

	getMany = declare("get_many", func(withTax string) string {
		return `
SELECT` + columns(withTax) + `
FROM unnest($2::bigint[]) WITH ORDINALITY AS wanted (id, place)
JOIN ovasabi.service_product_main AS p
    ON p.campaign_id = $1::bigint
    AND p.id = wanted.id
ORDER BY wanted.place`
	})
)

// filtered are the conditions of every list besides status and place. One text
// serves every mix of filters: a filter that is off compares with nothing.
const filtered = `
  AND (NOT $3::boolean OR p.stock > 0)
  AND ($4::text = '' OR p.currency = $4::text)
  AND ($5::numeric IS NULL OR p.price >= $5::numeric)
  AND ($6::numeric IS NULL OR p.price <= $6::numeric)`

// listed reads a list in one order, from a place in it on; limit is the parameter after the place's.
func listed(after, order, limit string) func(withTax string) string {
	return func(withTax string) string {
		return `
SELECT` + columns(withTax) + `
FROM ovasabi.service_product_main AS p
WHERE p.campaign_id = $1::bigint
  AND p.status = ANY ($2::text[])
  AND ` + after + filtered + `
ORDER BY ` + order + `
LIMIT ` + limit + `::bigint`
	}
}

var (
	// Ids grow with time, and the primary key has them in order; no index has products by time.
	listNewest   = declare("list_newest", listed(`p.id < $7::bigint`, `p.id DESC`, `$8`))
	listCheapest = declare("list_cheapest", listed(`(p.price, p.id) > ($7::numeric, $8::bigint)`, `p.price, p.id`, `$9`))
	listDearest  = declare("list_dearest", listed(`(p.price, p.id) < ($7::numeric, $8::bigint)`, `p.price DESC, p.id DESC`, `$9`))
)

// filter says which products a list holds. A price that is nil does not bound.
type filter struct {
	statuses           []string
	inStock            bool
	currency           string
	priceMin, priceMax *string
}

func (r products) getByID(ctx context.Context, campaignID, id int64) (row, error) {
	return one(r.Query(ctx, getByID, campaignID, id))
}

func (r products) getBySKU(ctx context.Context, campaignID int64, sku string) (row, error) {
	return one(r.Query(ctx, getBySKU, campaignID, sku))
}

func (r products) getMany(ctx context.Context, campaignID int64, ids []int64) ([]row, error) {
	return all(r.Query(ctx, getMany, campaignID, ids))
}

// list reads in the twin's order from a place on, given by the values of the order.
func (r products) list(ctx context.Context, d *repository.Declaration, campaignID int64, f filter, place []any, limit int) ([]row, error) {
	args := []any{campaignID, f.statuses, f.inStock, f.currency, f.priceMin, f.priceMax}
	return all(r.Query(ctx, d, append(append(args, place...), limit)...))
}
