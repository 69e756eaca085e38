package user

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/internal/service/wire"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/repository"
)

// A write finds its campaign active in the statement itself. An empty username
// or name is NULL in the table: the schema computes the display name from what there is.
var (
	// Not a twin: what a statement that gives ids returns cannot be proven the same
	// twice. The schema's own column is read from the next call on.
	create = repository.Declare("user.create", `
INSERT INTO ovasabi.service_user_main AS u
    (campaign_id, username, email, first_name, last_name, status, metadata)
SELECT
    owner.id,
    nullif($2::text, ''),
    $3::text,
    nullif($4::text, ''),
    nullif($5::text, ''),
    $6::text,
    $7::jsonb
FROM ovasabi.service_campaign_main AS owner
WHERE owner.id = $1::bigint
  AND owner.status = 'active'
RETURNING`+columns(plainDisplay))

	update = declare("update", func(display string) string {
		return `
UPDATE ovasabi.service_user_main AS u
SET username = CASE WHEN $4::text IS NULL THEN u.username ELSE nullif($4::text, '') END,
    email = coalesce($5::text, u.email),
    first_name = CASE WHEN $6::text IS NULL THEN u.first_name ELSE nullif($6::text, '') END,
    last_name = CASE WHEN $7::text IS NULL THEN u.last_name ELSE nullif($7::text, '') END,
    status = coalesce($8::text, u.status),
    metadata = coalesce($9::jsonb, u.metadata),
    version = u.version + 1,
    updated_at = now()
FROM ovasabi.service_campaign_main AS owner
WHERE u.campaign_id = $1::bigint
  AND u.id = $2::bigint
  AND u.version = $3::bigint
  AND owner.id = $1::bigint
  AND owner.status = 'active'
RETURNING` + columns(display)
	})
)

var (
	// An email that exists is left alone, and has the id 0 in the answer. A new email
	// with a username that is taken meets the other unique index and fails the batch.
	createMany = repository.Declare("user.create_many", `
WITH given AS (
    SELECT
        nullif(g.username, '') AS username,
        g.email,
        nullif(g.first_name, '') AS first_name,
        nullif(g.last_name, '') AS last_name,
        g.status,
        g.metadata,
        g.place
    FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[])
        WITH ORDINALITY AS g (username, email, first_name, last_name, status, metadata, place)
),
made AS (
    INSERT INTO ovasabi.service_user_main AS u
        (campaign_id, username, email, first_name, last_name, status, metadata)
    SELECT
        owner.id,
        given.username,
        given.email,
        given.first_name,
        given.last_name,
        given.status,
        given.metadata
    FROM given
    JOIN ovasabi.service_campaign_main AS owner
        ON owner.id = $1::bigint
        AND owner.status = 'active'
    ORDER BY lower(given.email) -- so that two batches do not lock each other out
    ON CONFLICT (campaign_id, lower(email)) DO NOTHING
    RETURNING u.id, u.email
)
SELECT coalesce(made.id, 0) AS id
FROM given
LEFT JOIN made ON made.email = given.email
ORDER BY given.place`)

	remove = repository.Declare("user.remove", `
DELETE FROM ovasabi.service_user_main AS u
USING ovasabi.service_campaign_main AS owner
WHERE u.campaign_id = $1::bigint
  AND u.id = $2::bigint
  AND ($3::bigint = 0 OR u.version = $3::bigint)
  AND owner.id = $1::bigint
  AND owner.status = 'active'`)

	// The later of the two stands. greatest ignores NULL.
	recordLogin = repository.Declare("user.record_login", `
UPDATE ovasabi.service_user_main AS u
SET last_login_at = greatest(u.last_login_at, coalesce($3::timestamptz, now()))
FROM ovasabi.service_campaign_main AS owner
WHERE u.campaign_id = $1::bigint
  AND u.id = $2::bigint
  AND owner.id = $1::bigint
  AND owner.status = 'active'
RETURNING u.last_login_at`)

	whyNot = repository.Declare("user.why_not", `
SELECT
    EXISTS (
        SELECT
        FROM ovasabi.service_campaign_main AS owner
        WHERE owner.id = $1::bigint
          AND owner.status = 'active'
    ) AS active,
    EXISTS (
        SELECT
        FROM ovasabi.service_user_main AS u
        WHERE u.campaign_id = $1::bigint
          AND u.id = $2::bigint
    ) AS there`)
)

// fields are the names under which a caller knows what the schema checks.
var fields = map[string]string{
	"service_user_main_username_key":      "username",
	"service_user_main_username_length":   "username",
	"service_user_main_email_key":         "email",
	"service_user_main_email_form":        "email",
	"service_user_main_first_name_length": "first_name",
	"service_user_main_last_name_length":  "last_name",
	"service_user_main_status_known":      "status",
	"service_user_main_metadata_object":   "metadata",
}

// draft is a user to write, with its JSON ready. In an update nil keeps what there is.
type draft struct {
	username, email, firstName, lastName, status *string
	metadata                                     []byte
}

func (r users) create(ctx context.Context, campaignID int64, d draft) (row, error) {
	made, err := one(r.Query(ctx, create, campaignID, d.username, d.email, d.firstName, d.lastName, d.status, d.metadata))
	if errors.Is(err, fault.NotFound) {
		return row{}, wire.ErrArchived()
	}
	return made, wire.Named(err, fields)
}

// createMany returns the ids of the users that were made, in the order of the
// drafts; 0 where the email stood already, or the campaign is archived.
func (r users) createMany(ctx context.Context, campaignID int64, drafts []draft) ([]int64, error) {
	n := len(drafts)
	usernames, emails, firsts := make([]*string, n), make([]*string, n), make([]*string, n)
	lasts, statuses, metadata := make([]*string, n), make([]*string, n), make([][]byte, n)
	for i, d := range drafts {
		usernames[i], emails[i], firsts[i] = d.username, d.email, d.firstName
		lasts[i], statuses[i], metadata[i] = d.lastName, d.status, d.metadata
	}
	rows, err := r.Query(ctx, createMany, campaignID, usernames, emails, firsts, lasts, statuses, metadata)
	if err != nil {
		return nil, wire.Named(err, fields)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	return ids, wire.Named(err, fields)
}

func (r users) update(ctx context.Context, campaignID, id, version int64, d draft) (row, error) {
	changed, err := one(r.Query(ctx, update, campaignID, id, version, d.username, d.email, d.firstName, d.lastName, d.status, d.metadata))
	if errors.Is(err, fault.NotFound) {
		return row{}, r.whyNot(ctx, campaignID, id)
	}
	return changed, wire.Named(err, fields)
}

func (r users) delete(ctx context.Context, campaignID, id, version int64) error {
	tag, err := r.Exec(ctx, remove, campaignID, id, version)
	if err == nil && tag.RowsAffected() == 0 {
		return r.whyNot(ctx, campaignID, id)
	}
	return wire.Named(err, fields)
}

func (r users) recordLogin(ctx context.Context, campaignID, id int64, at *time.Time) (time.Time, error) {
	var stands time.Time
	err := fault.FromPostgres(r.QueryRow(ctx, recordLogin, campaignID, id, at).Scan(&stands))
	if errors.Is(err, fault.NotFound) {
		return stands, r.whyNot(ctx, campaignID, id)
	}
	return stands, err
}

func (r users) whyNot(ctx context.Context, campaignID, id int64) error {
	var active, there bool
	if err := r.QueryRow(ctx, whyNot, campaignID, id).Scan(&active, &there); err != nil {
		return fault.FromPostgres(err)
	}
	return wire.WhyNot(active, there)
}
