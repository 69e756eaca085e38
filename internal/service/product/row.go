package product

import (
	"time"

	"github.com/jackc/pgx/v5"

	productv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/product/v1"
	"github.com/ovasabi/ovasabi/internal/service/wire"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/repository"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// row is a product as every statement returns it, in this order. Prices are text.
type row struct {
	CampaignID   int64
	ID           int64
	SKU          string
	Name         string
	Description  string
	Price        string
	Currency     string
	PriceWithTax string
	Stock        int32
	Status       string
	Metadata     []byte
	Version      int64
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// columns returns row's columns of the table under an alias p; withTax is the
// expression for the price with tax.
func columns(withTax string) string {
	return `
    p.campaign_id,
    p.id,
    p.sku,
    p.name,
    p.description,
    p.price::text AS price,
    p.currency,
    (` + withTax + `)::text AS price_with_tax,
    p.stock,
    p.status,
    p.metadata,
    p.version,
    p.created_at,
    p.updated_at`
}

// rowColumns are row's columns of a subquery that is made of columns, under the alias p.
const rowColumns = `
    p.campaign_id,
    p.id,
    p.sku,
    p.name,
    p.description,
    p.price,
    p.currency,
    p.price_with_tax,
    p.stock,
    p.status,
    p.metadata,
    p.version,
    p.created_at,
    p.updated_at`

const (
	// plainWithTax is what the schema's price_with_tax_virtual computes, from the base
	// columns: what is no rate counts as 0, so that no row is unreadable.
	plainWithTax = `(
        p.price * (
            1 + CASE
                WHEN (p.metadata ->> 'tax_rate') ~ '^[0-9](\.[0-9]{1,100})?$'
                THEN (p.metadata ->> 'tax_rate')::numeric
                ELSE 0
            END
        )
    )::numeric(12, 2)`
	computedWithTax = `p.price_with_tax_virtual`
)

// declare pairs a statement that spells the price with tax out with the one that
// reads the column which the schema computes.
func declare(name string, sql func(withTax string) string) *repository.Declaration {
	return declareTwin(name, sql(plainWithTax), sql(computedWithTax))
}

func declareTwin(name, plain, optimised string) *repository.Declaration {
	return repository.DeclareTwin(twin.Declare("product."+name, twin.Pair{Plain: plain, Optimised: optimised}))
}

// declareList declares a page of a list between two prices. It is planned for its
// values: not knowing the prices the server takes them for close together, and sorts
// all products of a status for a page of the newest.
func declareList(name, plain, optimised string) *repository.Declaration {
	return repository.DeclareTwin(twin.Declare("product."+name, twin.Pair{Plain: plain, Optimised: optimised, PlanMode: database.CustomPlan}))
}

func (r row) message() (*productv1.Product, error) {
	metadata, err := wire.Struct(r.Metadata)
	if err != nil {
		return nil, err
	}
	return &productv1.Product{
		Id: r.ID, CampaignId: r.CampaignID, Sku: r.SKU, Name: r.Name, Description: r.Description,
		Price: r.Price, Currency: r.Currency, PriceWithTax: r.PriceWithTax, Stock: r.Stock, Status: r.Status,
		Metadata: metadata, Version: r.Version,
		CreatedAt: wire.Timestamp(r.CreatedAt), UpdatedAt: wire.Timestamp(r.UpdatedAt),
	}, nil
}

func messages(rows []row) ([]*productv1.Product, error) {
	all := make([]*productv1.Product, len(rows))
	for i, r := range rows {
		m, err := r.message()
		if err != nil {
			return nil, err
		}
		all[i] = m
	}
	return all, nil
}

func all(rows pgx.Rows, err error) ([]row, error) {
	if err != nil {
		return nil, fault.FromPostgres(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	return found, fault.FromPostgres(err)
}

func one(rows pgx.Rows, err error) (row, error) {
	if err != nil {
		return row{}, fault.FromPostgres(err)
	}
	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[row])
	return found, fault.FromPostgres(err)
}
