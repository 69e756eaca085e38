package user_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/pgtest/plantest"
	"github.com/ovasabi/ovasabi/internal/service/user"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// Finding a user, and a page of users, costs the same in a large campaign as in a
// small one: as the application's role, under row-level security, planned as it is for the application.
func TestFindingAUserCostsTheSameEverywhere(t *testing.T) {
	db := pgtest.New(t)
	_, err := db.Owner(t).Exec(t.Context(), `
INSERT INTO ovasabi.service_campaign_main (id, slug, name) VALUES (1, 'small', 'n'), (2, 'large', 'n');
INSERT INTO ovasabi.service_user_main (campaign_id, username, email, status, last_login_at)
SELECT c.id, 'User' || i, 'User' || i || '@Example.org', CASE WHEN i % 500 = 0 THEN 'suspended' ELSE 'active' END, timestamptz '2026-01-01' + i * interval '1 second'
FROM (VALUES (1, 4000), (2, 20000)) AS c (id, users)
CROSS JOIN LATERAL generate_series(1, c.users) AS i;
ANALYZE ovasabi.service_user_main`)
	require.NoError(t, err)
	cost := func(t *testing.T, id campaign.ID, of *twin.Twin, args ...any) plantest.Plan {
		t.Helper()
		return plantest.Explain(t, db.App(t), id, of, append([]any{id.Int64()}, args...)...)
	}
	emails := []string{"user5@example.org", "USER3000@example.org", "nobody@example.org"}
	for _, c := range []struct {
		twin  *twin.Twin
		index string
		most  int
		args  []any
	}{
		{user.GetByEmail, "idx_users_campaign_email", 6, []any{"uSER3000@example.ORG"}},
		{user.GetByUsername, "idx_users_campaign_username", 6, []any{"uSER3000"}},
		{user.FindByEmail, "idx_users_campaign_email", 6 * len(emails), []any{emails}},
		{user.ListByStatus, "idx_users_campaign_newest", 60, []any{[]string{"suspended"}, int64(1) << 62, 6}}, // one in 500
		{user.ListActive, "idx_users_campaign_login", 60, []any{"2026-01-01", "2026-01-01 01:00", int64(1) << 62, 51}},
	} {
		t.Run(c.twin.Name(), func(t *testing.T) {
			small, large := cost(t, 1, c.twin, c.args...), cost(t, 2, c.twin, c.args...)
			require.Contains(t, large.Text, c.index)
			require.LessOrEqual(t, small.Buffers, c.most, small.Text)
			require.LessOrEqual(t, large.Buffers, c.most, large.Text)
		})
	}
	// What the folded columns are for: the plain side reads every user of the campaign.
	plain := plantest.ExplainPlain(t, db.App(t), 2, user.GetByEmail, 2, emails[0])
	require.Greater(t, plain.Filtered, 19000, plain.Text)
}
