package doctor_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/doctor"
	"github.com/ovasabi/ovasabi/internal/embedded"
	"github.com/ovasabi/ovasabi/internal/pgconfig"
	"github.com/ovasabi/ovasabi/internal/pgtest"
)

// A server on which everything about the server is wrong; each line names its fault.
func TestEveryFaultOfTheServerIsNamed(t *testing.T) {
	server := pgtest.Own(t, embedded.Options{Ephemeral: true, Settings: map[string]string{
		"io_method": "sync", "effective_io_concurrency": "0",
		"autovacuum": "off", "autovacuum_freeze_max_age": "100000",
		"max_connections": "20", "shared_buffers": "128MB", "work_mem": "1GB",
		"wal_level": "logical", "max_wal_senders": "4", "max_replication_slots": "4",
		"archive_mode": "on", "archive_command": "false",
		"pg_stat_statements.max": "100",
		"log_timezone":           "Europe/Berlin",
		"password_encryption":    "md5", "md5_password_warnings": "off",
	}})
	url := server.URL(server.Superuser(), "postgres")
	exec(t, url,
		`CREATE EXTENSION pg_stat_statements`,
		`CREATE ROLE old LOGIN PASSWORD 'a secret'`,
		`SELECT pg_create_physical_replication_slot('left', true)`,
		`ALTER SYSTEM SET max_worker_processes = 9`,
		`SELECT pg_reload_conf()`,
		`CREATE TABLE public.t (a int)`,
	)
	conn := connect(t, url)
	require.Eventually(t, func() bool {
		var pending int
		require.NoError(t, conn.QueryRow(context.Background(), `SELECT count(*) FROM pg_catalog.pg_settings WHERE pending_restart`).Scan(&pending))
		return pending > 0
	}, 30*time.Second, 20*time.Millisecond)
	// A line that no server takes: while it stands a reload changes nothing.
	conf, err := os.OpenFile(filepath.Join(server.DataDir(), "postgresql", "ovasabi.conf"), os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = conf.WriteString("log_lock_failure = on\n")
	require.NoError(t, err)
	require.NoError(t, conf.Close())

	for n := range 400 { // more different statements than there is room for
		_, err := conn.PgConn().Exec(context.Background(), `SELECT a`+strings.Repeat(` + a`, n)+` FROM public.t`).ReadAll()
		require.NoError(t, err)
	}
	old := connect(t, url)
	_, err = old.PgConn().Exec(context.Background(), `BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_current_xact_id()`).ReadAll()
	require.NoError(t, err)
	exec(t, url, `DO $$ BEGIN FOR n IN 1..160000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$`)
	for range 14 {
		connect(t, url)
	}
	exec(t, url, `SELECT pg_switch_wal()`)
	require.Eventually(t, func() bool {
		var failed int
		require.NoError(t, conn.QueryRow(context.Background(), `SELECT failed_count FROM pg_catalog.pg_stat_archiver`).Scan(&failed))
		return failed > 0
	}, 30*time.Second, 20*time.Millisecond)

	limits := doctor.DefaultLimits()
	limits.SlotBytes = 0
	report := run(t, url, doctor.Options{Limits: &limits, Machine: &pgconfig.Machine{MemoryBytes: 8 << 30, Cores: 4, Disk: pgconfig.SSD}})
	for _, want := range []struct {
		id, object string
		severity   doctor.Severity
		evidence   string
	}{
		{"server.durability", "fsync", doctor.Error, "fsync is off"},
		{"server.durability", "full_page_writes", doctor.Error, ""},
		{"server.durability", "synchronous_commit", doctor.Warning, ""},
		{"server.checksums", "data_checksums", doctor.Warning, ""},
		{"server.async_io", "io_method", "", "io_method is sync, this build has"},
		{"server.async_io", "effective_io_concurrency", "", "is 0"},
		{"server.pending_restart", "max_worker_processes", doctor.Info, ""},
		{"server.config_errors", "ovasabi.conf line", doctor.Error, "log_lock_failure: unrecognized configuration parameter"},
		{"settings.memory", "shared_buffers", doctor.Warning, "128 MB, initdb's own value, on 8192 MB"},
		{"settings.memory", "work_mem", doctor.Warning, "10 sessions"},
		{"settings.template", "postgresql.conf", doctor.Info, "effective_io_concurrency is 0, not 32"},
		{"vacuum.autovacuum_off", "autovacuum", doctor.Error, ""},
		{"wraparound", "database postgres", doctor.Warning, ""},
		{"locale.time_zone", "log_timezone", doctor.Info, "Europe/Berlin"},
		{"role.md5_password", "role old", doctor.Warning, "md5"},
		{"pool.connections", "max_connections", doctor.Error, "of 17 connections"},
		{"statements.evictions", "pg_stat_statements.max", doctor.Warning, "100 are kept"},
		{"replication.slot_unused", "slot left", doctor.Warning, "nobody has read"},
		{"backup.never", "the server", doctor.Warning, "archive_mode is on, 0 files"},
		{"backup.failing", "archive_command", doctor.Error, "last success: never"},
	} {
		found := about(report, want.id, want.object)
		require.NotEmpty(t, found, "%s %s\n%+v", want.id, want.object, report)
		if want.severity != "" { // that of reads depends on how many there were
			require.Equal(t, want.severity, found[0].Severity, "%+v", found[0])
		}
		require.Contains(t, found[0].Evidence, want.evidence)
	}
	require.Equal(t, doctor.Error, report.Worst())
	require.NotContains(t, fmt.Sprint(report), "secret")
}

func TestAServerWithoutFiguresOfStatementsIsNamed(t *testing.T) {
	server := pgtest.Own(t, embedded.Options{Ephemeral: true, Settings: map[string]string{"shared_preload_libraries": ""}})
	report := run(t, server.URL(server.Superuser(), "postgres"), doctor.Options{})
	require.Equal(t, "the server has not loaded it", about(report, "extension.statements", "")[0].Evidence)
	var reasons []string
	for _, n := range report.Checked.NotChecked {
		reasons = append(reasons, n.ID+": "+n.Remedy)
	}
	require.Contains(t, reasons, "statements.shapes: add pg_stat_statements to shared_preload_libraries, restart the server, then CREATE EXTENSION pg_stat_statements")
}

// A page is written over behind the server's back, as a bad disk would.
func damagePage(t *testing.T, server *embedded.Server, url string) {
	t.Helper()
	exec(t, url, `CREATE TABLE public.damaged AS SELECT n FROM generate_series(1, 1000) AS n`,
		`CHECKPOINT`, `CREATE EXTENSION pg_buffercache`, `SELECT public.pg_buffercache_evict_relation('public.damaged')`)
	conn := connect(t, url)
	var path string
	require.NoError(t, conn.QueryRow(context.Background(), `SELECT pg_relation_filepath('public.damaged')`).Scan(&path))
	file, err := os.OpenFile(filepath.Join(server.DataDir(), "postgresql", path), os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = file.WriteAt([]byte("not what was written"), 4000)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	_, err = conn.Exec(context.Background(), `SELECT count(*) FROM public.damaged`)
	require.Error(t, err)
	_, err = conn.Exec(context.Background(), `SELECT pg_stat_force_next_flush()`)
	require.NoError(t, err)
}
