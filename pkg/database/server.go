package database

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// minServerVersion is server_version_num of PostgreSQL 18.0.
const minServerVersion = 180000

// Server is what one PostgreSQL server can do, as one role sees it.
type Server struct {
	// Version is the server's own text, such as "18.4".
	Version string
	// VersionNumber is server_version_num, such as 180004.
	VersionNumber int
	// IOMethod is io_method in force; IOMethods are those that this build has ("sync", "worker", "io_uring").
	IOMethod  string
	IOMethods []string
	// Extensions are installed in this database, with their versions.
	Extensions map[string]string
	// StatementStatistics tells whether pg_stat_statements is loaded into the server.
	StatementStatistics bool
	// Checksums tells whether data pages carry checksums.
	Checksums bool
	// InRecovery is true on a standby, where nothing can be written.
	InRecovery bool
	// Role is the current user; the rest is what it may do.
	Role        string
	Superuser   bool
	BypassRLS   bool
	PgMonitor   bool
	CreateRole  bool
	MaxConns    int
	DatabaseEnc string
	// Off says what was asked for and is not on, and why, in whole sentences.
	Off []string

	parameters map[string]string
}

// HasExtension reports whether the extension is installed in this database.
func (s *Server) HasExtension(name string) bool {
	_, ok := s.Extensions[name]
	return ok
}

const lookSQL = `
SELECT
    current_setting('server_version'),
    current_setting('server_version_num')::int,
    io.setting,
    coalesce(io.enumvals, '{}'),
    coalesce((SELECT array_agg(e.extname || '=' || e.extversion ORDER BY e.extname) FROM pg_catalog.pg_extension AS e), '{}'),
    -- shared_preload_libraries is hidden from most roles; the settings of what was loaded are not.
    EXISTS (SELECT FROM pg_catalog.pg_settings AS p WHERE p.name = 'pg_stat_statements.max'),
    current_setting('data_checksums') = 'on',
    pg_catalog.pg_is_in_recovery(),
    current_user,
    r.rolsuper,
    r.rolbypassrls,
    r.rolcreaterole,
    pg_catalog.pg_has_role(current_user, 'pg_monitor', 'USAGE'),
    current_setting('max_connections')::int,
    current_setting('server_encoding')
FROM pg_catalog.pg_roles AS r
LEFT JOIN pg_catalog.pg_settings AS io ON io.name = 'io_method'
WHERE r.rolname = current_user`

// look connects once, reads what the server can do and finds out which of the
// wanted settings a connection may carry from its start.
func look(ctx context.Context, cc *pgx.ConnConfig, config PG18Config) (*Server, error) {
	conn, err := pgx.ConnectConfig(ctx, cc.Copy())
	if err != nil {
		return nil, connectFault(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))

	// The version first: the query below names settings that an older server does not know.
	if version := conn.PgConn().ParameterStatus("server_version"); olderThan18(version) {
		return nil, oldServer(version)
	}
	s, err := readServer(ctx, conn)
	if err != nil {
		return nil, err
	}
	s.parameters = s.tryEach(ctx, conn, wantedParameters(config))
	if err := s.tryAtStart(ctx, cc); err != nil {
		return nil, err
	}
	return s, nil
}

func olderThan18(version string) bool {
	major, _, _ := strings.Cut(version, ".")
	digits := strings.TrimRightFunc(major, func(r rune) bool { return r < '0' || r > '9' })
	return len(digits) < 2 || (len(digits) == 2 && digits < "18")
}

func readServer(ctx context.Context, conn *pgx.Conn) (*Server, error) {
	s := &Server{Extensions: map[string]string{}}
	var io *string
	var extensions []string
	err := conn.QueryRow(ctx, lookSQL).Scan(
		&s.Version, &s.VersionNumber, &io, &s.IOMethods, &extensions, &s.StatementStatistics, &s.Checksums, &s.InRecovery,
		&s.Role, &s.Superuser, &s.BypassRLS, &s.CreateRole, &s.PgMonitor, &s.MaxConns, &s.DatabaseEnc,
	)
	if err != nil {
		return nil, fault.FromPostgres(err)
	}
	if s.VersionNumber < minServerVersion {
		return nil, oldServer(s.Version)
	}
	if io != nil {
		s.IOMethod = *io
	}
	for _, e := range extensions {
		name, version, _ := strings.Cut(e, "=")
		s.Extensions[name] = version
	}
	return s, nil
}

// tryEach keeps the settings that the server takes from this role.
func (s *Server) tryEach(ctx context.Context, conn *pgx.Conn, wanted map[string]string) map[string]string {
	kept := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		var set string
		if err := conn.QueryRow(ctx, `SELECT set_config($1, $2, false)`, name, wanted[name]).Scan(&set); err != nil {
			s.Off = append(s.Off, name+" is left as the server has it: "+reason(err))
			continue
		}
		kept[name] = wanted[name]
	}
	return kept
}

// tryAtStart connects once with the settings as startup parameters. A pooler
// such as PgBouncer may refuse those; then the connections go without them.
func (s *Server) tryAtStart(ctx context.Context, cc *pgx.ConnConfig) error {
	if len(s.parameters) == 0 {
		return nil
	}
	probe := cc.Copy()
	maps.Copy(probe.RuntimeParams, s.parameters)
	conn, err := pgx.ConnectConfig(ctx, probe)
	if err == nil {
		return conn.Close(ctx)
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || !strings.Contains(pg.Message, "startup parameter") {
		return connectFault(err)
	}
	names := slices.Sorted(maps.Keys(s.parameters))
	s.Off = append(s.Off, strings.Join(names, ", ")+
		" are left as the server has them: a pooler stands before it and refuses startup parameters (set them with ALTER ROLE … SET)")
	s.parameters = nil
	return nil
}

// attrs is the one log line about the server.
func (s *Server) attrs(config PG18Config) []slog.Attr {
	attrs := []slog.Attr{
		slog.String("version", s.Version),
		slog.String("role", s.Role),
		slog.Int("pool", config.MaxOpenConns),
		slog.String("io_method", s.IOMethod),
		slog.String("io_methods", strings.Join(s.IOMethods, ",")),
		slog.String("extensions", strings.Join(slices.Sorted(maps.Keys(s.Extensions)), ",")),
		slog.Bool("checksums", s.Checksums),
		slog.Bool("pg_monitor", s.PgMonitor),
		slog.Bool("prepared_statements", config.PreparedStmtCaching),
	}
	for _, name := range slices.Sorted(maps.Keys(s.parameters)) {
		attrs = append(attrs, slog.String(name, s.parameters[name]))
	}
	off := slices.Clone(s.Off)
	if !config.AsyncIOEnabled {
		off = append(off, "concurrent I/O is left as the server has it: DB_ASYNC_IO_ENABLED is false")
	}
	if s.IOMethod == "sync" {
		off = append(off, "reads are synchronous: io_method is sync (set it to worker or io_uring and restart the server)")
	}
	if !s.StatementStatistics {
		off = append(off, "statement statistics are missing: pg_stat_statements is not in shared_preload_libraries")
	}
	if len(off) > 0 {
		attrs = append(attrs, slog.String("off", strings.Join(off, "; ")))
	}
	return attrs
}

// reason is PostgreSQL's message without its values, or the kind of fault.
func reason(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Message
	}
	return fault.FromPostgres(err).Error()
}
