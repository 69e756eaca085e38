package product_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/pgtest/plantest"
	"github.com/ovasabi/ovasabi/internal/service/product"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// A page by price costs the same in a large campaign as in a small one, wherever
// it is in the list, and with bounds as without: as the application's role, under
// row-level security, planned as it is for the application.
func TestAPageByPriceCostsTheSameEverywhere(t *testing.T) {
	db := pgtest.New(t)
	_, err := db.Owner(t).Exec(t.Context(), `
INSERT INTO ovasabi.service_campaign_main (id, slug, name) VALUES (1, 'small', 'n'), (2, 'large', 'n');
INSERT INTO ovasabi.service_product_main (campaign_id, sku, name, price, status)
SELECT c.id, 's' || i, 'n', i / 100.0, CASE i % 10 WHEN 0 THEN 'discontinued' WHEN 1 THEN 'unavailable' ELSE 'available' END
FROM (VALUES (1, 4000), (2, 20000)) AS c (id, products)
CROSS JOIN LATERAL generate_series(1, c.products) AS i;
ANALYZE ovasabi.service_product_main`)
	require.NoError(t, err)
	statuses := []string{"available", "discontinued", "unavailable"}
	const size = 51
	for _, order := range []struct {
		twin                *twin.Twin
		index               string
		first, middle, last []any
	}{
		{product.ListCheapest, "idx_products_campaign_price_skip", []any{"-1", 0}, []any{"100.00", 0}, []any{"190.00", 0}},
		{product.ListDearest, "idx_products_campaign_price_skip", []any{"100000000", int64(1) << 62}, []any{"100.00", 0}, []any{"10.00", 0}},
		{product.ListNewest, "idx_products_campaign_newest", []any{int64(1) << 62}, []any{14000}, []any{5000}},
	} {
		t.Run(order.twin.Name(), func(t *testing.T) {
			page := func(id campaign.ID, least, most any, place []any) plantest.Plan {
				args := append([]any{id.Int64(), statuses, false, "", least, most}, place...)
				return plantest.Explain(t, db.App(t), id, order.twin, append(args, size)...)
			}
			first := page(1, nil, nil, order.first)
			require.Contains(t, first.Text, order.index)
			require.Less(t, first.Buffers, 400, first.Text)
			for name, p := range map[string]plantest.Plan{
				"the first page of a large campaign": page(2, nil, nil, order.first),
				"a page in the middle of it":         page(2, nil, nil, order.middle),
				"its last page":                      page(2, nil, nil, order.last),
				"the first page between two prices":  page(2, "90", "110", order.first),
				"a later page between two prices":    page(2, "90", "110", order.middle),
			} {
				if order.twin == product.ListNewest && p.Filtered > 0 {
					continue // the order is not that of the prices: what is filtered out is read
				}
				require.LessOrEqual(t, p.Buffers, first.Buffers*13/10, "%s\n%s", name, p.Text)
			}
		})
	}
}
