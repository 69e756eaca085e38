package doctor_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/doctor"
	"github.com/ovasabi/ovasabi/internal/pgtest"
)

// orders has two campaigns-worth of a leading column with few values, an index on its
// first columns, one on its second, and the wider one that serves both.
const orders = `
CREATE TABLE public.orders (id bigint PRIMARY KEY, region int, status int, at timestamptz, note text);
INSERT INTO public.orders SELECT n, n % 3, n % 500, '2026-01-01Z'::timestamptz + n * interval '1 s', 'x' FROM generate_series(1, 60000) AS n;
CREATE INDEX wide ON public.orders (region, status, at);
CREATE INDEX narrow ON public.orders (region, status);
CREATE INDEX skipped ON public.orders (status);
CREATE INDEX needed ON public.orders (at);
CREATE INDEX needed_wide ON public.orders (note, at, id);
CREATE EXTENSION pg_stat_statements;
GRANT USAGE ON SCHEMA public TO PUBLIC; GRANT ALL ON public.orders TO PUBLIC;
`

func ordersDatabase(t *testing.T) *pgtest.DB {
	t.Helper()
	db := pgtest.New(t, pgtest.WithTemplate("doctor roles", func(ctx context.Context, url string) error {
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		_, err = conn.PgConn().Exec(ctx, orders).ReadAll()
		return err
	}))
	exec(t, db.OwnerURL, `VACUUM (ANALYZE) public.orders`, `SELECT public.pg_stat_statements_reset(0, (SELECT oid FROM pg_database WHERE datname = current_database()))`)
	return db
}

// ask runs statements once, with parameters, as an application would.
func ask(t *testing.T, url string, statements ...string) {
	t.Helper()
	conn := connect(t, url)
	for _, s := range statements {
		_, err := conn.Exec(context.Background(), s, 1)
		require.NoError(t, err, s)
	}
}

func TestARedundantIndexIsProvenByPlanning(t *testing.T) {
	db := ordersDatabase(t)
	ask(t, db.OwnerURL,
		`SELECT note FROM public.orders WHERE region = 1 AND status = $1`,
		`SELECT note FROM public.orders WHERE status = $1`,
		`UPDATE public.orders SET note = 'y' WHERE region = 2 AND status = $1 RETURNING id`,
		`DELETE FROM public.orders AS o WHERE o.region = 2 AND o.status = $1`,
		`SELECT id FROM public.orders WHERE region = 0 AND status = $1 FOR UPDATE`,
		`SELECT id FROM public.orders WHERE at = '2026-01-01Z'::timestamptz + $1 * interval '1 s'`,
	)
	report := run(t, db.OwnerURL, doctor.Options{Only: []string{"index.redundant"}, Prove: true})
	narrow := about(report, "index.redundant", "public.narrow")
	require.Equal(t, doctor.Warning, narrow[0].Severity, "%+v", narrow)
	require.Contains(t, narrow[0].Evidence, "public.wide begins with its columns (region, status)")
	require.Contains(t, narrow[0].Evidence, "Proven: 6 recorded statements on public.orders were planned")
	skipped := about(report, "index.redundant", "public.skipped")
	require.NotEmpty(t, skipped, "%+v", report)
	require.Contains(t, skipped[0].Evidence, "public.wide holds, further on, its columns (status)")
	// at is in needed_wide as well, behind a column without any value in the query: no skip scan makes up for that.
	require.NotContains(t, severities(about(report, "index.redundant", "public.needed")), doctor.Warning)

	// The proof left nothing behind.
	var invalid int
	require.NoError(t, db.Owner(t).QueryRow(context.Background(), `SELECT count(*) FROM pg_catalog.pg_index WHERE NOT indisvalid`).Scan(&invalid))
	require.Zero(t, invalid)
}

func severities(found []doctor.Finding) (list []doctor.Severity) {
	for _, f := range found {
		list = append(list, f.Severity)
	}
	return list
}

func TestWithoutProofARedundantIndexIsNoWarning(t *testing.T) {
	pgtest.New(t) // its migration makes the roles, which all databases share
	db := ordersDatabase(t)
	for name, c := range map[string]struct {
		url, why string
		prove    bool
		ask      []string
	}{
		"no statement was recorded":       {db.OwnerURL, "Not proven: no statement on the table was recorded", true, nil},
		"it was not asked for":            {db.OwnerURL, "Not proven: without the extension hypopg an index is hidden", false, []string{`SELECT note FROM public.orders WHERE status = $1`}},
		"the role may not hide an index":  {db.MonitorURL, "Not proven: only a superuser", true, nil},
		"a statement that cannot be read": {db.OwnerURL, "Not proven: 1 statements on the table could not be planned", true, []string{`SELECT id FROM public.orders WHERE id IN (SELECT id FROM public.orders WHERE status = $1 FOR UPDATE)`}},
	} {
		t.Run(name, func(t *testing.T) {
			ask(t, db.OwnerURL, c.ask...)
			report := run(t, c.url, doctor.Options{Only: []string{"index.redundant"}, Prove: c.prove})
			found := about(report, "index.redundant", "public.narrow")
			require.Equal(t, doctor.Info, found[0].Severity)
			require.Contains(t, found[0].Evidence, c.why)
			exec(t, db.OwnerURL, `SELECT public.pg_stat_statements_reset(0, (SELECT oid FROM pg_database WHERE datname = current_database()))`)
		})
	}
}

// A role that may log in and owns a function could have it run by a superuser who plans.
func TestStatementsOfARoleWithFunctionsAreNotPlanned(t *testing.T) {
	db := ordersDatabase(t)
	exec(t, db.OwnerURL, `CREATE FUNCTION public.f() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'; ALTER FUNCTION public.f() OWNER TO `+pgtest.AppRole)
	report := run(t, db.OwnerURL, doctor.Options{Only: []string{"index.redundant"}, Prove: true})
	require.Contains(t, about(report, "index.redundant", "public.narrow")[0].Evidence, "owns functions here")
}

func TestAMissingIndexIsNamed(t *testing.T) {
	db := ordersDatabase(t)
	exec(t, db.OwnerURL, `DROP INDEX public.wide, public.narrow, public.skipped, public.needed, public.needed_wide`)
	ask(t, db.OwnerURL, `SELECT id FROM public.orders AS o WHERE o.status = $1 AND o.region = 1 AND o.at > '2026-01-01 12:00Z'`)
	limits := doctor.DefaultLimits()
	limits.SlowQuery = 0
	report := run(t, db.OwnerURL, doctor.Options{Only: []string{"index.missing"}, Limits: &limits})
	found := about(report, "index.missing", "public.orders")
	require.Len(t, found, 1, "%+v", report)
	require.Contains(t, found[0].Evidence, "reads all 60000 rows")
	require.Contains(t, found[0].Remedy, `CREATE INDEX CONCURRENTLY ON "public"."orders" (status, region, at)`)
	require.NotContains(t, found[0].Evidence+found[0].Remedy, "SELECT")
}
