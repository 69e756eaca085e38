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
	getByID  = declare("get_by_id", by(`p.id = $2::bigint`)).Pipelined()
	getBySKU = declare("get_by_sku", by(`p.sku = $2::text`)).Pipelined()

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

func (r products) getByID(ctx context.Context, campaignID, id int64) (row, error) {
	return one(r.Query(ctx, getByID, campaignID, id))
}

func (r products) getBySKU(ctx context.Context, campaignID int64, sku string) (row, error) {
	return one(r.Query(ctx, getBySKU, campaignID, sku))
}

func (r products) getMany(ctx context.Context, campaignID int64, ids []int64) ([]row, error) {
	return all(r.Query(ctx, getMany, campaignID, ids))
}
