package schema

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

const (
	// lockKey is the advisory lock of one migrator a database ("ovasabi" in ASCII).
	lockKey int64 = 0x6f766173616269
	// workKey is held, shared, by every connection that does a migrator's work.
	workKey   = lockKey + 1
	minServer = 180000
)

// ensureSchema makes the schema when it is not there, and otherwise checks that it is ours.
func (m *Migrator) ensureSchema(ctx context.Context) error {
	var exists bool
	err := m.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'ovasabi')`).Scan(&exists)
	if err != nil {
		return migrationFault(err)
	}
	if exists {
		return m.checkOurs(ctx)
	}
	if _, err := m.db.ExecContext(ctx, `CREATE SCHEMA ovasabi`); err != nil {
		return migrationFault(err)
	}
	return nil
}

// checkOurs refuses a database whose schema "ovasabi" we did not make, or that a newer binary made.
func (m *Migrator) checkOurs(ctx context.Context) error {
	var hasSchema, hasVersions, empty bool
	err := m.db.QueryRowContext(ctx, `
SELECT
    EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'ovasabi'),
    to_regclass($1) IS NOT NULL,
    NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = 'ovasabi'
    )`, versionTable).Scan(&hasSchema, &hasVersions, &empty)
	if err != nil {
		return migrationFault(err)
	}
	if hasSchema && !hasVersions && !empty {
		return fault.New(fault.Invalid, "this database holds a schema named ovasabi that OVASABI did not make: use another database, or rename that schema")
	}
	if !hasVersions {
		return nil
	}
	applied, err := m.applied(ctx)
	if err != nil {
		return err
	}
	known := map[int64]bool{}
	for _, k := range migrations() {
		known[k.version] = true
	}
	for _, v := range applied {
		if !known[v] {
			return fault.New(fault.Invalid, "this database was migrated by a newer OVASABI (it holds migration %d): run that version, or a later one", v)
		}
	}
	return nil
}

// underLock runs fn as the only migrator of this database. A second one waits,
// and then finds the work done. The lock ends with its session, so a migrator
// that is killed holds up nobody; but a statement of its may still be running on
// the server, and is waited for as well: fn is given a migrator whose connections
// each hold a lock that says so.
func (m *Migrator) underLock(ctx context.Context, fn func(ctx context.Context, w *Migrator) error) error {
	conn, err := pgx.ConnectConfig(ctx, m.config.Copy())
	if err != nil {
		return fault.New(fault.Unavailable, "could not connect to PostgreSQL to migrate: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var version int
	if err := conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int`).Scan(&version); err != nil {
		return migrationFault(err)
	}
	if version < minServer {
		return fault.New(fault.Invalid, "the server is PostgreSQL %d, and OVASABI needs 18 or newer", version/10000)
	}
	if err := m.waitForLock(ctx, conn, lockKey, "another migrator is at work on this database"); err != nil {
		return err
	}
	if err := m.waitForLock(ctx, conn, workKey, "a statement of a migrator that was killed is still running"); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, `SELECT pg_catalog.pg_advisory_unlock($1)`, workKey); err != nil {
		return migrationFault(err)
	}
	w := *m
	w.atWork = true
	w.db = stdlib.OpenDB(*m.config, stdlib.OptionAfterConnect(holdWorkLock))
	defer w.db.Close()
	return fn(ctx, &w)
}

// holdWorkLock makes a connection one of a migrator at work. An autovacuum gives way
// to whoever has waited for it for deadlock_timeout, which is longer than a statement
// of ours waits: it is shortened, where the owner may do so.
func holdWorkLock(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `
SELECT
    pg_catalog.pg_advisory_lock_shared($1),
    CASE WHEN pg_catalog.has_parameter_privilege('deadlock_timeout', 'SET') THEN pg_catalog.set_config('deadlock_timeout', '100ms', false) END`, workKey)
	return err
}

func (m *Migrator) waitForLock(ctx context.Context, conn *pgx.Conn, key int64, held string) error {
	deadline := time.Now().Add(m.o.Patience)
	for told := false; ; told = true {
		var got bool
		if err := conn.QueryRow(ctx, `SELECT pg_catalog.pg_try_advisory_lock($1)`, key).Scan(&got); err != nil {
			return migrationFault(err)
		}
		if got {
			return nil
		}
		if time.Now().After(deadline) {
			return fault.New(fault.Unavailable, "%s for longer than %s: see pg_stat_activity for application_name 'ovasabi migrate'", held, m.o.Patience)
		}
		if !told {
			m.o.Progress(held + ": waiting for it")
		}
		if err := wait(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// wait pauses for d, or returns a Canceled fault when the context ends first.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return fault.FromPostgres(ctx.Err())
	case <-time.After(d):
		return nil
	}
}

// applied returns the versions that stand, oldest first; for a database that never met us, none.
func (m *Migrator) applied(ctx context.Context) ([]int64, error) {
	var exists bool
	if err := m.db.QueryRowContext(ctx, `SELECT to_regclass($1) IS NOT NULL`, versionTable).Scan(&exists); err != nil {
		return nil, migrationFault(err)
	}
	if !exists {
		return nil, nil
	}
	rows, err := m.db.QueryContext(ctx, `SELECT version_id FROM ovasabi.schema_version WHERE is_applied AND version_id > 0 ORDER BY version_id`)
	if err != nil {
		return nil, migrationFault(err)
	}
	defer rows.Close()
	var versions []int64
	for rows.Next() {
		var v int64
		if err := rows.Scan(&v); err != nil {
			return nil, fmt.Errorf("read applied migrations: %w", err)
		}
		versions = append(versions, v)
	}
	if err := rows.Err(); err != nil {
		return nil, migrationFault(err)
	}
	return versions, nil
}

// checkDropData asks for the operator's word before tables with rows are dropped.
func (m *Migrator) checkDropData(ctx context.Context, applied []int64) error {
	if m.o.DropData || len(applied) == 0 {
		return nil
	}
	var campaigns bool
	var table *string
	if err := m.db.QueryRowContext(ctx, `SELECT to_regclass('ovasabi.campaign_directory')::text`).Scan(&table); err != nil {
		return migrationFault(err)
	}
	if table == nil {
		return nil
	}
	// The directory has no policies: the owner sees all of it.
	if err := m.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT FROM ovasabi.campaign_directory)`).Scan(&campaigns); err != nil {
		return migrationFault(err)
	}
	if campaigns {
		return fault.New(fault.Denied, "phase 0 drops every table, and this database holds campaigns: take a backup, then say --drop-data")
	}
	return nil
}

// dropSchema removes what the migrator itself made. Anything else in the schema keeps it.
func (m *Migrator) dropSchema(ctx context.Context) error {
	_, err := m.db.ExecContext(ctx, `DROP TABLE IF EXISTS ovasabi.schema_object, ovasabi.schema_version, ovasabi.schema_move, ovasabi.schema_move_source, ovasabi.schema_verification; DROP SCHEMA IF EXISTS ovasabi`)
	if err != nil {
		return migrationFault(err)
	}
	return nil
}
