package pgconfig

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/internal/embedded"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// try makes sure that the server starts with the entries, and says how. Each value
// is held against pg_settings; where the server's own programs are on this machine,
// an empty cluster is then started with the whole configuration as it would be.
func (s *Server) try(ctx context.Context, conn *pgx.Conn, entries []Entry, o Options) (string, error) {
	for _, e := range entries {
		if !s.Has(e.Name) {
			return "", fault.Field(e.Name, "is no setting that this server knows")
		}
		if _, err := s.Settings[e.Name].normal(e.Value); err != nil {
			return "", err
		}
	}
	const ranges = "each value was held against what pg_settings takes, and the files are read back before the reload"
	installation, why := s.programs(ctx, o)
	if why != "" {
		return ranges + "; no start was tried, because " + why, nil
	}
	settings, err := s.whole(ctx, conn, entries)
	if err != nil {
		return "", err
	}
	o.progress("starting an empty server with the new settings, to see whether it does")
	if err := start(ctx, installation, settings); err != nil {
		return "", fault.New(fault.Invalid, "a server with these settings does not start: %w", err)
	}
	return "an empty PostgreSQL " + installation.Version + " was started with the whole configuration; " + ranges, nil
}

// programs finds the server's own, or says why a start cannot be tried.
func (s *Server) programs(ctx context.Context, o Options) (embedded.Installation, string) {
	bin := o.BinDir
	if bin == "" {
		if !s.Local {
			return embedded.Installation{}, "the server runs on another machine, or its data folder cannot be read"
		}
		program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", s.Postmaster))
		if err != nil {
			return embedded.Installation{}, "where the server's programs are cannot be seen (name their folder with --pg-bin)"
		}
		bin = filepath.Dir(program)
	}
	found, err := embedded.Find(ctx, embedded.FindOptions{BinDir: bin, NoFetch: true})
	if err != nil {
		return found, "the server's programs cannot be run: " + err.Error()
	}
	if running, _, _ := strings.Cut(s.Version, " "); found.Version != running {
		return found, fmt.Sprintf("the programs in %s are of version %s, and the server is %s", found.BinDir, found.Version, running)
	}
	return found, ""
}

// Settings that name places, addresses and keys of the real server. An empty one has its own.
var ownPlaces = []string{
	"data_directory", "config_file", "hba_file", "ident_file", "external_pid_file",
	"listen_addresses", "port", "unix_socket_directories", "unix_socket_group", "unix_socket_permissions",
	"logging_collector", "log_destination", "log_directory", "log_filename", "log_file_mode", "syslog_facility", "syslog_ident", "event_source",
	"ssl", "ssl_ca_file", "ssl_cert_file", "ssl_crl_dir", "ssl_crl_file", "ssl_dh_params_file", "ssl_key_file", "ssl_passphrase_command", "krb_server_keyfile",
	"archive_command", "archive_library", "archive_cleanup_command", "restore_command", "recovery_end_command",
	"primary_conninfo", "primary_slot_name", "synchronous_standby_names", "synchronized_standby_slots", "sync_replication_slots", "cluster_name",
	"temp_tablespaces", "default_tablespace", "stats_temp_directory", "lc_messages", "lc_monetary", "lc_numeric", "lc_time",
	"fsync", "include", "recovery_target", "recovery_target_name", "recovery_target_time", "recovery_target_xid", "recovery_target_lsn",
}

// whole is the configuration as the server would read it at its next start: what
// its files hold, with the entries in their place.
func (s *Server) whole(ctx context.Context, conn *pgx.Conn, entries []Entry) (map[string]string, error) {
	rows, err := conn.Query(ctx, `
SELECT f.name, f.setting
FROM pg_catalog.pg_file_settings AS f
WHERE f.name IS NOT NULL
  AND f.setting IS NOT NULL
ORDER BY f.seqno`)
	if err != nil {
		return nil, serverFault("read the configuration files", err)
	}
	files, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Entry])
	if err != nil {
		return nil, serverFault("read the configuration files", err)
	}
	all := map[string]string{}
	// An ephemeral server has its own ideas of these; those of the real one count.
	for _, name := range []string{"wal_level", "max_wal_senders", "full_page_writes", "synchronous_commit", "checkpoint_timeout", "shared_preload_libraries", "max_connections"} {
		if set, found := s.Settings[name]; found {
			all[name] = set.Value + plainUnit(set)
		}
	}
	for _, e := range append(files, entries...) {
		if !slices.Contains(ownPlaces, e.Name) {
			all[e.Name] = e.Value
		}
	}
	return all, nil
}

// plainUnit is the unit behind a value, where it is one.
func plainUnit(s Setting) string {
	if _, ok := timeUnits[s.Unit]; ok {
		return s.Unit
	}
	return ""
}

// startTime bounds the trial: making an empty cluster and starting it takes seconds.
const startTime = time.Minute

// start runs an empty cluster with the settings, and stops it again.
func start(ctx context.Context, in embedded.Installation, settings map[string]string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	dir, err := os.MkdirTemp("", "ovasabi-config-")
	if err != nil {
		return fmt.Errorf("make a folder for it: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// As root the server runs under another user, who must pass through.
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // nothing stands in it but what has its own mode
		return fmt.Errorf("make a folder for it: %w", err)
	}
	server, err := embedded.Start(ctx, embedded.Options{
		DataDir: filepath.Join(dir, "data"), BinDir: in.BinDir, Ephemeral: true, Settings: settings,
		Superuser: "trial", Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	return server.Stop(context.WithoutCancel(ctx))
}
