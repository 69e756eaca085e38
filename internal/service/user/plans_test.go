package user_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/pgtest/plantest"
	"github.com/ovasabi/ovasabi/internal/service/user"
)

// Who was here last: idx_users_campaign_skip has them in that order.
func TestAPageOfTheActiveIsOneSearch(t *testing.T) {
	db := pgtest.New(t)
	_, err := db.Owner(t).Exec(t.Context(), `
INSERT INTO ovasabi.service_campaign_main (id, slug, name) VALUES (1, 'one', 'one'), (2, 'two', 'two');
INSERT INTO ovasabi.service_user_main (campaign_id, email, status, last_login_at)
SELECT c, i || '@example.com', (ARRAY['active', 'invited', 'suspended', 'deleted'])[1 + i % 4], timestamptz '2026-01-01' + i * interval '1 second'
FROM generate_series(1, 2) AS c
CROSS JOIN generate_series(1, 4000) AS i;`)
	require.NoError(t, err)
	_, err = db.Owner(t).Exec(t.Context(), `VACUUM ANALYZE ovasabi.service_user_main`)
	require.NoError(t, err)
	from, until := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	p := plantest.Explain(t, db.App(t), 1, user.ListActive, 1, from, until, int64(1)<<62, 20)
	require.Equal(t, []string{"idx_users_campaign_skip"}, p.Indexes, p.Text)
	require.Equal(t, 1, p.Searches, p.Text)
	require.NotContains(t, p.Nodes, "Sort", p.Text)
	require.Less(t, p.Buffers, 30, p.Text)
}
