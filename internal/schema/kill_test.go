package schema_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/schema"
)

// errKilled is how a killed migrator ends, by its connections or between two steps.
var errKilled = pgtest.ErrKilled

// A migrator that is killed again and again, with clients at work, comes to its
// end all the same, up and down, and leaves nothing behind.
func TestAKilledMigratorIsFinishedByTheNextOne(t *testing.T) {
	db := pgtest.New(t, pgtest.Phase(int(schema.Foundation)))
	scope(t, db, 3)
	writeEvents(t, db, 3, 2000)
	writeContent(t, db, 3, 200)
	rows := checksum(t, db)
	four := 4
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, seed))
	kills := 0
	again := func(run func(m *schema.Migrator) error) {
		t.Helper()
		for {
			l := pgtest.NewLife(25 + random.IntN(110))
			m, err := schema.Open(db.OwnerURL, schema.WithDial(schema.Options{Partitions: &four}, l.Dial))
			require.NoError(t, err)
			err = run(m)
			m.Close()
			if err == nil && !l.Over() {
				return
			}
			require.True(t, l.Over(), "it was not killed, and failed: %v", err)
			kills++
			require.Less(t, kills, 400, "it comes to no end: %v", err)
		}
	}
	present := func() []string {
		require.Zero(t, value[int](t, db, `SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'ovasabi\_%'`))
		require.Zero(t, value[int](t, db, `SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'schema\_move%'`))
		m := migrator(t, db.OwnerURL, schema.Options{})
		s, err := m.Status(t.Context())
		require.NoError(t, err)
		require.Empty(t, s.Invalid)
		require.Empty(t, s.Drift)
		return objects(t, db)
	}
	foundation := present()
	m := migrator(t, db.OwnerURL, schema.Options{Partitions: &four})
	require.NoError(t, m.Up(t.Context(), schema.Latest()))
	newest := present()
	require.NoError(t, m.Down(t.Context(), schema.Foundation))

	tr := startTraffic(t, db, 2, 2)
	again(func(m *schema.Migrator) error { return m.Up(t.Context(), schema.Latest()) })
	require.Equal(t, newest, present())
	again(func(m *schema.Migrator) error { return m.Down(t.Context(), schema.Foundation) })
	require.Equal(t, foundation, present())
	tr.stopTraffic(t, db)
	exec(t, db, `DELETE FROM ovasabi.service_event WHERE event_id LIKE 'client%'`)
	require.Equal(t, rows, checksum(t, db))
	require.Greater(t, kills, 5)
	t.Logf("killed %d times", kills)
}
