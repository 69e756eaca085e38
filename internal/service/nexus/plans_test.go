package nexus_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/pgtest/plantest"
	"github.com/ovasabi/ovasabi/internal/service/nexus"
)

// Events of some types, newest first: one search of idx_events_campaign_skip a
// type. The index has them by time, and only equal times are put in order of id.
func TestAPageByTypeIsOneSearchAType(t *testing.T) {
	db := pgtest.New(t)
	_, err := db.Owner(t).Exec(t.Context(), `
INSERT INTO ovasabi.service_campaign_main (id, slug, name) VALUES (1, 'one', 'one'), (2, 'two', 'two');
INSERT INTO ovasabi.service_event (campaign_id, event_id, event_type, entity_id, occurred_at)
SELECT c, 'e' || i, 'content:create:v1:' || CASE WHEN i % 5000 = 0 THEN 'completed' ELSE (ARRAY['requested', 'started', 'success', 'failed'])[1 + i % 4] END, 'x', timestamptz '2026-01-01' + i * interval '1 second'
FROM generate_series(1, 2) AS c
CROSS JOIN generate_series(1, 20000) AS i;`)
	require.NoError(t, err)
	_, err = db.Owner(t).Exec(t.Context(), `VACUUM ANALYZE ovasabi.service_event`)
	require.NoError(t, err)
	from, until := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, types := range [][]string{
		{"content:create:v1:success"},
		{"content:create:v1:success", "content:create:v1:failed"},
		{"content:create:v1:completed"}, // four events
	} {
		p := plantest.Explain(t, db.App(t), 1, nexus.ListByType, 1, from, until, until, int64(1)<<62, 20, types)
		require.Equal(t, []string{"idx_events_campaign_skip"}, p.Indexes, p.Text)
		require.Equal(t, len(types), p.Searches, p.Text)
		require.Less(t, p.Buffers, 40*len(types), p.Text)
	}
}
