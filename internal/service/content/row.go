package content

import (
	"time"

	"github.com/jackc/pgx/v5"

	contentv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/content/v1"
	"github.com/ovasabi/ovasabi/internal/service/wire"
)

// row is a document as every statement returns it, in this order.
type row struct {
	CampaignID int64
	ID         int64
	Slug       string
	Title      string
	Body       string
	BodyBytes  int32
	Tags       wire.Tags
	Status     string
	Metadata   []byte
	Version    int64
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// columns returns row's columns of the table under an alias c; body is the
// expression for the text, which lists leave out.
func columns(body string) string {
	return `
    c.campaign_id,
    c.id,
    c.slug,
    c.title,
    ` + body + ` AS body,
    octet_length(c.body) AS body_bytes,
    c.tags,
    c.status,
    c.metadata,
    c.version,
    c.created_at,
    c.updated_at`
}

// rowColumns are the same of a subquery that has them by name.
const rowColumns = `
    c.campaign_id,
    c.id,
    c.slug,
    c.title,
    c.body,
    c.body_bytes,
    c.tags,
    c.status,
    c.metadata,
    c.version,
    c.created_at,
    c.updated_at`

func scanRow(r pgx.CollectableRow) (row, error) { return pgx.RowToStructByPos[row](r) }

func (r row) message() (*contentv1.Content, error) {
	metadata, err := wire.Struct(r.Metadata)
	if err != nil {
		return nil, err
	}
	return &contentv1.Content{
		Id: r.ID, CampaignId: r.CampaignID, Slug: r.Slug, Title: r.Title,
		Body: r.Body, BodyBytes: r.BodyBytes, Tags: r.Tags, Status: r.Status,
		Metadata: metadata, Version: r.Version,
		CreatedAt: wire.Timestamp(r.CreatedAt), UpdatedAt: wire.Timestamp(r.UpdatedAt),
	}, nil
}

func messages(rows []row) ([]*contentv1.Content, error) {
	all := make([]*contentv1.Content, len(rows))
	for i, r := range rows {
		m, err := r.message()
		if err != nil {
			return nil, err
		}
		all[i] = m
	}
	return all, nil
}
