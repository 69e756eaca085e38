package product_test

import (
	"fmt"
	"math"
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/structpb"

	productv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/product/v1"
	"github.com/ovasabi/ovasabi/api/gen/ovasabi/product/v1/productv1connect"
	"github.com/ovasabi/ovasabi/internal/apitest"
	"github.com/ovasabi/ovasabi/internal/token"
)

type client struct {
	productv1connect.ProductServiceClient
	t *testing.T
}

func start(t *testing.T) (a *apitest.API, ours, others client) {
	t.Helper()
	a = apitest.Start(t)
	of := func(slug string) client {
		id := a.Campaign(t, slug)
		return client{productv1connect.NewProductServiceClient(a.Client(t, a.Token(t, token.Writer, id)), a.URL), t}
	}
	return a, of("ours"), of("others")
}

func (c client) create(n *productv1.NewProduct) *productv1.Product {
	c.t.Helper()
	r, err := c.CreateProduct(c.t.Context(), connect.NewRequest(&productv1.CreateProductRequest{Product: n}))
	require.NoError(c.t, err)
	return r.Msg.GetProduct()
}

func taxed(rate any) *structpb.Struct {
	s, err := structpb.NewStruct(map[string]any{"tax_rate": rate})
	if err != nil {
		panic(err)
	}
	return s
}

func TestAProductsLife(t *testing.T) {
	_, ours, others := start(t)
	tea := ours.create(&productv1.NewProduct{Sku: "TEA", Name: "Tea", Price: "12.5", Stock: 3, Metadata: taxed(0.19)})
	require.Equal(t, "12.50", tea.GetPrice())
	require.Equal(t, "14.88", tea.GetPriceWithTax())
	require.Equal(t, "EUR", tea.GetCurrency())
	require.Equal(t, "available", tea.GetStatus())
	require.Equal(t, "0.01", ours.create(&productv1.NewProduct{Sku: "1", Name: "n", Price: "0.01"}).GetPriceWithTax())

	got, err := ours.GetProduct(t.Context(), connect.NewRequest(&productv1.GetProductRequest{Key: &productv1.GetProductRequest_Sku{Sku: "TEA"}}))
	require.NoError(t, err)
	require.Equal(t, tea.String(), got.Msg.GetProduct().String())
	_, err = others.GetProduct(t.Context(), connect.NewRequest(&productv1.GetProductRequest{Key: &productv1.GetProductRequest_Sku{Sku: "TEA"}}))
	require.Equal(t, connect.CodeNotFound, connect.CodeOf(err))

	price, none := "99999999.99", int32(0)
	changed, err := ours.UpdateProduct(t.Context(), connect.NewRequest(&productv1.UpdateProductRequest{Id: tea.GetId(), Version: 1, Price: &price, Stock: &none, Metadata: &structpb.Struct{}}))
	require.NoError(t, err)
	require.Equal(t, price, changed.Msg.GetProduct().GetPriceWithTax())
	require.Zero(t, changed.Msg.GetProduct().GetStock())
	_, err = ours.UpdateProduct(t.Context(), connect.NewRequest(&productv1.UpdateProductRequest{Id: tea.GetId(), Version: 1, Price: &price}))
	require.Equal(t, connect.CodeAborted, connect.CodeOf(err))
	_, err = ours.CreateProduct(t.Context(), connect.NewRequest(&productv1.CreateProductRequest{Product: &productv1.NewProduct{Sku: "TEA", Name: "x", Price: "1"}}))
	require.Equal(t, connect.CodeAlreadyExists, connect.CodeOf(err))
	require.ErrorContains(t, err, "sku: ")
	_, err = ours.DeleteProduct(t.Context(), connect.NewRequest(&productv1.DeleteProductRequest{Id: tea.GetId(), Version: 2}))
	require.NoError(t, err)
}

func TestMoneyThatIsRefused(t *testing.T) {
	_, ours, _ := start(t)
	for _, price := range []string{"", "-1", "1.234", "1e3", "123456789", "NaN", ".5", "1,50", "1."} {
		_, err := ours.CreateProduct(t.Context(), connect.NewRequest(&productv1.CreateProductRequest{Product: &productv1.NewProduct{Sku: "a", Name: "a", Price: price}}))
		require.Equal(t, connect.CodeInvalidArgument, connect.CodeOf(err), price)
		require.ErrorContains(t, err, "product.price")
	}
	for _, rate := range []any{"19 %", "", -0.1, 11.0, math.NaN(), true, nil} {
		_, err := ours.CreateProduct(t.Context(), connect.NewRequest(&productv1.CreateProductRequest{Product: &productv1.NewProduct{Sku: "a", Name: "a", Price: "1", Metadata: taxed(rate)}}))
		require.Error(t, err, "%v", rate)
	}
	_, err := ours.ListProducts(t.Context(), connect.NewRequest(&productv1.ListProductsRequest{PriceMin: "1"}))
	require.ErrorContains(t, err, "currency: must be given")
}

// A tax rate that came past the API must not make its row, or its neighbours, unreadable.
func TestABadTaxRateCountsAsNone(t *testing.T) {
	a, ours, _ := start(t)
	ours.create(&productv1.NewProduct{Sku: "good", Name: "n", Price: "10", Metadata: taxed(0.2)})
	ours.create(&productv1.NewProduct{Sku: "text", Name: "n", Price: "10", Metadata: taxed("0.2")})
	for i, rate := range []string{`"abc"`, `null`, `1e300`, `{}`, `-1`, `19`} {
		sku := fmt.Sprint("bad", i)
		ours.create(&productv1.NewProduct{Sku: sku, Name: "n", Price: "10"})
		_, err := a.DB.Owner(t).Exec(t.Context(), `UPDATE ovasabi.service_product_main SET metadata = jsonb_build_object('tax_rate', $1::jsonb) WHERE sku = $2`, rate, sku)
		require.NoError(t, err)
	}
	list, err := ours.ListProducts(t.Context(), connect.NewRequest(&productv1.ListProductsRequest{}))
	require.NoError(t, err)
	require.Len(t, list.Msg.GetProducts(), 8)
	for _, p := range list.Msg.GetProducts() {
		want := "12.00"
		if p.GetSku()[0] == 'b' {
			want = "10.00"
		}
		require.Equal(t, want, p.GetPriceWithTax(), p.GetSku())
	}
}

func TestAnUpsertTouchesOnlyWhatChanged(t *testing.T) {
	_, ours, _ := start(t)
	upsert := func(products ...*productv1.NewProduct) (answer []string) {
		r, err := ours.BatchUpsertProducts(t.Context(), connect.NewRequest(&productv1.BatchUpsertProductsRequest{Products: products}))
		require.NoError(t, err)
		for _, result := range r.Msg.GetResults() {
			answer = append(answer, fmt.Sprintf("%d %s", result.GetVersion(), result.GetOutcome()))
			require.NotZero(t, result.GetId())
		}
		return answer
	}
	b, a := &productv1.NewProduct{Sku: "b", Name: "b", Price: "2", Metadata: taxed(0.07)}, &productv1.NewProduct{Sku: "a", Name: "a", Price: "1.00"}
	require.Equal(t, []string{"1 OUTCOME_CREATED", "1 OUTCOME_CREATED"}, upsert(b, a))
	b.Price, a.Price = "2.5", "1" // 1 and 1.00 are one price
	c := &productv1.NewProduct{Sku: "c", Name: "c", Price: "3"}
	require.Equal(t, []string{"1 OUTCOME_UNCHANGED", "2 OUTCOME_UPDATED", "1 OUTCOME_CREATED"}, upsert(a, b, c))
	got, err := ours.GetProduct(t.Context(), connect.NewRequest(&productv1.GetProductRequest{Key: &productv1.GetProductRequest_Sku{Sku: "b"}}))
	require.NoError(t, err)
	require.Equal(t, "2.68", got.Msg.GetProduct().GetPriceWithTax())
	_, err = ours.BatchUpsertProducts(t.Context(), connect.NewRequest(&productv1.BatchUpsertProductsRequest{Products: []*productv1.NewProduct{a, a}}))
	require.ErrorContains(t, err, "a SKU may stand in a batch once")
}

func TestListsByPrice(t *testing.T) {
	_, ours, others := start(t)
	for i, price := range []string{"5", "1", "5", "10", "0.50", "99999999.99", "0"} {
		status := "available"
		if i == 3 {
			status = "discontinued"
		}
		ours.create(&productv1.NewProduct{Sku: fmt.Sprint(i), Name: "n", Price: price, Status: status, Stock: int32(i % 2)})
	}
	ours.create(&productv1.NewProduct{Sku: "dollar", Name: "n", Price: "5", Currency: "USD"})
	others.create(&productv1.NewProduct{Sku: "foreign", Name: "n", Price: "5"})
	list := func(r *productv1.ListProductsRequest) (skus []string) {
		t.Helper()
		r.PageSize = 2
		for {
			page, err := ours.ListProducts(t.Context(), connect.NewRequest(r))
			require.NoError(t, err)
			for _, p := range page.Msg.GetProducts() {
				skus = append(skus, p.GetSku())
			}
			if r.PageToken = page.Msg.GetNextPageToken(); r.GetPageToken() == "" {
				return skus
			}
		}
	}
	cheap, dear := productv1.ProductOrder_PRODUCT_ORDER_PRICE_ASC, productv1.ProductOrder_PRODUCT_ORDER_PRICE_DESC
	require.Equal(t, []string{"dollar", "6", "5", "4", "3", "2", "1", "0"}, list(&productv1.ListProductsRequest{}))
	require.Equal(t, []string{"6", "4", "1", "0", "2", "3", "5"}, list(&productv1.ListProductsRequest{Order: cheap, Currency: "EUR"}))
	require.Equal(t, []string{"5", "3", "2", "0", "1", "4", "6"}, list(&productv1.ListProductsRequest{Order: dear, Currency: "EUR"}))
	require.Equal(t, []string{"1", "0", "2"}, list(&productv1.ListProductsRequest{Order: cheap, Currency: "EUR", PriceMin: "1", PriceMax: "5.00"}))
	require.Equal(t, []string{"1", "3", "5"}, list(&productv1.ListProductsRequest{Order: cheap, InStock: true}))
	require.Equal(t, []string{"3"}, list(&productv1.ListProductsRequest{Statuses: []string{"discontinued"}}))
	page, err := ours.ListProducts(t.Context(), connect.NewRequest(&productv1.ListProductsRequest{PageSize: 1, Order: cheap}))
	require.NoError(t, err)
	_, err = ours.ListProducts(t.Context(), connect.NewRequest(&productv1.ListProductsRequest{PageSize: 1, Order: dear, PageToken: page.Msg.GetNextPageToken()}))
	require.ErrorContains(t, err, "page_token")
}
