package campaign_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

func TestTheGuardPassesOurOwnSchema(t *testing.T) {
	db := pgtest.New(t)
	require.NoError(t, campaign.CheckGuard(t.Context(), db.App(t), campaign.Guard{}))
}

// Each gap is made by hand on a good schema, and the guard names it.
func TestTheGuardNamesEveryGap(t *testing.T) {
	for name, gap := range map[string]struct{ sql, want string }{
		"row-level security switched off": {
			`ALTER TABLE ovasabi.service_event DISABLE ROW LEVEL SECURITY`,
			"table ovasabi.service_event has no row-level security",
		},
		"not forced on the owner": {
			`ALTER TABLE ovasabi.service_event NO FORCE ROW LEVEL SECURITY`,
			"table ovasabi.service_event does not force",
		},
		"policy dropped": {
			`DROP POLICY campaign_scope ON ovasabi.service_user_main`,
			"table ovasabi.service_user_main has no policy",
		},
		"policy with a way around": {
			`ALTER POLICY campaign_scope ON ovasabi.service_user_main USING (true OR campaign_id = NULLIF(current_setting('app.campaign_id', true), '')::bigint)`,
			"policy campaign_scope on ovasabi.service_user_main may let",
		},
		"second policy that lets all through": {
			`CREATE POLICY readable ON ovasabi.service_user_main FOR SELECT USING (true)`,
			"policy readable on ovasabi.service_user_main may let",
		},
		"policy that checks reads and not writes": {
			`ALTER POLICY campaign_scope ON ovasabi.service_user_main WITH CHECK (true)`,
			"policy campaign_scope on ovasabi.service_user_main may let",
		},
		"unique key without the campaign": {
			`CREATE UNIQUE INDEX leaky ON ovasabi.service_user_main (email)`,
			"index ovasabi.leaky on ovasabi.service_user_main is unique without",
		},
		"foreign key without the campaign": {
			`ALTER TABLE ovasabi.service_event ADD COLUMN other bigint REFERENCES ovasabi.service_campaign_main (id)`,
			"service_event refers to another table without holding the campaign",
		},
		"new table without policies": {
			`CREATE TABLE ovasabi.service_note (campaign_id bigint NOT NULL)`,
			"table ovasabi.service_note has no row-level security",
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := pgtest.New(t)
			_, err := db.Owner(t).Exec(t.Context(), gap.sql)
			require.NoError(t, err)
			err = campaign.CheckGuard(t.Context(), db.App(t), campaign.Guard{})
			require.ErrorIs(t, err, fault.Denied)
			require.ErrorContains(t, err, gap.want)
		})
	}
}

func TestTheGuardRefusesAnOwnerAndASuperuser(t *testing.T) {
	db := pgtest.New(t)
	err := campaign.CheckGuard(t.Context(), db.Owner(t), campaign.Guard{})
	require.ErrorIs(t, err, fault.Denied)
	require.ErrorContains(t, err, "is a superuser")
	require.ErrorContains(t, err, "connect as a role that owns no table")
	gaps, err := campaign.Gaps(t.Context(), db.Owner(t), campaign.Guard{})
	require.NoError(t, err)
	require.Contains(t, gaps, campaign.Gap{Object: "table ovasabi.service_event", Problem: "belongs to the application's role, which could switch its policies off"})
}

func TestTheGuardRefusesADatabaseWithoutCampaigns(t *testing.T) {
	db := pgtest.New(t, pgtest.Empty())
	require.ErrorContains(t, campaign.CheckGuard(t.Context(), db.Owner(t), campaign.Guard{}), "holds no campaign table")
}
