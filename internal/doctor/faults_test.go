package doctor_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/doctor"
	"github.com/ovasabi/ovasabi/internal/pgtest"
)

// A fault is planted in a database of its own, and one check must name it.
type fault struct {
	id, object string
	severity   doctor.Severity
	evidence   string // a part of it
	schema     bool   // needs the platform's schema
	plant      []string
	more       func(t *testing.T, db *pgtest.DB) // what statements alone cannot do
	limits     func(*doctor.Limits)
}

const wide = `CREATE TABLE public.t (id bigint PRIMARY KEY, a int, b int, c text);`

// filled has 50,000 rows whose a has 5 values and b 1,000.
const filled = wide + `INSERT INTO public.t SELECT n, n % 5, n % 1000, md5(n::text) FROM generate_series(1, 50000) AS n;`

var faults = map[string]fault{
	"row-level security switched off": {
		id: "role.isolation", object: "table ovasabi.service_event", severity: doctor.Error, evidence: "has no row-level security", schema: true,
		plant: []string{`ALTER TABLE ovasabi.service_event DISABLE ROW LEVEL SECURITY`},
	},
	"a policy that lets everybody through": {
		id: "role.isolation", object: "policy everybody on ovasabi.service_user_main", severity: doctor.Error, schema: true,
		plant: []string{`CREATE POLICY everybody ON ovasabi.service_user_main USING (true)`},
	},
	"a unique index without the campaign": {
		id: "role.isolation", object: "index ovasabi.across", severity: doctor.Error, schema: true,
		plant: []string{`CREATE UNIQUE INDEX across ON ovasabi.service_event (event_id)`},
	},
	"policies that hold nobody": {
		id: "role.policies_off", object: "public.t", severity: doctor.Error,
		plant: []string{wide + `CREATE POLICY p ON public.t USING (a = 1)`},
	},
	"a schema open to all": {
		id: "role.open_schema", object: "schema public", severity: doctor.Warning,
		plant: []string{`GRANT CREATE ON SCHEMA public TO PUBLIC`},
	},
	"a function that runs as its owner": {
		id: "role.definer_function", object: "public.f()", severity: doctor.Warning,
		plant: []string{`CREATE FUNCTION public.f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'`},
	},
	"a table without statistics": {
		id: "statistics.missing", object: "public.t", severity: doctor.Warning, evidence: "50000",
		plant: []string{filled + `SELECT pg_stat_force_next_flush()`},
	},
	"statistics of another time": {
		id: "statistics.stale", object: "public.t", severity: doctor.Warning, evidence: "50000 rows changed",
		plant: []string{wide + `ALTER TABLE public.t SET (autovacuum_enabled = false); ANALYZE public.t`,
			`INSERT INTO public.t SELECT n FROM generate_series(1, 50000) AS n; SELECT pg_stat_force_next_flush()`},
	},
	"dead rows that stay": {
		id: "vacuum.behind", object: "public.t", severity: doctor.Warning, evidence: "49000 dead rows",
		plant: []string{filled + `ANALYZE public.t`},
		more: func(t *testing.T, db *pgtest.DB) {
			holdSnapshot(t, db) // autovacuum may come, and can do nothing
			exec(t, db.OwnerURL, `DELETE FROM public.t WHERE id <= 49000; SELECT pg_stat_force_next_flush()`)
		},
	},
	"autovacuum off for a table": {
		id: "vacuum.off", object: "public.t", severity: doctor.Warning, evidence: "20000 dead rows",
		plant: []string{filled + `ALTER TABLE public.t SET (autovacuum_enabled = false)`, `DELETE FROM public.t WHERE id <= 20000; SELECT pg_stat_force_next_flush()`},
	},
	"a table that nobody froze": {
		id: "vacuum.freeze", object: "public.t", severity: doctor.Warning, evidence: "autovacuum should have come at 100000",
		plant: []string{wide + `ALTER TABLE public.t SET (autovacuum_freeze_max_age = 100000)`},
		more: func(t *testing.T, db *pgtest.DB) {
			holdSnapshot(t, db)
			exec(t, db.OwnerURL, `DO $$ BEGIN FOR n IN 1..120000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$`)
		},
	},
	"a table full of air": {
		id: "table.bloat", object: "public.t", severity: doctor.Warning, evidence: "are air",
		plant:  []string{filled + `DELETE FROM public.t WHERE id % 10 <> 0`, `VACUUM (ANALYZE) public.t`},
		limits: func(l *doctor.Limits) { l.BloatBytes = 1 << 20 },
	},
	"an index full of air": {
		id: "index.bloat", object: "public.i", severity: doctor.Warning, evidence: "are air",
		plant:  []string{filled + `CREATE INDEX i ON public.t (c)`, `DELETE FROM public.t WHERE id % 10 <> 0`, `VACUUM (ANALYZE) public.t`},
		limits: func(l *doctor.Limits) { l.BloatBytes = 1 << 20 },
	},
	"a table without a key": {
		id: "table.primary_key", object: "public.t", severity: doctor.Info,
		plant: []string{`CREATE TABLE public.t (a int)`},
	},
	"a table that a crash empties": {
		id: "table.unlogged", object: "public.t", severity: doctor.Warning,
		plant: []string{`CREATE UNLOGGED TABLE public.t (a int)`},
	},
	"a constraint that was never validated": {
		id: "constraint.not_valid", object: "small on public.t", severity: doctor.Warning,
		plant: []string{wide + `ALTER TABLE public.t ADD CONSTRAINT small CHECK (a < 10) NOT VALID`},
	},
	"a generated column that fails": {
		id: "column.generated", object: "public.g.rate", severity: doctor.Error, evidence: "SQLSTATE 22P02",
		plant: []string{`CREATE TABLE public.g (id int PRIMARY KEY, data jsonb, rate numeric GENERATED ALWAYS AS ((data ->> 'rate')::numeric) VIRTUAL);
			INSERT INTO public.g VALUES (1, '{"rate": "0.2"}'), (2, '{"rate": "a secret"}')`},
	},
	"a generated column that may fail": {
		id: "column.generated", object: "public.g.share", severity: doctor.Warning, evidence: "1 rows were computed, and none failed",
		plant: []string{`CREATE TABLE public.g (id int PRIMARY KEY, a int, b int, share int GENERATED ALWAYS AS (a / b) VIRTUAL); INSERT INTO public.g VALUES (1, 4, 2)`},
	},
	"a sequence at its end": {
		id: "sequence.ending", object: "public.s_id_seq", severity: doctor.Error, evidence: "93%",
		plant: []string{`CREATE TABLE public.s (id serial PRIMARY KEY); SELECT setval('public.s_id_seq', 2000000000)`},
	},
	"an index that was left half built": {
		id: "index.invalid", object: "public.i", severity: doctor.Warning, evidence: "broken off or failed",
		plant: []string{filled},
		more: func(t *testing.T, db *pgtest.DB) {
			_, err := db.Owner(t).Exec(context.Background(), `CREATE UNIQUE INDEX CONCURRENTLY i ON public.t (a)`)
			require.Error(t, err)
		},
	},
	"an index that stands twice": {
		id: "index.duplicate", object: "public.again", severity: doctor.Warning, evidence: "the same as public.once",
		plant: []string{wide + `CREATE INDEX once ON public.t (a, b); CREATE INDEX again ON public.t (a, b)`},
	},
	"an index that nobody searches": {
		id: "index.unused", object: "public.i", severity: doctor.Info, evidence: "0 searches while 50000 rows",
		plant: []string{wide + `CREATE INDEX i ON public.t (c)`,
			`INSERT INTO public.t SELECT n, 1, 1, md5(n::text) FROM generate_series(1, 50000) AS n; ANALYZE public.t;
			DO $$ BEGIN FOR n IN 1..100 LOOP PERFORM 1 FROM public.t LIMIT 1; END LOOP; END $$; SELECT pg_stat_force_next_flush()`},
	},
	"a foreign key without an index": {
		id: "index.foreign_key", object: "child_parent_fkey on public.child", severity: doctor.Warning,
		plant: []string{filled + `CREATE TABLE public.child (id bigint PRIMARY KEY, parent bigint REFERENCES public.t);
			INSERT INTO public.child SELECT n, n FROM generate_series(1, 20000) AS n; ANALYZE public.child`,
			`DELETE FROM public.t WHERE id = 50000; SELECT pg_stat_force_next_flush()`},
	},
	"a transaction left open": {
		id: "transactions.long", object: "backend", severity: doctor.Warning, evidence: "idle in transaction",
		more:   holdSnapshot,
		limits: func(l *doctor.Limits) { l.LongTransaction = 0 },
	},
	"a prepared transaction left behind": {
		id: "transactions.prepared", object: "transaction", severity: doctor.Warning,
		more: func(t *testing.T, db *pgtest.DB) {
			exec(t, db.OwnerURL, `BEGIN; CREATE TABLE public.t (a int); PREPARE TRANSACTION '`+db.Name+`'`)
			t.Cleanup(func() { exec(t, db.OwnerURL, `ROLLBACK PREPARED '`+db.Name+`'`) })
		},
		limits: func(l *doctor.Limits) { l.Prepared = 0 },
	},
	"a session that waits for a lock": {
		id: "locks.blocked", object: "backend", severity: doctor.Warning, evidence: "behind the backends",
		plant:  []string{wide},
		more:   block,
		limits: func(l *doctor.Limits) { l.Blocked = 0 },
	},
	"a pool too large for the server": {
		id: "pool.connections", object: "DB_MAX_OPEN_CONNS", severity: doctor.Warning, evidence: "one service may open 497",
	},
	"no extension for figures of statements": {
		id: "extension.statements", object: "pg_stat_statements", severity: doctor.Warning, evidence: "has loaded it",
	},
	"an extension of another time": {
		id: "extension.outdated", object: "extension pg_stat_statements", severity: doctor.Info, evidence: "1.10 is installed",
		plant: []string{`CREATE EXTENSION pg_stat_statements VERSION '1.10'`},
	},
	"a database in a zone of its own": {
		id: "locale.time_zone", object: "database ", severity: doctor.Warning, evidence: "run in Europe/Berlin",
		more: func(t *testing.T, db *pgtest.DB) {
			exec(t, db.OwnerURL, `ALTER DATABASE `+db.Name+` SET timezone = 'Europe/Berlin'`)
		},
	},
	"times without a zone": {
		id: "locale.time_zone", object: "public.t", severity: doctor.Info, evidence: "1 columns are timestamp without time zone: at",
		plant: []string{`CREATE TABLE public.t (id int PRIMARY KEY, at timestamp)`},
	},
	"a collation that changed": {
		id: "locale.collation", object: "database ", severity: doctor.Error, evidence: "built with version 0.9",
		more: func(t *testing.T, db *pgtest.DB) {
			exec(t, db.OwnerURL, `UPDATE pg_catalog.pg_database SET datcollversion = '0.9' WHERE datname = current_database()`)
		},
	},
	"lists in the text of a statement": {
		id: "statements.shapes", object: "statement ", severity: doctor.Info, evidence: "25 times with a list in its text",
		plant: []string{wide, `CREATE EXTENSION pg_stat_statements`},
		more: func(t *testing.T, db *pgtest.DB) {
			each(t, db, 25, func(n int) string { return `SELECT a FROM public.t WHERE id IN (` + numbered(n+2, "$%d") + `)` })
		},
	},
	"statements of every length": {
		id: "statements.shapes", object: "24 others", severity: doctor.Warning, evidence: "25 texts of one shape",
		plant: []string{wide, `CREATE EXTENSION pg_stat_statements`},
		more: func(t *testing.T, db *pgtest.DB) {
			each(t, db, 25, func(n int) string { return `INSERT INTO public.t (id) VALUES ` + numbered(n+2, "($%d)") })
		},
	},
	"a release with security fixes missed": {
		id: "server.minor_version", object: "PostgreSQL 18.", severity: doctor.Warning, evidence: "18.99 of 2099-01-01 (everything)",
	},
}

// numbered writes so many parameters, separated by commas.
func numbered(n int, form string) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(form, i+1)
	}
	return strings.Join(list, ", ")
}

// each runs statements of 2 and more parameters in transactions that are rolled back.
func each(t *testing.T, db *pgtest.DB, count int, text func(n int) string) {
	t.Helper()
	conn := connect(t, db.OwnerURL)
	for n := range count {
		args := make([]any, n+2)
		for i := range args {
			args[i] = int64(i)
		}
		tx, err := conn.Begin(context.Background())
		require.NoError(t, err)
		_, err = tx.Exec(context.Background(), text(n), args...)
		require.NoError(t, err)
		require.NoError(t, tx.Rollback(context.Background()))
	}
}

func holdSnapshot(t *testing.T, db *pgtest.DB) {
	t.Helper()
	conn := connect(t, db.OwnerURL)
	_, err := conn.PgConn().Exec(context.Background(), `BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_current_xact_id()`).ReadAll()
	require.NoError(t, err)
}

// block leaves a session waiting for the lock of another one.
func block(t *testing.T, db *pgtest.DB) {
	t.Helper()
	holder, waiter := connect(t, db.OwnerURL), connect(t, db.OwnerURL)
	_, err := holder.PgConn().Exec(context.Background(), `BEGIN; LOCK TABLE public.t`).ReadAll()
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = waiter.Exec(ctx, `SELECT FROM public.t`) // until the test ends it
	}()
	t.Cleanup(func() { cancel(); <-ended })
	watch := db.Owner(t)
	require.Eventually(t, func() bool {
		var waits bool
		require.NoError(t, watch.QueryRow(context.Background(), `SELECT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE pid = $1 AND waitstart IS NOT NULL)`, waiter.PgConn().PID()).Scan(&waits))
		return waits
	}, 10*time.Second, 5*time.Millisecond)
}

func TestEveryPlantedFaultIsNamed(t *testing.T) {
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			options := []pgtest.Option{pgtest.Empty()}
			if f.schema {
				options = nil
			}
			db := pgtest.New(t, options...)
			exec(t, db.OwnerURL, f.plant...)
			if f.more != nil {
				f.more(t, db)
			}
			limits := doctor.DefaultLimits()
			if f.limits != nil {
				f.limits(&limits)
			}
			o := doctor.Options{Only: []string{f.id}, Limits: &limits, PoolSize: 497, Releases: []doctor.Release{{Number: 180099, Date: "2099-01-01", Fixes: "everything"}}}
			report := run(t, db.OwnerURL, o)
			found := about(report, f.id, f.object)
			require.NotEmpty(t, found, "%+v", report)
			require.Equal(t, f.severity, found[0].Severity, "%+v", found[0])
			require.Contains(t, found[0].Evidence, f.evidence)
			require.NotContains(t, fmt.Sprint(report), "secret", "no row value may be told")
			require.NotEmpty(t, found[0].Why)
			require.NotEmpty(t, found[0].Remedy)
			require.Contains(t, found[0].Link, "https://www.postgresql.org/")
		})
	}
}

func TestADatabaseThatIsNotUTF8IsNamed(t *testing.T) {
	db := pgtest.New(t, pgtest.Empty())
	name := db.Name + "_ascii"
	exec(t, db.OwnerURL, `CREATE DATABASE `+name+` TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'`)
	t.Cleanup(func() { exec(t, db.OwnerURL, `DROP DATABASE `+name+` WITH (FORCE)`) })
	config, err := pgx.ParseConfig(db.OwnerURL)
	require.NoError(t, err)
	config.Database = name
	report, err := doctor.Run(context.Background(), config, doctor.Options{Only: []string{"locale"}})
	require.NoError(t, err)
	require.Equal(t, doctor.Error, about(report, "locale.encoding", name)[0].Severity)
}
