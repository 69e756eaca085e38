package campaign

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ovasabi/ovasabi/internal/service/wire"
	scoped "github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

const (
	getSQL = `
SELECT` + rowColumns + `
FROM ovasabi.service_campaign_main AS c
WHERE c.id = $1::bigint`

	getByStatusSQL = getSQL + `
  AND ($2::text = '' OR c.status = $2::text)`

	listSQL = `
SELECT` + rowColumns + `
FROM ovasabi.service_campaign_main AS c
WHERE c.id > $1::bigint
  AND ($2::text = '' OR c.status = $2::text)
ORDER BY c.id
LIMIT $3::bigint`

	createSQL = `
WITH made AS (
    INSERT INTO ovasabi.service_campaign_main AS c
        (slug, name, metadata, max_concurrency, max_rate, statement_timeout_ms)
    VALUES ($1::text, $2::text, $3::jsonb, $4::integer, $5::double precision, $6::integer)
    RETURNING` + rowColumns + `
),
listed AS (
    INSERT INTO ovasabi.campaign_directory (slug, campaign_id)
    SELECT made.slug, made.id
    FROM made
)
SELECT` + rowColumns + `
FROM made AS c`

	updateSQL = `
UPDATE ovasabi.service_campaign_main AS c
SET name = coalesce($3::text, c.name),
    metadata = coalesce($4::jsonb, c.metadata),
    version = c.version + 1,
    updated_at = now()
WHERE c.id = $1::bigint
  AND c.version = $2::bigint
RETURNING` + rowColumns

	setLimitsSQL = `
UPDATE ovasabi.service_campaign_main AS c
SET max_concurrency = $3::integer,
    max_rate = $4::double precision,
    statement_timeout_ms = $5::integer,
    version = c.version + 1,
    updated_at = now()
WHERE c.id = $1::bigint
  AND c.version = $2::bigint
RETURNING` + rowColumns

	// A campaign that has the status already keeps its version.
	setStatusSQL = `
UPDATE ovasabi.service_campaign_main AS c
SET status = $2::text,
    version = c.version + (c.status <> $2::text)::integer,
    updated_at = CASE WHEN c.status = $2::text THEN c.updated_at ELSE now() END
WHERE c.id = $1::bigint
RETURNING` + rowColumns
)

// repository runs the SQL of campaigns, each through a Querier that is inside the
// campaign, or across campaigns for an operator.
type repository struct {
	scope  *scoped.Scope
	pool   *pgxpool.Pool
	engine scoped.Engine
}

// fields are the names under which a caller knows what the schema checks.
var fields = map[string]string{
	"campaign_directory_pkey":                 "slug",
	"service_campaign_main_slug_form":         "slug",
	"service_campaign_main_name_length":       "name",
	"service_campaign_main_metadata_object":   "metadata",
	"service_campaign_main_status_known":      "status",
	"service_campaign_main_max_rate_positive": "limits.max_rate",
}

// across runs fn with every campaign in sight, audited with the reason.
func (r repository) across(ctx context.Context, reason string, o database.TxOptions, fn func(ctx context.Context, db database.Querier) error) error {
	return r.scope.AcrossCampaigns(ctx, reason, o, func(ctx context.Context, tx pgx.Tx) error { return fn(ctx, tx) })
}

// getEach reads campaigns in one round trip, each inside its own scope. One that is gone is left out.
func (r repository) getEach(ctx context.Context, ids []scoped.ID, status string) ([]row, error) {
	b := &pgx.Batch{}
	for _, id := range ids {
		r.engine.Enter(b, id, scoped.Entry{})
		b.Queue(getByStatusSQL, id.Int64(), status)
	}
	results := r.pool.SendBatch(ctx, b)
	found, err := readEach(results, len(ids))
	return found, fault.FromPostgres(errors.Join(err, results.Close()))
}

func readEach(results pgx.BatchResults, n int) ([]row, error) {
	var found []row
	for range n {
		if _, err := results.Exec(); err != nil {
			return nil, err
		}
		rows, err := results.Query()
		if err != nil {
			return nil, err
		}
		some, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	return found, nil
}

func (repository) get(ctx context.Context, db database.Querier, id int64) (row, error) {
	return one(db.Query(ctx, getSQL, id))
}

func (repository) list(ctx context.Context, db database.Querier, after int64, status string, limit int) ([]row, error) {
	return all(db.Query(ctx, listSQL, after, status, limit))
}

func (repository) create(ctx context.Context, db database.Querier, n row) (row, error) {
	made, err := one(db.Query(ctx, createSQL, n.Slug, n.Name, n.Metadata, n.MaxConcurrency, n.MaxRate, n.StatementTimeoutMs))
	return made, wire.Named(err, fields)
}

func (r repository) update(ctx context.Context, db database.Querier, id, version int64, name *string, metadata []byte) (row, error) {
	changed, err := one(db.Query(ctx, updateSQL, id, version, name, metadata))
	return r.explain(ctx, db, id, changed, wire.Named(err, fields))
}

func (r repository) setLimits(ctx context.Context, db database.Querier, id, version int64, l row) (row, error) {
	changed, err := one(db.Query(ctx, setLimitsSQL, id, version, l.MaxConcurrency, l.MaxRate, l.StatementTimeoutMs))
	return r.explain(ctx, db, id, changed, wire.Named(err, fields))
}

func (repository) setStatus(ctx context.Context, db database.Querier, id int64, status string) (row, error) {
	return one(db.Query(ctx, setStatusSQL, id, status))
}

// explain tells a campaign that changed from one that is not there.
func (r repository) explain(ctx context.Context, db database.Querier, id int64, changed row, err error) (row, error) {
	if !errors.Is(err, fault.NotFound) {
		return changed, err
	}
	if _, err := r.get(ctx, db, id); err != nil {
		return row{}, err
	}
	return row{}, wire.ErrChanged()
}
