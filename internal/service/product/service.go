package product

import (
	"context"
	"math"
	"strconv"

	productv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/product/v1"
	"github.com/ovasabi/ovasabi/internal/service/wire"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/query"
	"github.com/ovasabi/ovasabi/pkg/repository"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// Dependencies are what the service stands on.
type Dependencies struct {
	// Scope runs the SQL inside the campaign of the context.
	Scope *campaign.Scope
	// Twins picks between plain and optimised queries; nil always takes the plain ones.
	Twins *twin.Runner
	// Statements and Metrics keep and measure the statements; nil leaves them out.
	Statements *repository.PreparedStatementPool
	Metrics    *repository.RepositoryMetrics
	// Reads lets reads of single rows share round trips; nil leaves that out.
	Reads *campaign.Pipeline
	// Cursors signs page tokens.
	Cursors *query.CursorSigner
}

// Service holds the rules of products. Every method runs in the campaign of its
// context. It is safe for concurrent use.
type Service struct {
	products products
	cursors  *query.CursorSigner
}

// NewService returns the service.
func NewService(d Dependencies) *Service {
	return &Service{
		products: products{repository.NewEnhancedBaseRepository(d.Scope, repository.Enhancements{
			Statements: d.Statements, Metrics: d.Metrics, Twins: d.Twins, Reads: d.Reads,
		})},
		cursors: d.Cursors,
	}
}

// allStatuses is what an empty set of statuses stands for.
var allStatuses = []string{"available", "discontinued", "unavailable"}

// Get returns a product by id, or by SKU where id is 0.
func (s *Service) Get(ctx context.Context, id int64, sku string) (*productv1.Product, error) {
	campaignID, err := campaign.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	var found row
	if id != 0 {
		found, err = s.products.getByID(ctx, campaignID.Int64(), id)
	} else {
		found, err = s.products.getBySKU(ctx, campaignID.Int64(), sku)
	}
	if err != nil {
		return nil, err
	}
	return found.message()
}

// GetMany returns the products that there are of ids, in their order, and the ids of which there is none.
func (s *Service) GetMany(ctx context.Context, ids []int64) (found []*productv1.Product, missing []int64, err error) {
	campaignID, err := campaign.FromContext(ctx)
	if err != nil {
		return nil, nil, err
	}
	rows, err := s.products.getMany(ctx, campaignID.Int64(), ids)
	if err != nil {
		return nil, nil, err
	}
	missing = wire.Missing(ids, rows, func(r row) int64 { return r.ID })
	found, err = messages(rows)
	return found, missing, err
}

// order is one way to order a list: its query, the place before its first
// product, and the place of a product. A place is the values that are ordered by.
type order struct {
	query *repository.Declaration
	first []any
	place func(r row) []any
}

// Prices are from 0 to 99999999.99, so that no product stands before or after these.
const (
	belowEveryPrice = "-1"
	aboveEveryPrice = "100000000"
)

func byID(r row) []any    { return []any{r.ID} }
func byPrice(r row) []any { return []any{r.Price, r.ID} }

var orders = map[productv1.ProductOrder]order{
	productv1.ProductOrder_PRODUCT_ORDER_NEWEST:     {listNewest, []any{int64(math.MaxInt64)}, byID},
	productv1.ProductOrder_PRODUCT_ORDER_PRICE_ASC:  {listCheapest, []any{belowEveryPrice, int64(0)}, byPrice},
	productv1.ProductOrder_PRODUCT_ORDER_PRICE_DESC: {listDearest, []any{aboveEveryPrice, int64(math.MaxInt64)}, byPrice},
}

// List returns the page of products that the request asks for, and the token of the next page.
func (s *Service) List(ctx context.Context, r *productv1.ListProductsRequest, size int) ([]*productv1.Product, string, error) {
	campaignID, err := campaign.FromContext(ctx)
	if err != nil {
		return nil, "", err
	}
	wanted := r.GetOrder()
	if wanted == productv1.ProductOrder_PRODUCT_ORDER_UNSPECIFIED {
		wanted = productv1.ProductOrder_PRODUCT_ORDER_NEWEST
	}
	o := orders[wanted]
	f := filter{
		statuses: r.GetStatuses(), inStock: r.GetInStock(), currency: r.GetCurrency(),
		priceMin: orNil(r.GetPriceMin()), priceMax: orNil(r.GetPriceMax()),
	}
	if len(f.statuses) == 0 {
		f.statuses = allStatuses
	}
	list := wire.List("product.list", wanted.String(), wire.Set(f.statuses), strconv.FormatBool(f.inStock), f.currency, r.GetPriceMin(), r.GetPriceMax())
	place, err := wire.Place(ctx, s.cursors, list, r.GetPageToken(), o.first)
	if err != nil {
		return nil, "", err
	}
	rows, err := s.products.list(ctx, o.query, campaignID.Int64(), f, place, size+1)
	if err != nil {
		return nil, "", err
	}
	rows, more := wire.Cut(rows, size)
	next := ""
	if more {
		last := rows[len(rows)-1]
		if next, err = wire.NextPage(ctx, s.cursors, list, more, o.place(last)...); err != nil {
			return nil, "", err
		}
	}
	page, err := messages(rows)
	return page, next, err
}

func orNil(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
