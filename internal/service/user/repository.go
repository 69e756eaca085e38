package user

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

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
	getByID       = declare("get_by_id", by(`u.id = $2::bigint`))
	getByUsername = declare("get_by_username", by(`lower(u.username) = lower($2::text)`))
	getByEmail    = declare("get_by_email", by(`lower(u.email) = lower($2::text)`))

	getMany = declare("get_many", func(display string) string {
		return `
SELECT` + columns(display) + `
FROM unnest($2::bigint[]) WITH ORDINALITY AS wanted (id, place)
JOIN ovasabi.service_user_main AS u
    ON u.campaign_id = $1::bigint
    AND u.id = wanted.id
ORDER BY wanted.place`
	})

	// Ids grow with time, and the primary key has them in order; no index has users by time.
	listByStatus = declare("list_by_status", func(display string) string {
		return `
SELECT` + columns(display) + `
FROM ovasabi.service_user_main AS u
WHERE u.campaign_id = $1::bigint
  AND u.status = ANY ($2::text[])
  AND u.id < $3::bigint
ORDER BY u.id DESC
LIMIT $4::bigint`
	})

	// idx_users_campaign_skip (campaign_id, status, last_login_at, id) gives this order.
	listActive = declare("list_active", func(display string) string {
		return `
SELECT` + columns(display) + `
FROM ovasabi.service_user_main AS u
WHERE u.campaign_id = $1::bigint
  AND u.status = 'active'
  AND u.last_login_at >= $2::timestamptz
  AND (u.last_login_at, u.id) < ($3::timestamptz, $4::bigint)
ORDER BY u.last_login_at DESC, u.id DESC
LIMIT $5::bigint`
	})
)

func (r users) getByID(ctx context.Context, campaignID, id int64) (row, error) {
	return one(r.Query(ctx, getByID, campaignID, id))
}

func (r users) getByUsername(ctx context.Context, campaignID int64, username string) (row, error) {
	return one(r.Query(ctx, getByUsername, campaignID, username))
}

func (r users) getByEmail(ctx context.Context, campaignID int64, email string) (row, error) {
	return one(r.Query(ctx, getByEmail, campaignID, email))
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
