package user

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/repository"
)

// users runs the SQL of users inside the campaign of the context: every statement
// has the campaign from row-level security and again from its own text.
type users struct{ repository.Repository }

// by reads one user by a condition on $2.
func by(condition string) func(display string) string {
	return func(display string) string {
		return `
SELECT` + columns(display) + `
FROM ovasabi.service_user_main AS u
WHERE u.campaign_id = $1::bigint
  AND ` + condition
	}
}

var (
	getByID = declare("get_by_id", by(`u.id = $2::bigint`)).Pipelined()

	// lower() of a column is not leakproof, so under row-level security its index is
	// not used and the plain side reads the campaign: the folded columns are found by theirs.
	getByUsername = declareTwin("get_by_username",
		by(`lower(u.username) = lower($2::text)`)(plainDisplay),
		by(`u.username_folded = lower($2::text)`)(computedDisplay))
	getByEmail = declareTwin("get_by_email",
		by(`lower(u.email) = lower($2::text)`)(plainDisplay),
		by(`u.email_folded = lower($2::text)`)(computedDisplay))

	// The ids of users by email, in the order of the emails; 0 where there is none. The
	// plain side reads the campaign once, the optimised one looks each email up; LIMIT
	// keeps the planner from making that one reading as well.
	findByEmail = declareTwin("find_by_email", `
SELECT coalesce(u.id, 0) AS id
FROM unnest($2::text[]) WITH ORDINALITY AS wanted (email, place)
LEFT JOIN ovasabi.service_user_main AS u
    ON u.campaign_id = $1::bigint
    AND lower(u.email) = lower(wanted.email)
ORDER BY wanted.place`, `
SELECT coalesce(found.id, 0) AS id
FROM unnest($2::text[]) WITH ORDINALITY AS wanted (email, place)
LEFT JOIN LATERAL (
    SELECT u.id
    FROM ovasabi.service_user_main AS u
    WHERE u.campaign_id = $1::bigint
      AND u.email_folded = lower(wanted.email)
    LIMIT 1
) AS found ON true
ORDER BY wanted.place`)

	getMany = declare("get_many", func(display string) string {
		return `
SELECT` + columns(display) + `
FROM unnest($2::bigint[]) WITH ORDINALITY AS wanted (id, place)
JOIN ovasabi.service_user_main AS u
    ON u.campaign_id = $1::bigint
    AND u.id = wanted.id
ORDER BY wanted.place`
	})

	// Ids grow with time. The primary key has them in order, whatever the status: a
	// rare one is looked for among all users. idx_users_campaign_newest has them in
	// order within each.
	listByStatus = declareList("list_by_status", `
SELECT`+columns(plainDisplay)+`
FROM ovasabi.service_user_main AS u
WHERE u.campaign_id = $1::bigint
  AND u.status = ANY ($2::text[])
  AND u.id < $3::bigint
ORDER BY u.id DESC
LIMIT $4::bigint`, `
SELECT`+rowColumns+`
FROM unnest($2::text[]) AS wanted (status)
CROSS JOIN LATERAL (
    SELECT`+columns(computedDisplay)+`
    FROM ovasabi.service_user_main AS u
    WHERE u.campaign_id = $1::bigint
      AND u.status = wanted.status
      AND u.id < $3::bigint
    ORDER BY u.id DESC
    LIMIT $4::bigint
) AS u
ORDER BY u.id DESC
LIMIT $4::bigint`)

	// idx_users_campaign_skip gives this order within the status, idx_users_campaign_login over all of them.
	listActive = declareList("list_active", active(plainDisplay), active(computedDisplay))
)

func active(display string) string {
	return `
SELECT` + columns(display) + `
FROM ovasabi.service_user_main AS u
WHERE u.campaign_id = $1::bigint
  AND u.status = 'active'
  AND u.last_login_at >= $2::timestamptz
  AND (u.last_login_at, u.id) < ($3::timestamptz, $4::bigint)
ORDER BY u.last_login_at DESC, u.id DESC
LIMIT $5::bigint`
}

func (r users) getByID(ctx context.Context, campaignID, id int64) (row, error) {
	return one(r.Query(ctx, getByID, campaignID, id))
}

func (r users) getByUsername(ctx context.Context, campaignID int64, username string) (row, error) {
	return one(r.Query(ctx, getByUsername, campaignID, username))
}

func (r users) getByEmail(ctx context.Context, campaignID int64, email string) (row, error) {
	return one(r.Query(ctx, getByEmail, campaignID, email))
}

func (r users) findByEmail(ctx context.Context, campaignID int64, emails []string) ([]int64, error) {
	rows, err := r.Query(ctx, findByEmail, campaignID, emails)
	if err != nil {
		return nil, fault.FromPostgres(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	return ids, fault.FromPostgres(err)
}

func (r users) getMany(ctx context.Context, campaignID int64, ids []int64) ([]row, error) {
	return all(r.Query(ctx, getMany, campaignID, ids))
}

func (r users) listByStatus(ctx context.Context, campaignID int64, statuses []string, before any, limit int) ([]row, error) {
	return all(r.Query(ctx, listByStatus, campaignID, statuses, before, limit))
}

func (r users) listActive(ctx context.Context, campaignID int64, since time.Time, at pgtype.Timestamptz, id int64, limit int) ([]row, error) {
	return all(r.Query(ctx, listActive, campaignID, since, at, id, limit))
}
