package schema_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/embedded"
	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/schema"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// TestAnAutovacuumStepsAside has an autovacuum at work that would take hours on a
// table which the migrator must have for itself.
func TestAnAutovacuumStepsAside(t *testing.T) {
	server := pgtest.Own(t, embedded.Options{
		Ephemeral: true, Log: slog.New(slog.DiscardHandler),
		Settings: map[string]string{"autovacuum_naptime": "1s", "shared_buffers": "16MB"},
	})
	conn, err := pgx.Connect(t.Context(), server.URL(server.Superuser(), "postgres"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(t.Context())) })
	exec := func(sql string) error {
		_, err := conn.Exec(t.Context(), sql)
		return err
	}
	m := migrator(t, server.URL(server.Superuser(), "postgres"), schema.Options{Patience: time.Minute})
	require.NoError(t, m.Up(t.Context(), schema.Foundation))
	require.NoError(t, exec(`
INSERT INTO ovasabi.service_campaign_main (slug, name)
VALUES ('one', 'One');
INSERT INTO ovasabi.service_content_main (campaign_id, slug, title, body)
SELECT 1, 'document-' || n, 'A document', repeat(n::text, 200)
FROM generate_series(1, 20000) AS n;
ALTER TABLE ovasabi.service_content_main SET (
    autovacuum_vacuum_insert_threshold = 1,
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_cost_delay = 100,
    autovacuum_vacuum_cost_limit = 1
)`))
	at := func() (pid int) {
		require.NoError(t, conn.QueryRow(t.Context(), `
SELECT coalesce(max(pid), 0)
FROM pg_catalog.pg_stat_progress_vacuum
WHERE relid = 'ovasabi.service_content_main'::regclass`).Scan(&pid))
		return pid
	}
	var worker int
	require.Eventually(t, func() bool { worker = at(); return worker > 0 }, time.Minute, 50*time.Millisecond)

	// As long as a statement of a migrator waits, somebody else waits in vain.
	require.NoError(t, exec(`SET lock_timeout = '500ms'`))
	err = exec(`ALTER TABLE ovasabi.service_content_main ADD COLUMN in_vain int`)
	pg, ok := errors.AsType[*pgconn.PgError](err)
	require.True(t, ok, err)
	require.Equal(t, fault.CodeLockNotAvailable, pg.Code)
	require.Equal(t, worker, at())

	require.NoError(t, m.Up(t.Context(), schema.Latest()))
	require.NotEqual(t, worker, at())
	s, err := m.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, schema.Latest(), s.Phase)
}
