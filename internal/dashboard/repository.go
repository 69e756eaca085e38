package dashboard

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// campaignRows is one campaign with what it holds.
type campaignRows struct {
	ID      int64
	Slug    string
	Name    string
	Status  string
	Content int64
	Users   int64
	Product int64
	Events  int64
}

// rowsSQL counts the rows of the first campaigns. Each count is an index-only
// scan of the campaign's part of a key.
const rowsSQL = `
SELECT
    c.id,
    c.slug,
    c.name,
    c.status,
    (SELECT count(*) FROM ovasabi.service_content_main AS t WHERE t.campaign_id = c.id) AS content,
    (SELECT count(*) FROM ovasabi.service_user_main AS t WHERE t.campaign_id = c.id) AS users,
    (SELECT count(*) FROM ovasabi.service_product_main AS t WHERE t.campaign_id = c.id) AS product,
    (SELECT count(*) FROM ovasabi.service_event AS t WHERE t.campaign_id = c.id) AS events
FROM ovasabi.service_campaign_main AS c
ORDER BY c.id
LIMIT $1::bigint`

// mostCampaigns bounds the campaigns of a page.
const mostCampaigns = 200

// repository is the page's own SQL; what services know is asked of them.
type repository struct{ scope *campaign.Scope }

func (r repository) rows(ctx context.Context, reason string) ([]campaignRows, error) {
	var found []campaignRows
	err := r.scope.AcrossCampaigns(ctx, reason, database.TxOptions{ReadOnly: true}, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, rowsSQL, mostCampaigns+1)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowToStructByName[campaignRows])
		return err
	})
	return found, fault.FromPostgres(err)
}

// rowCounts keeps the counts for a while: they are the same for every operator,
// each look is audited, and a large database is not to be counted again by every
// reload.
type rowCounts struct {
	repository repository
	mu         sync.Mutex
	at         time.Time
	rows       []campaignRows
}

const (
	// countsFor is how long counts are shown before they are taken again.
	countsFor = 30 * time.Second
	// countTimeout bounds the counting.
	countTimeout = 5 * time.Second
)

// get returns the counts and when they were taken. Readers that come while they
// are being taken wait for the same ones.
func (c *rowCounts) get(ctx context.Context, reason string) ([]campaignRows, time.Time, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.at) < countsFor {
		return c.rows, c.at, nil
	}
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	rows, err := c.repository.rows(ctx, reason)
	if err != nil {
		return nil, time.Time{}, err
	}
	c.rows, c.at = rows, time.Now()
	return rows, c.at, nil
}
