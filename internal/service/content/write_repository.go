package content

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/internal/service/wire"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/repository"
)

// A write finds its campaign active in the statement itself: between a look and
// a write of its own the campaign could be archived.
var (
	create = repository.Declare("content.create", `
INSERT INTO ovasabi.service_content_main AS c
    (campaign_id, slug, title, body, tags, status, metadata)
SELECT
    owner.id,
    $2::text,
    $3::text,
    $4::text,
    $5::jsonb,
    $6::text,
    $7::jsonb
FROM ovasabi.service_campaign_main AS owner
WHERE owner.id = $1::bigint
  AND owner.status = 'active'
RETURNING`+columns("c.body"))

	// A slug that exists is found by the second part. The two together miss only a
	// row that another transaction commits meanwhile: the caller looks for it once more.
	createMany = repository.Declare("content.create_many", `
WITH given AS (
    SELECT
        g.slug,
        g.title,
        g.body,
        g.tags,
        g.status,
        g.metadata,
        g.place
    FROM unnest($2::text[], $3::text[], $4::text[], $5::jsonb[], $6::text[], $7::jsonb[])
        WITH ORDINALITY AS g (slug, title, body, tags, status, metadata, place)
),
made AS (
    INSERT INTO ovasabi.service_content_main AS c
        (campaign_id, slug, title, body, tags, status, metadata)
    SELECT
        owner.id,
        given.slug,
        given.title,
        given.body,
        given.tags,
        given.status,
        given.metadata
    FROM given
    JOIN ovasabi.service_campaign_main AS owner
        ON owner.id = $1::bigint
        AND owner.status = 'active'
    ORDER BY given.slug -- so that two batches do not lock each other out
    ON CONFLICT (campaign_id, slug) DO NOTHING
    RETURNING c.id, c.slug
)
SELECT
    coalesce(made.id, stood.id, 0) AS id,
    made.id IS NOT NULL AS created
FROM given
LEFT JOIN made ON made.slug = given.slug
LEFT JOIN ovasabi.service_content_main AS stood
    ON stood.campaign_id = $1::bigint
    AND stood.slug = given.slug
ORDER BY given.place`)

	update = repository.Declare("content.update", `
UPDATE ovasabi.service_content_main AS c
SET slug = coalesce($4::text, c.slug),
    title = coalesce($5::text, c.title),
    body = coalesce($6::text, c.body),
    tags = coalesce($7::jsonb, c.tags),
    status = coalesce($8::text, c.status),
    metadata = coalesce($9::jsonb, c.metadata),
    version = c.version + 1,
    updated_at = now()
FROM ovasabi.service_campaign_main AS owner
WHERE c.campaign_id = $1::bigint
  AND c.id = $2::bigint
  AND c.version = $3::bigint
  AND owner.id = $1::bigint
  AND owner.status = 'active'
RETURNING`+columns("c.body"))

	remove = repository.Declare("content.remove", `
DELETE FROM ovasabi.service_content_main AS c
USING ovasabi.service_campaign_main AS owner
WHERE c.campaign_id = $1::bigint
  AND c.id = $2::bigint
  AND ($3::bigint = 0 OR c.version = $3::bigint)
  AND owner.id = $1::bigint
  AND owner.status = 'active'`)

	// Says why a write touched no row.
	whyNot = repository.Declare("content.why_not", `
SELECT
    EXISTS (
        SELECT
        FROM ovasabi.service_campaign_main AS owner
        WHERE owner.id = $1::bigint
          AND owner.status = 'active'
    ) AS active,
    EXISTS (
        SELECT
        FROM ovasabi.service_content_main AS c
        WHERE c.campaign_id = $1::bigint
          AND c.id = $2::bigint
    ) AS there`)
)

// fields are the names under which a caller knows what the schema checks.
var fields = map[string]string{
	"service_content_main_slug_key":        "slug",
	"service_content_main_slug_length":     "slug",
	"service_content_main_title_length":    "title",
	"service_content_main_body_size":       "body",
	"service_content_main_status_known":    "status",
	"service_content_main_tags_array":      "tags",
	"service_content_main_metadata_object": "metadata",
}

// draft is a document to write, with its JSON ready. In an update nil keeps what there is.
type draft struct {
	slug, title, body *string
	tags              []byte
	status            *string
	metadata          []byte
}

func (r contents) create(ctx context.Context, campaignID int64, d draft) (row, error) {
	made, err := one(r.Query(ctx, create, campaignID, d.slug, d.title, d.body, d.tags, d.status, d.metadata))
	if errors.Is(err, fault.NotFound) {
		return row{}, wire.ErrArchived()
	}
	return made, wire.Named(err, fields)
}

// created says what became of one document of a batch; id 0 that it was made by somebody else a moment ago.
type created struct {
	ID      int64
	Created bool
}

func (r contents) createMany(ctx context.Context, campaignID int64, drafts []draft) ([]created, error) {
	n := len(drafts)
	slugs, titles, bodies, statuses := make([]*string, n), make([]*string, n), make([]*string, n), make([]*string, n)
	tags, metadata := make([][]byte, n), make([][]byte, n)
	for i, d := range drafts {
		slugs[i], titles[i], bodies[i], statuses[i] = d.slug, d.title, d.body, d.status
		tags[i], metadata[i] = d.tags, d.metadata
	}
	rows, err := r.Query(ctx, createMany, campaignID, slugs, titles, bodies, tags, statuses, metadata)
	if err != nil {
		return nil, wire.Named(err, fields)
	}
	results, err := pgx.CollectRows(rows, pgx.RowToStructByPos[created])
	return results, wire.Named(err, fields)
}

func (r contents) update(ctx context.Context, campaignID, id, version int64, d draft) (row, error) {
	changed, err := one(r.Query(ctx, update, campaignID, id, version, d.slug, d.title, d.body, d.tags, d.status, d.metadata))
	if errors.Is(err, fault.NotFound) {
		return row{}, r.whyNot(ctx, campaignID, id)
	}
	return changed, wire.Named(err, fields)
}

func (r contents) delete(ctx context.Context, campaignID, id, version int64) error {
	tag, err := r.Exec(ctx, remove, campaignID, id, version)
	if err == nil && tag.RowsAffected() == 0 {
		return r.whyNot(ctx, campaignID, id)
	}
	return wire.Named(err, fields)
}

func (r contents) whyNot(ctx context.Context, campaignID, id int64) error {
	var active, there bool
	if err := r.QueryRow(ctx, whyNot, campaignID, id).Scan(&active, &there); err != nil {
		return fault.FromPostgres(err)
	}
	return wire.WhyNot(active, there)
}
