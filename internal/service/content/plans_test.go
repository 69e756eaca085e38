package content_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/pgtest/plantest"
	"github.com/ovasabi/ovasabi/internal/service/content"
)

// The plan's FindContentByStatus: one search of idx_content_campaign_skip a status,
// and no more rows than the page wants of each.
func TestAPageByStatusIsOneSearchAStatus(t *testing.T) {
	db := pgtest.New(t)
	_, err := db.Owner(t).Exec(t.Context(), `
INSERT INTO ovasabi.service_campaign_main (id, slug, name) VALUES (1, 'one', 'one'), (2, 'two', 'two');
INSERT INTO ovasabi.service_content_main (campaign_id, slug, title, status, created_at)
SELECT c, 's' || i, 't', (ARRAY['draft', 'review', 'published', 'archived'])[1 + i % 4], timestamptz '2026-01-01' + i * interval '1 second'
FROM generate_series(1, 2) AS c
CROSS JOIN generate_series(1, 4000) AS i;`)
	require.NoError(t, err)
	_, err = db.Owner(t).Exec(t.Context(), `VACUUM ANALYZE ovasabi.service_content_main`)
	require.NoError(t, err)
	for _, statuses := range [][]string{{"published"}, {"draft", "published"}, {"draft", "review", "published", "archived"}} {
		p := plantest.Explain(t, db.App(t), 1, content.ListByStatus, 1, statuses, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), int64(1)<<62, 20, false)
		require.Equal(t, []string{"idx_content_campaign_skip"}, p.Indexes, p.Text)
		require.Equal(t, len(statuses), p.Searches, p.Text)
		require.Less(t, p.Buffers, 30*len(statuses), p.Text)
	}
}
