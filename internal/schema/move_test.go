package schema_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/schema"
)

func partitions(n int) schema.Options { return schema.Options{Partitions: &n} }

func TestEventsArePartitionedAndMadePlainAgain(t *testing.T) {
	db := pgtest.New(t)
	scope(t, db, 20)
	writeEvents(t, db, 20, 2500)
	before := objects(t, db)
	rows := checksum(t, db)
	o := partitions(8)
	o.Progress = func(line string) { t.Log(line) }
	m := migrator(t, db.OwnerURL, o)
	require.NoError(t, m.Up(t.Context(), schema.Latest()))
	require.Equal(t, rows, checksum(t, db))
	require.Equal(t, 8, value[int](t, db, `SELECT count(*) FROM pg_inherits WHERE inhparent = 'ovasabi.service_event'::regclass`))
	s, err := m.Status(t.Context())
	require.NoError(t, err)
	require.Empty(t, s.Drift)
	require.Empty(t, s.Invalid)
	require.NoError(t, migrator(t, db.OwnerURL, partitions(0)).Up(t.Context(), schema.Latest()))
	require.Equal(t, rows, checksum(t, db))
	require.Equal(t, before, objects(t, db))
}

// From phase 1 to the newest and back, twice partitioned, with clients at work: no
// request fails, and no row is lost, doubled or stale.
func TestEveryPhaseGoesUpAndDownUnderTraffic(t *testing.T) {
	db := pgtest.New(t, pgtest.Phase(int(schema.Foundation)))
	scope(t, db, 4)
	writeEvents(t, db, 4, 10_000)
	writeContent(t, db, 4, 500)
	rows := checksum(t, db)
	tr := startTraffic(t, db, 6, 3) // the fourth campaign stays as it is
	for _, n := range []int{4, 3} {
		o := partitions(n)
		o.Progress = lines(t)
		m := migrator(t, db.OwnerURL, o)
		require.NoError(t, m.Up(t.Context(), schema.Latest()))
		require.Equal(t, n, value[int](t, db, `SELECT count(*) FROM pg_inherits WHERE inhparent = 'ovasabi.service_event'::regclass`))
		require.NoError(t, m.Down(t.Context(), schema.Foundation))
	}
	tr.stopTraffic(t, db)
	exec(t, db, `DELETE FROM ovasabi.service_event WHERE event_id LIKE 'client%'`)
	require.Equal(t, rows, checksum(t, db))
}

// checksum is the number of events and a digest of what they hold.
func checksum(t testing.TB, db *pgtest.DB) string {
	t.Helper()
	return value[string](t, db, `
SELECT count(*) || ' ' || coalesce(sum(hashtextextended(concat_ws('|', campaign_id, id, event_id, event_type, entity_id, occurred_at, received_at, metadata, payload), 0)), 0)
FROM ovasabi.service_event`)
}
