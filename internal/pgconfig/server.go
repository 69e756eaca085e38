package pgconfig

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Setting is one that the server knows, as pg_settings tells it.
type Setting struct {
	Name     string
	Value    string // in the unit
	Unit     string // such as "8kB", or empty
	Context  string // "postmaster" needs a restart
	Type     string
	Source   string
	Min, Max string
	Enum     []string
	Default  string
	Pending  bool
	// MayAlter tells that the role may use ALTER SYSTEM on it.
	MayAlter bool
}

// Server is what one server can be told, as one role sees it.
type Server struct {
	Version       string
	VersionNumber int
	Role          string
	Settings      map[string]Setting
	// Extensions are those whose files the server has.
	Extensions []string
	// DataDirectory, and what else only a superuser or pg_read_all_settings sees, is empty where the role may not.
	DataDirectory string
	StartedAt     time.Time
	// Identifier is the cluster's, the same for a primary and its standbys.
	Identifier string
	// Local tells that the server runs on this machine: its data folder is here.
	Local bool
	// Postmaster is its process, where Local.
	Postmaster int
}

const settingsSQL = `
SELECT
    s.name,
    coalesce(s.reset_val, s.setting, ''),
    coalesce(s.unit, ''),
    s.context,
    s.vartype,
    s.source,
    coalesce(s.min_val, ''),
    coalesce(s.max_val, ''),
    coalesce(s.enumvals, '{}'),
    coalesce(s.boot_val, ''),
    s.pending_restart,
    pg_catalog.has_parameter_privilege(s.name, 'ALTER SYSTEM')
FROM pg_catalog.pg_settings AS s`

const serverSQL = `
SELECT
    current_setting('server_version'),
    current_setting('server_version_num')::int,
    current_user::text,
    ARRAY(SELECT a.name::text FROM pg_catalog.pg_available_extensions AS a),
    CASE
        WHEN pg_catalog.pg_has_role(current_user, 'pg_read_all_settings', 'USAGE') THEN current_setting('data_directory')
        ELSE ''
    END,
    pg_catalog.pg_postmaster_start_time(),
    (SELECT c.system_identifier::text FROM pg_catalog.pg_control_system() AS c)`

// ReadServer asks a server what it knows. It reads, and takes no lock.
func ReadServer(ctx context.Context, conn *pgx.Conn) (*Server, error) {
	var major int
	version := conn.PgConn().ParameterStatus("server_version")
	if _, err := fmt.Sscanf(version, "%d", &major); err != nil || major < 18 {
		return nil, fault.New(fault.Invalid, "the server is PostgreSQL %s, and the settings are those of 18 and newer", version)
	}
	s := &Server{Settings: map[string]Setting{}}
	err := conn.QueryRow(ctx, serverSQL).Scan(&s.Version, &s.VersionNumber, &s.Role, &s.Extensions, &s.DataDirectory, &s.StartedAt, &s.Identifier)
	if err != nil {
		return nil, serverFault("read the server", err)
	}
	rows, err := conn.Query(ctx, settingsSQL)
	if err != nil {
		return nil, serverFault("read the settings", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Setting])
	if err != nil {
		return nil, serverFault("read the settings", err)
	}
	for _, set := range list {
		s.Settings[set.Name] = set
	}
	s.Postmaster, s.Local = s.here()
	return s, nil
}

// serverFault keeps the server's own words: they are about settings, never about rows.
func serverFault(doing string, err error) error {
	f := fault.FromPostgres(err)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return &fault.Error{Kind: fault.KindOf(f), Code: pg.Code, Message: doing + ": " + pg.Message + " (SQLSTATE " + pg.Code + ")", Err: err}
	}
	return f
}

// here finds the server's data folder on this machine: its pid file must tell of a
// server that started when this one did, to the second.
func (s *Server) here() (int, bool) {
	if s.DataDirectory == "" {
		return 0, false
	}
	file, err := os.Open(filepath.Join(s.DataDirectory, "postmaster.pid"))
	if err != nil {
		return 0, false
	}
	defer file.Close()
	var lines []string
	for text := bufio.NewScanner(file); text.Scan() && len(lines) < 3; {
		lines = append(lines, strings.TrimSpace(text.Text()))
	}
	if len(lines) < 3 {
		return 0, false
	}
	pid, errPID := strconv.Atoi(lines[0])
	started, errStart := strconv.ParseInt(lines[2], 10, 64)
	// The file is written a moment before the time that the server tells.
	if errPID != nil || errStart != nil || max(started-s.StartedAt.Unix(), s.StartedAt.Unix()-started) > 5 {
		return 0, false
	}
	return pid, true
}

// Has reports whether the server knows the setting.
func (s *Server) Has(name string) bool {
	_, ok := s.Settings[name]
	return ok
}

// canEnum reports whether an enum setting takes the value in this build.
func (s *Server) canEnum(name, value string) bool {
	return slices.Contains(s.Settings[name].Enum, value)
}
