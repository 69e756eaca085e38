package product_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/service/product"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/twin"
	"github.com/ovasabi/ovasabi/pkg/twin/twintest"
)

var (
	statuses = rapid.SampledFrom([]string{"available", "unavailable", "discontinued"})
	prices   = rapid.SampledFrom([]string{"0", "0.01", "1.00", "1.005", "12.5", "99999999.99"})
	// places are prices as rows have them: a cursor holds no other.
	places = rapid.SampledFrom([]string{"-1", "0.00", "0.01", "1.00", "1.01", "12.50", "99999999.99", "100000000"})
	rates  = rapid.SampledFrom([]string{
		`{}`, `{"tax_rate": 0.19}`, `{"tax_rate": "0.075"}`, `{"tax_rate": 9.999}`, `{"tax_rate": 19}`, `{"tax_rate": -1}`,
		`{"tax_rate": "abc"}`, `{"tax_rate": null}`, `{"tax_rate": 1e400}`, `{"tax_rate": {"x": 1}}`, `{"tax_rate": true}`,
	})
	currencies = rapid.SampledFrom([]string{"EUR", "USD"})
)

// firstID is the id of the first product of a case, so that arguments can name products.
const firstID = 1000

func products(rt *rapid.T, ctx context.Context, db database.Querier, id campaign.ID) {
	for i := range rapid.IntRange(0, 10).Draw(rt, "products") {
		_, err := db.Exec(ctx, `
INSERT INTO ovasabi.service_product_main (campaign_id, id, sku, name, price, currency, stock, status, metadata)
VALUES ($1, $2, $3, 'n', $4::numeric, $5, $6, $7, $8::jsonb)`,
			id.Int64(), firstID+i, fmt.Sprint("s", i), prices.Draw(rt, "price"), currencies.Draw(rt, "currency"),
			rapid.IntRange(0, 1).Draw(rt, "stock"), statuses.Draw(rt, "status"), rates.Draw(rt, "metadata"))
		if err != nil {
			rt.Fatal(err)
		}
	}
}

func TestTwins(t *testing.T) {
	db := pgtest.New(t)
	_, err := db.Owner(t).Exec(t.Context(), `
INSERT INTO ovasabi.service_campaign_main (slug, name) VALUES ('one', 'one'), ('two', 'two');
INSERT INTO ovasabi.service_product_main (campaign_id, sku, name, price)
SELECT c, 'foreign' || i, 'n', 1 FROM generate_series(1, 2) AS c, generate_series(1, 3) AS i`)
	require.NoError(t, err)
	one := rapid.Int64Range(firstID, firstID+10)
	filtered := func(rt *rapid.T, place ...any) []any {
		args := []any{
			rapid.SliceOfNDistinct(statuses, 0, 3, rapid.ID[string]).Draw(rt, "statuses"), rapid.Bool().Draw(rt, "in stock"),
			rapid.SampledFrom([]string{"", "EUR"}).Draw(rt, "currency"),
			rapid.Ptr(prices, true).Draw(rt, "least"), rapid.Ptr(prices, true).Draw(rt, "most"),
		}
		return append(append(args, place...), rapid.IntRange(0, 6).Draw(rt, "limit"))
	}
	byPrice := func(rt *rapid.T) []any { return filtered(rt, places.Draw(rt, "price"), one.Draw(rt, "id")) }
	for _, c := range []struct {
		twin *twin.Twin
		args func(rt *rapid.T) []any
	}{
		{product.GetByID, func(rt *rapid.T) []any { return []any{one.Draw(rt, "id")} }},
		{product.GetBySKU, func(rt *rapid.T) []any { return []any{fmt.Sprint("s", rapid.IntRange(0, 9).Draw(rt, "n"))} }},
		{product.GetMany, func(rt *rapid.T) []any { return []any{rapid.SliceOf(one).Draw(rt, "ids")} }},
		{product.ListNewest, func(rt *rapid.T) []any { return filtered(rt, one.Draw(rt, "before")) }},
		{product.ListCheapest, byPrice},
		{product.ListDearest, byPrice},
		{product.Update, func(rt *rapid.T) []any {
			return []any{
				one.Draw(rt, "id"), rapid.Int64Range(1, 2).Draw(rt, "version"), nil, nil, nil, rapid.Ptr(prices, true).Draw(rt, "price"),
				rapid.Ptr(currencies, true).Draw(rt, "currency"), nil, rapid.Ptr(statuses, true).Draw(rt, "status"), rapid.Ptr(rates, true).Draw(rt, "metadata"),
			}
		}},
	} {
		twintest.Prove(t, db.App(t), twintest.Proof{
			Twin: c.twin, Campaigns: []campaign.ID{1, 2}, Data: products,
			Args: func(rt *rapid.T, id campaign.ID) []any { return append([]any{id.Int64()}, c.args(rt)...) },
		})
	}
	twintest.AllProven(t)
}
