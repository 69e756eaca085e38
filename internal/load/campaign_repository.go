package load

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// foundCampaign is a campaign as a load needs it.
type foundCampaign struct {
	Slug string
	ID   campaign.ID
	Name string
	// Archived campaigns are read-only.
	Archived bool
	// Value is what the campaign was made for by a load; empty where it was made otherwise.
	Value string
}

const campaignsBySlugSQL = `
SELECT
    d.slug,
    c.id,
    c.name,
    c.status = 'archived',
    CASE WHEN jsonb_typeof(c.metadata -> 'loaded_from') = 'string' THEN c.metadata ->> 'loaded_from' ELSE '' END
FROM ovasabi.campaign_directory AS d
JOIN ovasabi.service_campaign_main AS c ON c.id = d.campaign_id
WHERE d.slug = ANY ($1::text[])`

// In the order of slugs, so that two loads that make the same campaigns do not
// wait for each other in a circle.
const makeCampaignsSQL = `
WITH made AS (
    INSERT INTO ovasabi.service_campaign_main (slug, name, metadata)
    SELECT u.slug, u.name, jsonb_build_object('loaded_from', u.value)
    FROM unnest($1::text[], $2::text[], $3::text[]) AS u (slug, name, value)
    ORDER BY u.slug
    RETURNING id, slug
)
INSERT INTO ovasabi.campaign_directory (slug, campaign_id)
SELECT made.slug, made.id
FROM made
ORDER BY made.slug
RETURNING slug, campaign_id`

const campaignByIDSQL = `
SELECT c.slug, c.id, c.name, c.status = 'archived', ''
FROM ovasabi.service_campaign_main AS c
WHERE c.id = $1::bigint`

// campaignsBySlug runs inside a crossing.
func campaignsBySlug(ctx context.Context, tx pgx.Tx, slugs []string) (map[string]foundCampaign, error) {
	rows, err := tx.Query(ctx, campaignsBySlugSQL, slugs)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[foundCampaign])
	if err != nil {
		return nil, err
	}
	found := make(map[string]foundCampaign, len(list))
	for _, c := range list {
		found[c.Slug] = c
	}
	return found, nil
}

// makeCampaigns runs inside a crossing. A Conflict fault says that somebody else
// made one of them in this moment: look again.
func makeCampaigns(ctx context.Context, tx pgx.Tx, slugs, values []string) (map[string]campaign.ID, error) {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = campaignName(v)
	}
	rows, err := tx.Query(ctx, makeCampaignsSQL, slugs, names, values)
	if err != nil {
		return nil, err
	}
	ids := make(map[string]campaign.ID, len(slugs))
	var slug string
	var id int64
	_, err = pgx.ForEachRow(rows, []any{&slug, &id}, func() error {
		ids[slug] = campaign.ID(id)
		return nil
	})
	return ids, err
}

// campaignBySlug finds one campaign across all; nil where there is none.
func campaignBySlug(ctx context.Context, scope *campaign.Scope, slug string) (*foundCampaign, error) {
	var found *foundCampaign
	err := scope.AcrossCampaigns(ctx, "load: find the campaign of a slug", database.TxOptions{},
		func(ctx context.Context, tx pgx.Tx) error {
			list, err := campaignsBySlug(ctx, tx, []string{slug})
			if c, ok := list[slug]; ok {
				found = &c
			}
			return err
		})
	return found, err
}

// campaignByID reads one campaign from within; nil where there is none.
func campaignByID(ctx context.Context, scope *campaign.Scope, id campaign.ID) (*foundCampaign, error) {
	var c foundCampaign
	err := scope.QueryRow(campaign.NewContext(ctx, id), campaignByIDSQL, id.Int64()).
		Scan(&c.Slug, &c.ID, &c.Name, &c.Archived, &c.Value)
	if errors.Is(err, fault.NotFound) {
		return nil, nil //nolint:nilnil // nothing found is an answer
	}
	if err != nil {
		return nil, err
	}
	return &c, nil
}
