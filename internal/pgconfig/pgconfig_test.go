package pgconfig_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ovasabi/ovasabi/internal/embedded"
	"github.com/ovasabi/ovasabi/internal/pgconfig"
	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a server of one test and the folder around it. One that lasts can be started again.
type world struct {
	dir    string
	lasts  bool
	server *embedded.Server
}

func newWorld(t *testing.T) *world { t.Helper(); return makeWorld(t, false) }

func makeWorld(t *testing.T, lasts bool) *world {
	t.Helper()
	w := &world{dir: pgtest.Folder(t), lasts: lasts}
	w.start(t)
	t.Cleanup(func() { require.NoError(t, w.server.Stop(context.Background())) })
	return w
}

func (w *world) start(t *testing.T) {
	t.Helper()
	server, err := embedded.Start(context.Background(), embedded.Options{DataDir: filepath.Join(w.dir, "data"), Ephemeral: !w.lasts, Settings: map[string]string{"fsync": "off"}})
	require.NoError(t, err)
	w.server = server
}

func (w *world) restart(t *testing.T) {
	t.Helper()
	require.NoError(t, w.server.Stop(context.Background()))
	w.start(t)
}

func (w *world) connect(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), w.server.URL(w.server.Superuser(), "postgres"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func (w *world) autoConf(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, "data", "postgresql", "postgresql.auto.conf"))
	require.NoError(t, err)
	return string(text)
}

func (w *world) options() pgconfig.Options {
	return pgconfig.Options{StateFile: filepath.Join(w.dir, "state.json")}
}

func read(t *testing.T, conn *pgx.Conn) *pgconfig.Server {
	t.Helper()
	s, err := pgconfig.ReadServer(context.Background(), conn)
	require.NoError(t, err)
	return s
}

func show(t *testing.T, conn *pgx.Conn, name string) (value string) {
	t.Helper()
	require.NoError(t, conn.QueryRow(context.Background(), `SELECT current_setting($1)`, name).Scan(&value))
	return value
}

var four = pgconfig.Machine{MemoryBytes: 4 << 30, Cores: 2, Disk: pgconfig.SSD}

func render(t *testing.T, s *pgconfig.Server, overrides ...pgconfig.Override) pgconfig.Config {
	t.Helper()
	c, err := pgconfig.Render(four, pgconfig.OLTP, s, overrides...)
	require.NoError(t, err)
	return c
}

func TestApplyRestartRollback(t *testing.T) {
	w := makeWorld(t, true)
	ctx := context.Background()
	conn := w.connect(t)
	// Somebody has set things before: one that apply changes, and others around it.
	for _, text := range []string{
		`ALTER SYSTEM SET work_mem = '3MB'`, `ALTER SYSTEM SET max_wal_size = '3GB'`,
		`ALTER SYSTEM SET session_preload_libraries = 'pg_stat_statements', 'auto_explain'`, `ALTER SYSTEM SET app.note = 'it''s \ "here"'`,
		`SELECT pg_reload_conf()`,
	} {
		_, err := conn.PgConn().Exec(ctx, text).ReadAll()
		require.NoError(t, err, text)
	}
	before := w.autoConf(t)

	s := read(t, conn)
	require.True(t, s.Local)
	result, err := pgconfig.Apply(ctx, conn, s, render(t, s, pgconfig.Override{Name: "max_connections", Value: "90"}), w.options())
	require.NoError(t, err)
	require.Contains(t, result.Check, "an empty PostgreSQL "+s.Version+" was started with the whole configuration")
	require.Contains(t, result.Restart, "shared_buffers")
	require.Contains(t, result.Restart, "max_connections")
	require.NotContains(t, result.Restart, "work_mem")
	require.Equal(t, "4MB", show(t, conn, "work_mem"), "what needs no restart is in force")
	require.Equal(t, "256MB", show(t, conn, "shared_buffers"))

	w.restart(t)
	conn = w.connect(t)
	require.Equal(t, "1GB", show(t, conn, "shared_buffers"))
	require.Equal(t, "90", show(t, conn, "max_connections"))
	s = read(t, conn)
	for _, l := range render(t, s, pgconfig.Override{Name: "max_connections", Value: "90"}).Lines {
		require.False(t, l.Change, "%s is %s, not %s", l.Name, l.Current, l.Value)
	}
	again, err := pgconfig.Apply(ctx, conn, s, render(t, s, pgconfig.Override{Name: "max_connections", Value: "90"}), w.options())
	require.NoError(t, err)
	require.Empty(t, again.Changed)

	back, err := pgconfig.Rollback(ctx, conn, s, w.options())
	require.NoError(t, err)
	require.Contains(t, back.Restart, "shared_buffers")
	require.Empty(t, back.Kept)
	require.Equal(t, before, w.autoConf(t), "to the byte")
	require.Equal(t, "3MB", show(t, conn, "work_mem"))
	w.restart(t)
	conn = w.connect(t)
	require.Equal(t, "256MB", show(t, conn, "shared_buffers"))
	require.Equal(t, "200", show(t, conn, "max_connections"))

	_, err = pgconfig.Rollback(ctx, conn, read(t, conn), w.options())
	require.ErrorIs(t, err, fault.NotFound)
}

func TestWhatSomebodyChangedMeanwhileIsLeft(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	conn := w.connect(t)
	s := read(t, conn)
	_, err := pgconfig.Apply(ctx, conn, s, render(t, s), w.options())
	require.NoError(t, err)
	_, err = conn.Exec(ctx, `ALTER SYSTEM SET work_mem = '77MB'`)
	require.NoError(t, err)
	result, err := pgconfig.Rollback(ctx, conn, s, w.options())
	require.NoError(t, err)
	require.Equal(t, []string{"work_mem"}, result.Kept)
	require.Equal(t, "77MB", show(t, conn, "work_mem"))
	require.Equal(t, 3, strings.Count(w.autoConf(t), "\n"), w.autoConf(t))
}

func TestAServerThatWouldNotStartIsNotLeftBehind(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	conn := w.connect(t)
	s := read(t, conn)
	before := w.autoConf(t)
	for name, c := range map[string]struct {
		set  []pgconfig.Override
		want string
	}{
		"out of range":     {[]pgconfig.Override{{Name: "max_connections", Value: "-4"}}, "max_connections: must be from 1 to"},
		"a wrong unit":     {[]pgconfig.Override{{Name: "shared_buffers", Value: "12 apples"}}, "shared_buffers: has no unit"},
		"not in the build": {[]pgconfig.Override{{Name: "io_method", Value: "telepathy"}}, "io_method: must be one of"},
		"unknown":          {[]pgconfig.Override{{Name: "log_lock_failure", Value: "on"}}, "the server knows no setting"},
	} {
		_, err := pgconfig.Render(four, pgconfig.OLTP, s, c.set...)
		require.ErrorIs(t, err, fault.Invalid, name)
		require.Contains(t, err.Error(), c.want, name)
	}
	// Each value is well within its range, and ALTER SYSTEM would take them all.
	for name, set := range map[string][]pgconfig.Override{
		"more memory than there is":  {{Name: "shared_buffers", Value: "4000GB"}},
		"values that exclude others": {{Name: "wal_level", Value: "minimal"}, {Name: "max_wal_senders", Value: "10"}},
		"a library that is not":      {{Name: "shared_preload_libraries", Value: "pg_stat_statements, no_such_library"}},
		"nobody could connect":       {{Name: "max_connections", Value: "2"}, {Name: "superuser_reserved_connections", Value: "3"}},
	} {
		_, err := pgconfig.Apply(ctx, conn, s, render(t, s, set...), w.options())
		require.ErrorIs(t, err, fault.Invalid, name)
		require.Contains(t, err.Error(), "does not start", name)
	}
	require.Equal(t, before, w.autoConf(t))
	require.NoFileExists(t, w.options().StateFile)
}

// Where the programs are not at hand, the server's own reading of the files has the last word.
func TestARefusalIsTakenBack(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	conn := w.connect(t)
	before := w.autoConf(t)
	s := read(t, conn)
	s.Local = false
	config := render(t, s, pgconfig.Override{Name: "work_mem", Value: "5MB"}, pgconfig.Override{Name: "log_timezone", Value: "Nowhere/Land"})
	_, err := pgconfig.Apply(ctx, conn, s, config, w.options())
	require.ErrorIs(t, err, fault.Invalid)
	require.Contains(t, err.Error(), "log_timezone")
	require.Equal(t, before, w.autoConf(t))
	require.NoFileExists(t, w.options().StateFile)

	result, err := pgconfig.Apply(ctx, conn, s, render(t, s), w.options())
	require.NoError(t, err)
	require.Contains(t, result.Check, "no start was tried, because the server runs on another machine")
}

func TestARoleThatMayNot(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	conn := w.connect(t)
	s := read(t, conn)
	_, err := conn.PgConn().Exec(ctx, `CREATE ROLE little; GRANT pg_read_all_settings TO little; SET ROLE little`).ReadAll()
	require.NoError(t, err)
	little := read(t, conn)
	_, err = pgconfig.Apply(ctx, conn, little, render(t, s), w.options())
	require.ErrorIs(t, err, fault.Denied)
	require.Contains(t, err.Error(), "GRANT ALTER SYSTEM ON PARAMETER")
	require.Contains(t, err.Error(), "TO little")
}

func TestAStateOfAnotherClusterIsRefused(t *testing.T) {
	w := newWorld(t)
	conn := w.connect(t)
	require.NoError(t, os.WriteFile(w.options().StateFile, []byte(`{"system_identifier": "1", "changes": []}`), 0o600))
	_, err := pgconfig.Rollback(context.Background(), conn, read(t, conn), w.options())
	require.ErrorIs(t, err, fault.Invalid)
	require.Contains(t, err.Error(), "another cluster")
}
