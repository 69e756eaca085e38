package pgtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
)

// A templateSpec says what a template holds. Two with one name are taken for equal.
type templateSpec struct {
	name  string
	build func(ctx context.Context, ownerURL string) error // nil: an empty database
}

// An Option of [New] chooses what the database holds; the last one counts.
type Option func() templateSpec

// Empty is a database without a schema.
func Empty() Option { return func() templateSpec { return templateSpec{} } }

// WithTemplate is a database that build made, once for all test processes. The name
// stands for what build does: give another one to what differs. build gets the
// address of an empty database for its owner, a superuser, and must leave no
// connection behind.
func WithTemplate(name string, build func(ctx context.Context, ownerURL string) error) Option {
	return func() templateSpec { return templateSpec{name: name, build: build} }
}

// A builtTemplate is a database to clone from.
type builtTemplate struct {
	database string
	// rights are statements, with the byte 1 for the clone's quoted name, that give it
	// the settings and rights that CREATE DATABASE does not copy.
	rights []string

	once sync.Once
	err  error
}

// builders is the advisory lock under which one process builds templates, chosen
// at random. Templates set the passwords of roles, which are the server's, so
// that different ones exclude each other too.
const builders int64 = 0x6f766173_70677431

func (s *server) template(ctx context.Context, spec templateSpec) (*builtTemplate, error) {
	if spec.build == nil {
		return &builtTemplate{database: "template0"}, nil
	}
	s.mu.Lock()
	known := s.templates[spec.name]
	if known == nil {
		sum := sha256.Sum256([]byte(spec.name))
		known = &builtTemplate{database: "ovasabi_template_" + hex.EncodeToString(sum[:8])}
		s.templates[spec.name] = known
	}
	s.mu.Unlock()
	known.once.Do(func() {
		known.err = s.with(ctx, func(conn *pgx.Conn) error { return s.ensure(ctx, conn, known, spec) })
	})
	if known.err != nil {
		return nil, fmt.Errorf("template %q: %w", spec.name, known.err)
	}
	return known, nil
}

func (s *server) ensure(ctx context.Context, conn *pgx.Conn, t *builtTemplate, spec templateSpec) error {
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1::bigint)`, builders); err != nil {
		return fmt.Errorf("wait for other processes: %w", err)
	}
	// Where this fails the connection is closed, which frees the lock.
	if err := s.ensureLocked(ctx, conn, t, spec); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_unlock($1::bigint)`, builders); err != nil {
		return fmt.Errorf("let other processes on: %w", err)
	}
	return nil
}

func (s *server) ensureLocked(ctx context.Context, conn *pgx.Conn, t *builtTemplate, spec templateSpec) error {
	var finished bool
	err := conn.QueryRow(ctx, `
		SELECT datistemplate
		FROM pg_catalog.pg_database
		WHERE datname = $1`, t.database).Scan(&finished)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("look for it: %w", err)
	}
	if !finished {
		if err := s.buildTemplate(ctx, conn, t, spec); err != nil {
			return err
		}
	}
	t.rights, err = readRights(ctx, conn, t.database)
	return err
}

// buildTemplate marks the template as such last: one that is not marked was left
// by a process that died, and is made anew.
func (s *server) buildTemplate(ctx context.Context, conn *pgx.Conn, t *builtTemplate, spec templateSpec) error {
	name := identifier(t.database)
	for _, statement := range []string{
		`DROP DATABASE IF EXISTS ` + name + ` WITH (FORCE)`,
		`CREATE DATABASE ` + name + ` TEMPLATE template0 STRATEGY FILE_COPY`,
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("make it: %w", err)
		}
	}
	if err := spec.build(ctx, s.url(t.database, "", "")); err != nil {
		return fmt.Errorf("build it: %w", err)
	}
	if err := setPasswords(ctx, conn); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, `ALTER DATABASE `+name+` WITH ALLOW_CONNECTIONS false`); err != nil {
		return fmt.Errorf("close it: %w", err)
	}
	// Autovacuum may be in it, and CREATE DATABASE would wait for that.
	if _, err := conn.Exec(ctx, `
		SELECT pg_terminate_backend(pid, 5000)
		FROM pg_catalog.pg_stat_activity
		WHERE datname = $1`, t.database); err != nil {
		return fmt.Errorf("close it: %w", err)
	}
	if _, err := conn.Exec(ctx, `ALTER DATABASE `+name+` WITH IS_TEMPLATE true`); err != nil {
		return fmt.Errorf("finish it: %w", err)
	}
	return nil
}

// setPasswords lets the tests log in as the roles that the schema has made.
func setPasswords(ctx context.Context, conn *pgx.Conn) error {
	for _, role := range []string{AppRole, MonitorRole, MaintainRole} {
		var exists bool
		err := conn.QueryRow(ctx, `
			SELECT EXISTS (
				SELECT
				FROM pg_catalog.pg_roles
				WHERE rolname = $1 AND rolcanlogin
			)`, role).Scan(&exists)
		if err != nil {
			return fmt.Errorf("look for the role %s: %w", role, err)
		}
		if !exists {
			continue
		}
		if _, err := conn.Exec(ctx, fmt.Sprintf(`ALTER ROLE %s PASSWORD '%s'`, identifier(role), Password)); err != nil {
			return fmt.Errorf("set the password of %s: %w", role, err)
		}
	}
	return nil
}

// readRights collects what belongs to a database and yet is not copied with it:
// ALTER DATABASE … SET, ALTER ROLE … IN DATABASE … SET, GRANT … ON DATABASE.
func readRights(ctx context.Context, conn *pgx.Conn, database string) ([]string, error) {
	rows, err := conn.Query(ctx, `
		WITH template AS (
			SELECT oid, datacl, datdba
			FROM pg_catalog.pg_database
			WHERE datname = $1
		)
		SELECT 1 AS step, 'REVOKE ALL ON DATABASE ' || chr(1) || ' FROM PUBLIC'
		FROM template
		WHERE datacl IS NOT NULL
		UNION ALL
		SELECT 2, format('GRANT %s ON DATABASE %s TO %s%s', a.privilege_type, chr(1),
			CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
			CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
		FROM template
		CROSS JOIN LATERAL aclexplode(datacl) AS a
		WHERE a.grantee <> datdba
		UNION ALL
		SELECT 3,
			CASE WHEN s.setrole = 0
				THEN format('ALTER DATABASE %s', chr(1))
				ELSE format('ALTER ROLE %I IN DATABASE %s', pg_get_userbyid(s.setrole), chr(1))
			END
			-- A list is kept the way that it is written, quotes and all.
			|| format(CASE WHEN c.name = 'search_path' THEN ' SET %s = %s' ELSE ' SET %s = %L' END, c.name, c.value)
		FROM template
		JOIN pg_catalog.pg_db_role_setting AS s ON s.setdatabase = template.oid
		CROSS JOIN LATERAL (
			SELECT split_part(entry, '=', 1) AS name, substr(entry, strpos(entry, '=') + 1) AS value
			FROM unnest(s.setconfig) AS entry
		) AS c
		ORDER BY 1, 2`, database)
	if err != nil {
		return nil, fmt.Errorf("read its rights: %w", err)
	}
	var rights []string
	var step int
	var statement string
	_, err = pgx.ForEachRow(rows, []any{&step, &statement}, func() error {
		rights = append(rights, statement)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read its rights: %w", err)
	}
	return rights, nil
}
