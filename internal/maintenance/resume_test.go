package maintenance_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/maintenance"
	"github.com/ovasabi/ovasabi/internal/pgtest"
)

// everything plants one of each kind of work.
func everything(t *testing.T, db *pgtest.DB) {
	t.Helper()
	dead(t, db)
	execute(t, db,
		`UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ovasabi.idx_users_campaign_skip'::regclass`,
		`CREATE INDEX half_ccnew ON ovasabi.service_user_main (campaign_id, status)`,
		`UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ovasabi.half_ccnew'::regclass`,
		calls, month(t, db, 0), month(t, db, 14))
	m, err := maintenance.Open(t.Context(), db.OwnerURL, config(), maintenance.Options{})
	require.NoError(t, err)
	defer m.Close() // whoever counts connections later
	for _, s := range []maintenance.Setting{
		{TableName: "ovasabi.call", PartitionsAhead: new(2), Retention: new(365 * 24 * time.Hour)},
		{TableName: "ovasabi.service_event", Retention: new(20 * 24 * time.Hour)},
		{CampaignID: 2, TableName: "ovasabi.service_event", Retention: new(30 * 24 * time.Hour), VacuumScaleFactor: new(0.02)},
	} {
		require.NoError(t, m.Set(t.Context(), s))
	}
	require.GreaterOrEqual(t, len(plan(t, m).Tasks), 9)
}

// A maintainer that is killed anywhere, again and again, comes to the same end as
// one that is not.
func TestAKilledMaintainerIsFinishedByTheNextOne(t *testing.T) {
	db := filled(t, 4)
	everything(t, db)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, seed))
	kills := 0
	for ; ; kills++ {
		require.Less(t, kills, 200, "it comes to no end")
		l := pgtest.NewLife(20 + random.IntN(40+5*kills))
		m, err := maintenance.Open(t.Context(), db.OwnerURL, config(), maintenance.WithDial(maintenance.Options{}, l.Dial))
		if err == nil {
			_, err = m.Run(t.Context())
			m.Close()
		}
		if err == nil {
			break
		}
		require.True(t, l.Over(), "it was not killed, and failed: %v", err)
		// A lease that was not given back would be waited for; what the server still does, as well.
		execute(t, db, `DELETE FROM ovasabi.maintenance_lease`)
		settled(t, func() bool {
			return value[int](t, db, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'ovasabi maintain'`) == 0
		})
	}
	t.Logf("killed %d times", kills)
	require.Positive(t, kills)
	last := open(t, db.OwnerURL, config(), maintenance.Options{})
	settled(t, func() bool {
		run(t, last) // what was skipped because the killed one's statement was still running
		return len(plan(t, last).Tasks) == 0
	})
	require.True(t, value[bool](t, db, `SELECT
		(SELECT bool_and(indisvalid) FROM pg_index)
		AND to_regclass('ovasabi.half_ccnew') IS NULL
		AND NOT EXISTS (SELECT FROM pg_class WHERE relname ~ '_cc(new|old)')
		AND to_regclass('ovasabi.call_14') IS NULL
		AND (SELECT count(*) = 3 FROM pg_inherits WHERE inhparent = 'ovasabi.call'::regclass)
		AND NOT EXISTS (SELECT FROM ovasabi.service_event WHERE occurred_at < now() - CASE WHEN campaign_id = 2 THEN interval '30 days 1 hour' ELSE interval '20 days 1 hour' END)`))
	require.Zero(t, value[int](t, db, `SELECT count(*) FROM ovasabi.maintenance_log WHERE outcome = 'running'`))
}

// A retention that was cut short between two batches goes on with the rest.
func TestARetentionGoesOnWhereItWasCutShort(t *testing.T) {
	db := filled(t, 0)
	execute(t, db, `INSERT INTO ovasabi.service_event (campaign_id, event_id, event_type, occurred_at) SELECT 3, 'old' || n, 'a:b:v1:success', '2020-01-01' FROM generate_series(1, 2500) AS n`, `VACUUM (ANALYZE) ovasabi.service_event`)
	m := open(t, db.OwnerURL, config(), maintenance.Options{})
	require.NoError(t, m.Set(t.Context(), maintenance.Setting{CampaignID: 3, TableName: "ovasabi.service_event", Retention: new(400 * 24 * time.Hour)}))
	ctx, cancel := context.WithCancel(t.Context())
	cut := open(t, db.OwnerURL, config(), maintenance.WithCheckpoint(maintenance.Options{}, func(name string) error {
		if name == "retention" {
			cancel()
		}
		return nil
	}))
	_, err := cut.Run(ctx)
	require.Error(t, err)
	left := `SELECT count(*) FROM ovasabi.service_event WHERE event_id LIKE 'old%'`
	require.Equal(t, 2500-maintenance.BatchSize, value[int](t, db, left))
	require.Equal(t, "true", value[string](t, db, `SELECT figures ->> 'cut_short' FROM ovasabi.maintenance_log WHERE outcome = 'failed'`))
	p := plan(t, m)
	require.True(t, slices.Contains(names(p), "retention ovasabi.service_event campaign 3"), "one that was cut short has not failed")
	run(t, m)
	require.Zero(t, value[int](t, db, left))
}
