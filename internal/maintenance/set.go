package maintenance

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Setting is what an operator sets for a table, or for one campaign in it; nil is not set.
type Setting struct {
	// CampaignID is 0 for every campaign that has no setting of its own.
	CampaignID int64 `json:"campaign_id"`
	// TableName holds the schema.
	TableName string `json:"table"`
	// Retention is the age at which rows go. At least an hour.
	Retention          *time.Duration `json:"retention_ns"`
	VacuumThreshold    *int           `json:"vacuum_threshold"`
	VacuumScaleFactor  *float64       `json:"vacuum_scale_factor"`
	AnalyzeThreshold   *int           `json:"analyze_threshold"`
	AnalyzeScaleFactor *float64       `json:"analyze_scale_factor"`
	PartitionsAhead    *int           `json:"partitions_ahead"`
	Reason             string         `json:"reason"`
}

func (m *Maintainer) check(ctx context.Context, s Setting) error {
	var kind, strategy string
	err := m.pool.QueryRow(ctx, `
SELECT
    coalesce((SELECT c.relkind::text FROM pg_catalog.pg_class AS c WHERE c.oid = to_regclass($1)), ''),
    coalesce((SELECT p.partstrat::text FROM pg_catalog.pg_partitioned_table AS p WHERE p.partrelid = to_regclass($1)), '')`, quotedName(s.TableName)).Scan(&kind, &strategy)
	byRange := strategy == "r"
	switch {
	case err != nil:
		return maintenanceFault(err)
	case kind != "r" && kind != "p":
		return fault.Field("table", "there is no table %s: name one with its schema, such as %s", s.TableName, events)
	case s.CampaignID < 0:
		return fault.Field("campaign", "must be a positive whole number, or 0 for all")
	case s.PartitionsAhead != nil && (!byRange || s.CampaignID != 0):
		return fault.Field("partitions-ahead", "is for a table in partitions by ranges of time as a whole; %s is none, or a campaign is named", s.TableName)
	case s.Retention != nil && s.TableName != events && (!byRange || s.CampaignID != 0):
		return fault.Field("retention", "is for %s, and for tables in partitions by ranges of time as a whole", events)
	case s.Retention != nil && *s.Retention < time.Hour:
		return fault.Field("retention", "must be at least 1h, not %s", *s.Retention)
	}
	return nil
}

// Set writes a setting down, whole, in the place of the one for the same table and
// campaign. Only the owner may.
func (m *Maintainer) Set(ctx context.Context, s Setting) error {
	if err := m.check(ctx, s); err != nil {
		return err
	}
	_, err := m.pool.Exec(ctx, `
INSERT INTO ovasabi.maintenance_setting AS s (
    campaign_id, table_name, retention, vacuum_threshold, vacuum_scale_factor,
    analyze_threshold, analyze_scale_factor, partitions_ahead, reason
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (campaign_id, table_name) DO UPDATE
SET retention = excluded.retention,
    vacuum_threshold = excluded.vacuum_threshold,
    vacuum_scale_factor = excluded.vacuum_scale_factor,
    analyze_threshold = excluded.analyze_threshold,
    analyze_scale_factor = excluded.analyze_scale_factor,
    partitions_ahead = excluded.partitions_ahead,
    reason = excluded.reason,
    updated_at = now(),
    updated_by = session_user`,
		s.CampaignID, s.TableName, s.Retention, s.VacuumThreshold, s.VacuumScaleFactor,
		s.AnalyzeThreshold, s.AnalyzeScaleFactor, s.PartitionsAhead, s.Reason)
	return maintenanceFault(err)
}

// Clear removes a setting; storage parameters that it led to stay until somebody resets them.
func (m *Maintainer) Clear(ctx context.Context, campaignID int64, table string) error {
	tag, err := m.pool.Exec(ctx, `DELETE FROM ovasabi.maintenance_setting WHERE campaign_id = $1 AND table_name = $2`, campaignID, table)
	if err == nil && tag.RowsAffected() == 0 {
		return fault.New(fault.NotFound, "nothing is set for campaign %d in %s: ovasabi maintain settings lists what is", campaignID, table)
	}
	return maintenanceFault(err)
}

// Settings lists what is set.
func (m *Maintainer) Settings(ctx context.Context) ([]Setting, error) {
	rows, err := m.pool.Query(ctx, `
SELECT
    s.campaign_id, s.table_name, s.retention, s.vacuum_threshold, s.vacuum_scale_factor,
    s.analyze_threshold, s.analyze_scale_factor, s.partitions_ahead, s.reason
FROM ovasabi.maintenance_setting AS s
ORDER BY s.table_name, s.campaign_id`)
	if err != nil {
		return nil, maintenanceFault(err)
	}
	settings, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Setting])
	return settings, maintenanceFault(err)
}
