package campaign

import (
	"time"

	"github.com/jackc/pgx/v5"

	campaignv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/campaign/v1"
	"github.com/ovasabi/ovasabi/internal/service/wire"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// row is a campaign as every statement returns it, in this order.
type row struct {
	ID                 int64
	Slug               string
	Name               string
	Status             string
	Metadata           []byte
	MaxConcurrency     *int32
	MaxRate            *float64
	StatementTimeoutMs *int32
	Version            int64
	CreatedAt          time.Time
	UpdatedAt          time.Time
}

const rowColumns = `
    c.id,
    c.slug,
    c.name,
    c.status,
    c.metadata,
    c.max_concurrency,
    c.max_rate,
    c.statement_timeout_ms,
    c.version,
    c.created_at,
    c.updated_at`

func (r row) message() (*campaignv1.Campaign, error) {
	metadata, err := wire.Struct(r.Metadata)
	if err != nil {
		return nil, err
	}
	return &campaignv1.Campaign{
		Id: r.ID, Slug: r.Slug, Name: r.Name, Status: r.Status, Metadata: metadata,
		Limits: &campaignv1.CampaignLimits{
			MaxConcurrency: r.MaxConcurrency, MaxRate: r.MaxRate, StatementTimeoutMs: r.StatementTimeoutMs,
		},
		Version:   r.Version,
		CreatedAt: wire.Timestamp(r.CreatedAt), UpdatedAt: wire.Timestamp(r.UpdatedAt),
	}, nil
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
