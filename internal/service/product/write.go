package product

import (
	"context"
	"fmt"
	"regexp"
	"strconv"

	"google.golang.org/protobuf/types/known/structpb"

	productv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/product/v1"
	"github.com/ovasabi/ovasabi/internal/service/wire"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// What a product is made with where the request does not say.
const (
	usualStatus   = "available"
	usualCurrency = "EUR"
)

// taxRateForm is what the schema takes for a rate: a fraction from 0 to below 10.
var taxRateForm = regexp.MustCompile(`^\d(\.\d{1,100})?$`)

// metadataOf reads metadata and refuses a tax rate that the schema would count as 0.
func metadataOf(path string, s *structpb.Struct) ([]byte, error) {
	if rate, given := s.GetFields()["tax_rate"]; given {
		text := rate.GetStringValue()
		if number, is := rate.GetKind().(*structpb.Value_NumberValue); is {
			text = strconv.FormatFloat(number.NumberValue, 'f', -1, 64)
		}
		if !taxRateForm.MatchString(text) {
			return nil, fault.Field(path+".tax_rate", `must be a fraction from 0 to below 10, a number or digits in a string, such as 0.19 or "0.19"`)
		}
	}
	return wire.Metadata(path, s)
}

// newDraft reads a product to make; path is where it stands in the request.
func newDraft(path string, n *productv1.NewProduct) (draft, error) {
	metadata, err := metadataOf(path+".metadata", n.GetMetadata())
	if err != nil {
		return draft{}, err
	}
	sku, name, description, price := n.GetSku(), n.GetName(), n.GetDescription(), n.GetPrice()
	currency, stock, status := n.GetCurrency(), n.GetStock(), n.GetStatus()
	if currency == "" {
		currency = usualCurrency
	}
	if status == "" {
		status = usualStatus
	}
	return draft{
		sku: &sku, name: &name, description: &description, price: &price,
		currency: &currency, stock: &stock, status: &status, metadata: metadata,
	}, nil
}

// Create makes a product.
func (s *Service) Create(ctx context.Context, n *productv1.NewProduct) (*productv1.Product, error) {
	campaignID, err := campaign.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	d, err := newDraft("product", n)
	if err != nil {
		return nil, err
	}
	made, err := s.products.create(ctx, campaignID.Int64(), d)
	if err != nil {
		return nil, err
	}
	return made.message()
}

// UpsertMany makes or replaces products by SKU in one statement.
func (s *Service) UpsertMany(ctx context.Context, all []*productv1.NewProduct) ([]*productv1.BatchUpsertProductsResponse_Result, error) {
	campaignID, err := campaign.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	drafts := make([]draft, len(all))
	for i, n := range all {
		if drafts[i], err = newDraft(fmt.Sprintf("products[%d]", i), n); err != nil {
			return nil, err
		}
	}
	results, err := s.products.upsertMany(ctx, campaignID.Int64(), drafts)
	if err != nil {
		return nil, err
	}
	answers := make([]*productv1.BatchUpsertProductsResponse_Result, len(results))
	for i, r := range results {
		if !r.Active {
			return nil, wire.ErrArchived()
		}
		if r.ID == 0 {
			// Made just so by another call after this one began: it stands as given.
			found, err := s.products.getBySKU(ctx, campaignID.Int64(), all[i].GetSku())
			if err != nil {
				return nil, err
			}
			r.ID, r.Version = found.ID, found.Version
		}
		answers[i] = &productv1.BatchUpsertProductsResponse_Result{Id: r.ID, Version: r.Version, Outcome: outcome(r)}
	}
	return answers, nil
}

func outcome(r upserted) productv1.BatchUpsertProductsResponse_Outcome {
	switch {
	case r.Created:
		return productv1.BatchUpsertProductsResponse_OUTCOME_CREATED
	case r.Written:
		return productv1.BatchUpsertProductsResponse_OUTCOME_UPDATED
	default:
		return productv1.BatchUpsertProductsResponse_OUTCOME_UNCHANGED
	}
}

// Update changes a product of the given version.
func (s *Service) Update(ctx context.Context, r *productv1.UpdateProductRequest) (*productv1.Product, error) {
	campaignID, err := campaign.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	d := draft{
		sku: r.Sku, name: r.Name, description: r.Description, price: r.Price,
		currency: r.Currency, stock: r.Stock, status: r.Status,
	}
	if r.GetMetadata() != nil {
		if d.metadata, err = metadataOf("metadata", r.GetMetadata()); err != nil {
			return nil, err
		}
	}
	changed, err := s.products.update(ctx, campaignID.Int64(), r.GetId(), r.GetVersion(), d)
	if err != nil {
		return nil, err
	}
	return changed.message()
}

// Delete removes a product of the given version, or of any where version is 0.
func (s *Service) Delete(ctx context.Context, id, version int64) error {
	campaignID, err := campaign.FromContext(ctx)
	if err != nil {
		return err
	}
	return s.products.delete(ctx, campaignID.Int64(), id, version)
}
