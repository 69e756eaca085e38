package schema_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/schema"
)

var errKilled = errors.New("killed")

// life is that of a migrator process: it ends after so many messages to the
// server, and with it, at once and without a word, all of its connections. What
// the server was doing it goes on doing.
type life struct {
	mu    sync.Mutex
	left  int
	conns []net.Conn
}

func (l *life) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, conn)
	return &mortal{Conn: conn, life: l}, nil
}

// over reports whether it has ended.
func (l *life) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.left < 0
}

type mortal struct {
	net.Conn
	life *life
}

func (m *mortal) Write(b []byte) (int, error) {
	l := m.life
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left--; l.left < 0 {
		for _, conn := range l.conns {
			conn.Close()
		}
		return 0, errKilled
	}
	return m.Conn.Write(b)
}

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
			l := &life{left: 25 + random.IntN(110)}
			m, err := schema.Open(db.OwnerURL, schema.WithDial(schema.Options{Partitions: &four}, l.dial))
			require.NoError(t, err)
			err = run(m)
			m.Close()
			if err == nil && !l.over() {
				return
			}
			require.True(t, l.over(), "it was not killed, and failed: %v", err)
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
