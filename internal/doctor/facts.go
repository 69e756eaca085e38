package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// facts are what the checks must know of the server, the database and the role.
type facts struct {
	Version       string
	VersionNumber int
	Database      string
	Role          string
	Superuser     bool
	ReadsStats    bool
	ReadsSettings bool
	ReadsFile     bool
	ScansTables   bool
	InRecovery    bool
	// Ours tells that the platform's schema is here.
	Ours bool
	// StatementsLoaded tells that the server has pg_stat_statements, Statements is the schema that it is made in, or empty.
	StatementsLoaded bool
	Statements       string
	// Hypopg and Pgstattuple are the schemas of these extensions, or empty.
	Hypopg      string
	Pgstattuple string
	// DataDirectory is empty where the role may not read it.
	DataDirectory string
	StartedAt     time.Time
}

const factsSQL = `
SELECT
    current_setting('server_version'),
    current_setting('server_version_num')::int,
    current_database()::text,
    current_user::text,
    r.rolsuper,
    pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),
    pg_catalog.pg_has_role(current_user, 'pg_read_all_settings', 'USAGE'),
    pg_catalog.has_function_privilege('pg_catalog.pg_show_all_file_settings()', 'EXECUTE'),
    pg_catalog.pg_has_role(current_user, 'pg_stat_scan_tables', 'USAGE'),
    pg_catalog.pg_is_in_recovery(),
    to_regclass('ovasabi.schema_version') IS NOT NULL,
    EXISTS (SELECT FROM pg_catalog.pg_settings AS s WHERE s.name = 'pg_stat_statements.max'),
    coalesce((SELECT e.extnamespace::regnamespace::text FROM pg_catalog.pg_extension AS e WHERE e.extname = 'pg_stat_statements'), ''),
    coalesce((SELECT e.extnamespace::regnamespace::text FROM pg_catalog.pg_extension AS e WHERE e.extname = 'hypopg'), ''),
    coalesce((SELECT e.extnamespace::regnamespace::text FROM pg_catalog.pg_extension AS e WHERE e.extname = 'pgstattuple'), ''),
    CASE
        WHEN pg_catalog.pg_has_role(current_user, 'pg_read_all_settings', 'USAGE') THEN current_setting('data_directory')
        ELSE ''
    END,
    pg_catalog.pg_postmaster_start_time()
FROM pg_catalog.pg_roles AS r
WHERE r.rolname = current_user`

const oldest = 180000

func (e *examination) readFacts(ctx context.Context) error {
	// Told by the server at the start: the query below may not run on an older one.
	version := e.conn.PgConn().ParameterStatus("server_version")
	var major int
	if _, err := fmt.Sscanf(version, "%d", &major); err != nil || major < oldest/10000 {
		return fault.New(fault.Invalid, "the server is PostgreSQL %s, and doctor knows 18 and newer: upgrade it, or name another one in --database-url", version)
	}
	found, err := read[facts](ctx, e, factsSQL)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return fmt.Errorf("doctor: look at the server: %s (SQLSTATE %s): %w", pg.Message, pg.Code, err)
	}
	if err != nil {
		return fault.FromPostgres(err)
	}
	if len(found) != 1 {
		return fault.New(fault.Denied, "the role is not in pg_roles: log in as another one")
	}
	e.facts = found[0]
	e.report.Checked.Server, e.report.Checked.Database, e.report.Checked.Role = e.facts.Version, e.facts.Database, e.facts.Role
	return nil
}

// right is what a role must have to see something.
type right struct {
	has   func(facts) bool
	lacks string
	grant func(facts) string
}

var (
	readsStats = right{
		func(f facts) bool { return f.ReadsStats }, "does not see other roles' sessions and statements",
		func(f facts) string { return "GRANT pg_monitor TO " + quote(f.Role) },
	}
	readsSettings = right{
		func(f facts) bool { return f.ReadsSettings }, "does not see all settings",
		func(f facts) string { return "GRANT pg_read_all_settings TO " + quote(f.Role) },
	}
	readsFile = right{
		func(f facts) bool { return f.ReadsFile }, "may not read the configuration files",
		func(f facts) string {
			return "GRANT SELECT ON pg_catalog.pg_file_settings TO " + quote(f.Role) + "; GRANT EXECUTE ON FUNCTION pg_catalog.pg_show_all_file_settings() TO " + quote(f.Role)
		},
	}
	superuser = right{
		func(f facts) bool { return f.Superuser }, "is no superuser, who alone may see the form of passwords",
		func(facts) string { return "name a superuser in --database-url" },
	}
	hasStatements = right{
		func(f facts) bool { return f.Statements != "" && f.StatementsLoaded }, "finds no pg_stat_statements here",
		func(f facts) string {
			if f.StatementsLoaded {
				return "CREATE EXTENSION pg_stat_statements"
			}
			return "add pg_stat_statements to shared_preload_libraries, restart the server, then CREATE EXTENSION pg_stat_statements"
		},
	}
)
