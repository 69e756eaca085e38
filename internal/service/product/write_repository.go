package product

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/internal/service/wire"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/repository"
)

// A write finds its campaign active in the statement itself.
var (
	// Not a twin: what a statement that gives ids returns cannot be proven the same
	// twice. The schema's own column is read from the next call on.
	create = repository.Declare("product.create", `
INSERT INTO ovasabi.service_product_main AS p
    (campaign_id, sku, name, description, price, currency, stock, status, metadata)
SELECT
    owner.id,
    $2::text,
    $3::text,
    $4::text,
    $5::numeric,
    $6::text,
    $7::integer,
    $8::text,
    $9::jsonb
FROM ovasabi.service_campaign_main AS owner
WHERE owner.id = $1::bigint
  AND owner.status = 'active'
RETURNING`+columns(plainWithTax))

	update = declare("update", func(withTax string) string {
		return `
UPDATE ovasabi.service_product_main AS p
SET sku = coalesce($4::text, p.sku),
    name = coalesce($5::text, p.name),
    description = coalesce($6::text, p.description),
    price = coalesce($7::numeric, p.price),
    currency = coalesce($8::text, p.currency),
    stock = coalesce($9::integer, p.stock),
    status = coalesce($10::text, p.status),
    metadata = coalesce($11::jsonb, p.metadata),
    version = p.version + 1,
    updated_at = now()
FROM ovasabi.service_campaign_main AS owner
WHERE p.campaign_id = $1::bigint
  AND p.id = $2::bigint
  AND p.version = $3::bigint
  AND owner.id = $1::bigint
  AND owner.status = 'active'
RETURNING` + columns(withTax)
	})
)

var (
	// A product that stands as given is not touched, so it is not returned by the
	// insert and is found by the join. old is NULL for a row that was made.
	upsertMany = repository.Declare("product.upsert_many", `
WITH given AS (
    SELECT
        g.sku,
        g.name,
        g.description,
        g.price,
        g.currency,
        g.stock,
        g.status,
        g.metadata,
        g.place
    FROM unnest($2::text[], $3::text[], $4::text[], $5::numeric[], $6::text[], $7::integer[], $8::text[], $9::jsonb[])
        WITH ORDINALITY AS g (sku, name, description, price, currency, stock, status, metadata, place)
),
written AS (
    INSERT INTO ovasabi.service_product_main AS p
        (campaign_id, sku, name, description, price, currency, stock, status, metadata)
    SELECT
        owner.id,
        given.sku,
        given.name,
        given.description,
        given.price,
        given.currency,
        given.stock,
        given.status,
        given.metadata
    FROM given
    JOIN ovasabi.service_campaign_main AS owner
        ON owner.id = $1::bigint
        AND owner.status = 'active'
    ORDER BY given.sku -- so that two batches do not lock each other out
    ON CONFLICT (campaign_id, sku) DO UPDATE
    SET name = excluded.name,
        description = excluded.description,
        price = excluded.price,
        currency = excluded.currency,
        stock = excluded.stock,
        status = excluded.status,
        metadata = excluded.metadata,
        version = p.version + 1,
        updated_at = now()
    WHERE (p.name, p.description, p.price, p.currency, p.stock, p.status, p.metadata)
        IS DISTINCT FROM
        (excluded.name, excluded.description, excluded.price, excluded.currency, excluded.stock, excluded.status, excluded.metadata)
    RETURNING p.id, p.sku, p.version, old.id IS NULL AS created
)
SELECT
    coalesce(written.id, stood.id, 0) AS id,
    coalesce(written.version, stood.version, 0) AS version,
    coalesce(written.created, false) AS created,
    written.id IS NOT NULL AS written,
    EXISTS (
        SELECT
        FROM ovasabi.service_campaign_main AS owner
        WHERE owner.id = $1::bigint
          AND owner.status = 'active'
    ) AS active
FROM given
LEFT JOIN written ON written.sku = given.sku
LEFT JOIN ovasabi.service_product_main AS stood
    ON stood.campaign_id = $1::bigint
    AND stood.sku = given.sku
ORDER BY given.place`)

	remove = repository.Declare("product.remove", `
DELETE FROM ovasabi.service_product_main AS p
USING ovasabi.service_campaign_main AS owner
WHERE p.campaign_id = $1::bigint
  AND p.id = $2::bigint
  AND ($3::bigint = 0 OR p.version = $3::bigint)
  AND owner.id = $1::bigint
  AND owner.status = 'active'`)

	whyNot = repository.Declare("product.why_not", `
SELECT
    EXISTS (
        SELECT
        FROM ovasabi.service_campaign_main AS owner
        WHERE owner.id = $1::bigint
          AND owner.status = 'active'
    ) AS active,
    EXISTS (
        SELECT
        FROM ovasabi.service_product_main AS p
        WHERE p.campaign_id = $1::bigint
          AND p.id = $2::bigint
    ) AS there`)
)

// fields are the names under which a caller knows what the schema checks.
var fields = map[string]string{
	"service_product_main_sku_key":         "sku",
	"service_product_main_sku_length":      "sku",
	"service_product_main_name_length":     "name",
	"service_product_main_price_range":     "price",
	"service_product_main_currency_form":   "currency",
	"service_product_main_stock_range":     "stock",
	"service_product_main_status_known":    "status",
	"service_product_main_metadata_object": "metadata",
}

// draft is a product to write, with its JSON ready. In an update nil keeps what there is.
type draft struct {
	sku, name, description, price, currency *string
	stock                                   *int32
	status                                  *string
	metadata                                []byte
}

func (r products) create(ctx context.Context, campaignID int64, d draft) (row, error) {
	made, err := one(r.Query(ctx, create, campaignID,
		d.sku, d.name, d.description, d.price, d.currency, d.stock, d.status, d.metadata))
	if errors.Is(err, fault.NotFound) {
		return row{}, wire.ErrArchived()
	}
	return made, wire.Named(err, fields)
}

// upserted says what became of one product of a batch.
type upserted struct {
	ID      int64
	Version int64
	Created bool
	Written bool
	Active  bool // the campaign, the same in every row
}

func (r products) upsertMany(ctx context.Context, campaignID int64, drafts []draft) ([]upserted, error) {
	n := len(drafts)
	skus, names, descriptions, prices := make([]*string, n), make([]*string, n), make([]*string, n), make([]*string, n)
	currencies, stocks, statuses, metadata := make([]*string, n), make([]*int32, n), make([]*string, n), make([][]byte, n)
	for i, d := range drafts {
		skus[i], names[i], descriptions[i], prices[i] = d.sku, d.name, d.description, d.price
		currencies[i], stocks[i], statuses[i], metadata[i] = d.currency, d.stock, d.status, d.metadata
	}
	rows, err := r.Query(ctx, upsertMany, campaignID, skus, names, descriptions, prices, currencies, stocks, statuses, metadata)
	if err != nil {
		return nil, wire.Named(err, fields)
	}
	results, err := pgx.CollectRows(rows, pgx.RowToStructByPos[upserted])
	return results, wire.Named(err, fields)
}

func (r products) update(ctx context.Context, campaignID, id, version int64, d draft) (row, error) {
	changed, err := one(r.Query(ctx, update, campaignID, id, version,
		d.sku, d.name, d.description, d.price, d.currency, d.stock, d.status, d.metadata))
	if errors.Is(err, fault.NotFound) {
		return row{}, r.whyNot(ctx, campaignID, id)
	}
	return changed, wire.Named(err, fields)
}

func (r products) delete(ctx context.Context, campaignID, id, version int64) error {
	tag, err := r.Exec(ctx, remove, campaignID, id, version)
	if err == nil && tag.RowsAffected() == 0 {
		return r.whyNot(ctx, campaignID, id)
	}
	return wire.Named(err, fields)
}

func (r products) whyNot(ctx context.Context, campaignID, id int64) error {
	var active, there bool
	if err := r.QueryRow(ctx, whyNot, campaignID, id).Scan(&active, &there); err != nil {
		return fault.FromPostgres(err)
	}
	return wire.WhyNot(active, there)
}
