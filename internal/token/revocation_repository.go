package token

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// A minute and a day of slack: a clock may still take the token for valid.
const (
	listRevokedSQL = `
SELECT t.token_id
FROM ovasabi.revoked_token AS t
WHERE t.expires_at > now() - interval '1 minute'`

	insertRevokedSQL = `
INSERT INTO ovasabi.revoked_token (token_id, expires_at)
VALUES ($1, $2)
ON CONFLICT (token_id) DO NOTHING`

	purgeRevokedSQL = `
DELETE FROM ovasabi.revoked_token
WHERE expires_at < now() - interval '1 day'`
)

type revocationRepository struct{ db database.Querier }

func (r revocationRepository) list(ctx context.Context) ([]string, error) {
	rows, err := r.db.Query(ctx, listRevokedSQL)
	if err != nil {
		return nil, fault.FromPostgres(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return ids, fault.FromPostgres(err)
}

func (r revocationRepository) insert(ctx context.Context, id string, expires time.Time) error {
	_, err := r.db.Exec(ctx, insertRevokedSQL, id, expires)
	return fault.FromPostgres(err)
}

func (r revocationRepository) purge(ctx context.Context) error {
	_, err := r.db.Exec(ctx, purgeRevokedSQL)
	return fault.FromPostgres(err)
}
