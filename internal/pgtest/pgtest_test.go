package pgtest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ovasabi/ovasabi/internal/pgtest"
)

func createTable(ctx context.Context, url, name string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, `CREATE TABLE public.`+pgx.Identifier{name}.Sanitize()+` (id bigint PRIMARY KEY)`)
	return errors.Join(err, conn.Close(ctx))
}

func withTable() pgtest.Option {
	return pgtest.WithTemplate("a table", func(ctx context.Context, ownerURL string) error {
		return createTable(ctx, ownerURL, "thing")
	})
}

func sqlState(err error) string {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return ""
	}
	return pgErr.Code
}

func one[T any](t *testing.T, pool *pgxpool.Pool, query string, args ...any) T {
	t.Helper()
	var value T
	if err := pool.QueryRow(t.Context(), query, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

func execute(t *testing.T, pool *pgxpool.Pool, statement string, args ...any) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func TestDatabasesOfOneTemplateAreApart(t *testing.T) {
	first, second := pgtest.New(t, withTable()), pgtest.New(t, withTable())
	execute(t, first.Owner(t), `INSERT INTO public.thing (id) VALUES (1)`)
	third := pgtest.New(t, withTable())
	for name, db := range map[string]*pgtest.DB{"made before the row": second, "made after the row": third} {
		if n := one[int](t, db.Owner(t), `SELECT count(*) FROM public.thing`); n != 0 {
			t.Errorf("the database %s sees %d rows of another test's", name, n)
		}
	}
}

func TestDatabaseIsDroppedAtTheEndOfItsTest(t *testing.T) {
	witness := pgtest.New(t, pgtest.Empty())
	var name string
	t.Run("a test", func(t *testing.T) {
		db := pgtest.New(t, withTable())
		name = db.Name
		// A connection of the test's own, never closed, must not stop the drop.
		conn, err := pgx.Connect(t.Context(), db.OwnerURL)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		if n := one[int](t, witness.Owner(t), `SELECT count(*) FROM pg_catalog.pg_database WHERE datname = $1`, name); n != 1 {
			t.Fatalf("%d databases are named %s during the test", n, name)
		}
	})
	if n := one[int](t, witness.Owner(t), `SELECT count(*) FROM pg_catalog.pg_database WHERE datname = $1`, name); n != 0 {
		t.Errorf("the database %s is left after its test", name)
	}
}

func TestPoolsHaveAnEmptySearchPath(t *testing.T) {
	db := pgtest.New(t)
	for role, pool := range map[string]*pgxpool.Pool{
		"ovasabi_owner": db.Owner(t), pgtest.AppRole: db.App(t), pgtest.MonitorRole: db.Monitor(t),
	} {
		if user := one[string](t, pool, `SELECT current_user::text`); user != role {
			t.Errorf("the pool of %s runs as %s", role, user)
		}
		if path := one[string](t, pool, `SELECT current_setting('search_path')`); strings.Trim(path, `"`) != "" {
			t.Errorf("the pool of %s has the search_path %q", role, path)
		}
		_, err := pool.Exec(t.Context(), `SELECT id FROM service_content_main`)
		if sqlState(err) != "42P01" {
			t.Errorf("an unqualified table as %s: %v, not undefined_table", role, err)
		}
	}
}

func TestAppIsBoundByRowLevelSecurity(t *testing.T) {
	db := pgtest.New(t)
	var super, bypass bool
	err := db.App(t).QueryRow(t.Context(), `
		SELECT rolsuper, rolbypassrls
		FROM pg_catalog.pg_roles
		WHERE rolname = current_user`).Scan(&super, &bypass)
	if err != nil || super || bypass {
		t.Errorf("the application's role: superuser %v, bypasses policies %v, error %v", super, bypass, err)
	}
}

func TestPhasesAndEmpty(t *testing.T) {
	const exists = `SELECT to_regclass('ovasabi.service_content_main') IS NOT NULL`
	for name, c := range map[string]struct {
		option pgtest.Option
		want   bool
	}{
		"empty": {pgtest.Empty(), false}, "phase 0": {pgtest.Phase(0), false}, "phase 1": {pgtest.Phase(1), true},
	} {
		if got := one[bool](t, pgtest.New(t, c.option).Owner(t), exists); got != c.want {
			t.Errorf("%s: the content table exists: %v", name, got)
		}
	}
}

// What CREATE DATABASE leaves behind would make the tests' databases more open than
// the real one.
func TestCloneKeepsRightsAndSettingsOfItsTemplate(t *testing.T) {
	db := pgtest.New(t, pgtest.WithTemplate("rights", func(ctx context.Context, ownerURL string) error {
		conn, err := pgx.Connect(ctx, ownerURL)
		if err != nil {
			return err
		}
		_, err = conn.Exec(ctx, `
			DO $$
			BEGIN
				EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
				EXECUTE format('GRANT CONNECT ON DATABASE %I TO pg_monitor WITH GRANT OPTION', current_database());
				EXECUTE format('ALTER DATABASE %I SET search_path = "strange, name", pg_catalog', current_database());
				EXECUTE format('ALTER DATABASE %I SET work_mem = ''7MB''', current_database());
				EXECUTE format('ALTER ROLE CURRENT_USER IN DATABASE %I SET application_name = ''100%% of it''', current_database());
			END
			$$`)
		return errors.Join(err, conn.Close(ctx))
	}))
	got := one[string](t, db.Owner(t), `
		SELECT concat_ws(' | ',
			has_database_privilege('pg_read_all_data', current_database(), 'CONNECT'),
			has_database_privilege('pg_monitor', current_database(), 'CONNECT WITH GRANT OPTION'),
			(SELECT string_agg((setrole <> 0)::text || ' ' || setconfig::text, ' | ' ORDER BY setrole)
			 FROM pg_catalog.pg_db_role_setting AS s
			 JOIN pg_catalog.pg_database AS d ON d.oid = s.setdatabase
			 WHERE d.datname = current_database()))`)
	want := `f | t | false {"search_path=\"strange, name\", pg_catalog",work_mem=7MB} | true {"application_name=100% of it"}`
	if got != want {
		t.Errorf("the clone has\n%s\nand its template\n%s", got, want)
	}
}

func TestUnreturnedConnectionIsReported(t *testing.T) {
	pgtest.SetPatience(t, 100*time.Millisecond)
	recorder := &oneTest{TB: t, failed: new(strings.Builder)}
	db := pgtest.New(recorder, pgtest.Empty())
	conn, err := db.Owner(t).Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	recorder.end()
	conn.Release()
	if want := "1 connections were not given back"; !strings.Contains(recorder.failed.String(), want) {
		t.Errorf("the test's end said %q, not %q", recorder.failed, want)
	}
}
