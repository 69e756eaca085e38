package doctor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/doctor"
	"github.com/ovasabi/ovasabi/internal/pgtest"
	errs "github.com/ovasabi/ovasabi/pkg/fault"
)

func notChecked(r doctor.Report, id string) *doctor.NotChecked {
	i := slices.IndexFunc(r.Checked.NotChecked, func(n doctor.NotChecked) bool { return n.ID == id })
	if i < 0 {
		return nil
	}
	return &r.Checked.NotChecked[i]
}

func TestWhatARoleMayNotSeeIsSaidWithTheGrant(t *testing.T) {
	db := pgtest.New(t)
	app := run(t, db.AppURL, doctor.Options{})
	require.Equal(t, "GRANT pg_monitor TO ovasabi_app", notChecked(app, "transactions.long").Remedy)
	require.Contains(t, notChecked(app, "transactions.long").Reason, "only a part was seen")
	require.Contains(t, notChecked(app, "server.config_errors").Remedy, "GRANT SELECT ON pg_catalog.pg_file_settings TO ovasabi_app")
	require.Contains(t, notChecked(app, "role.md5_password").Reason, "is no superuser")
	require.NotNil(t, notChecked(app, "settings.memory"))

	// Isolation is judged for the services' role, whoever looks.
	monitor := run(t, db.MonitorURL, doctor.Options{})
	require.Contains(t, monitor.Checked.Checks, "role.isolation")
	require.Empty(t, about(monitor, "role.isolation", ""))
	require.Contains(t, notChecked(monitor, "column.generated").Reason, "ovasabi.service_product_main.price_with_tax_virtual")
	require.Nil(t, notChecked(monitor, "transactions.long"))
}

func TestIsolationIsJudgedForTheRoleThatIsNamed(t *testing.T) {
	db := pgtest.New(t)
	report := run(t, db.OwnerURL, doctor.Options{Only: []string{"role.isolation"}, AppRole: "ovasabi_owner"})
	require.Contains(t, fmt.Sprint(about(report, "role.isolation", "role ovasabi_owner")), "is a superuser, whom no policy holds (seen for the role ovasabi_owner)")
	report = run(t, db.OwnerURL, doctor.Options{Only: []string{"role.isolation"}, AppRole: "nobody_here"})
	require.Contains(t, about(report, "role.isolation", "role nobody_here")[0].Evidence, "does not exist")
}

func TestOnlyTakesIdsAndGroups(t *testing.T) {
	db := pgtest.New(t, pgtest.Empty())
	report := run(t, db.OwnerURL, doctor.Options{Only: []string{"backup", "index.invalid"}})
	require.Equal(t, []string{"index.invalid", "backup.never", "backup.failing"}, report.Checked.Checks)

	config, err := pgx.ParseConfig(db.OwnerURL)
	require.NoError(t, err)
	_, err = doctor.Run(context.Background(), config, doctor.Options{Only: []string{"index.inval"}})
	require.ErrorIs(t, err, errs.Invalid)
	require.EqualError(t, err, `only: "index.inval" is no check and no group of checks: see ovasabi doctor --list`)
}

func TestEveryCheckSaysWhatItIs(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range doctor.Checks() {
		require.False(t, seen[c.ID], c.ID)
		require.NotEmpty(t, c.Finds, c.ID)
		require.NotEmpty(t, c.Why, c.ID)
		require.Contains(t, c.Link, "https://www.postgresql.org/", c.ID)
		seen[c.ID] = true
	}
	require.GreaterOrEqual(t, len(seen), 25)
}

func TestAListOfReleasesThatHasGrownOldSaysSo(t *testing.T) {
	db := pgtest.New(t, pgtest.Empty())
	o := doctor.Options{Only: []string{"server.minor_version"}}
	require.Empty(t, run(t, db.OwnerURL, doctor.Options{Only: o.Only, Releases: upToDate()}).Checked.NotChecked)
	t.Cleanup(doctor.KnownOn(time.Now().AddDate(0, 0, -30)))
	require.Empty(t, run(t, db.OwnerURL, o).Checked.NotChecked)
	doctor.KnownOn(time.Now().AddDate(0, 0, -120))
	require.Contains(t, notChecked(run(t, db.OwnerURL, o), "server.minor_version").Reason, "are not known to this build")
}

func TestAServerThatIsNotThere(t *testing.T) {
	config, err := pgx.ParseConfig("postgres://nobody:x@127.0.0.1:1/none?sslmode=disable&connect_timeout=2")
	require.NoError(t, err)
	_, err = doctor.Run(context.Background(), config, doctor.Options{})
	require.ErrorIs(t, err, errs.Unavailable)
}

func TestARunThatIsCalledOffEnds(t *testing.T) {
	db := pgtest.New(t, pgtest.Empty())
	config, err := pgx.ParseConfig(db.OwnerURL)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = doctor.Run(ctx, config, doctor.Options{})
	require.Error(t, err)
	require.True(t, errors.Is(err, context.Canceled) || errors.Is(err, errs.Canceled), "%v", err)
}

func TestFixDoesWhatIsSafeAndSaysSo(t *testing.T) {
	db := pgtest.New(t)
	exec(t, db.OwnerURL,
		`DROP EXTENSION pg_stat_statements`,
		`CREATE SCHEMA "other people"; CREATE TABLE "other people".t (id int PRIMARY KEY, a int);
		 INSERT INTO "other people".t SELECT n, n % 5 FROM generate_series(1, 5000) AS n; SELECT pg_stat_force_next_flush()`,
		`INSERT INTO ovasabi.service_campaign_main (id, slug, name) VALUES (1, 'one', 'One');
		 INSERT INTO ovasabi.service_user_main (campaign_id, email) VALUES (1, 'a@example.org'), (1, 'b@example.org')`,
	)
	for _, broken := range []string{
		`CREATE UNIQUE INDEX CONCURRENTLY idx_left ON ovasabi.service_user_main (campaign_id)`,
		`CREATE UNIQUE INDEX CONCURRENTLY theirs ON "other people".t (a)`,
	} {
		_, err := db.Owner(t).Exec(context.Background(), broken)
		require.Error(t, err)
	}
	report := run(t, db.OwnerURL, doctor.Options{Fix: true})
	var did []string
	for _, f := range report.Checked.Fixed {
		require.Empty(t, f.Error)
		did = append(did, f.Did)
	}
	require.ElementsMatch(t, []string{
		`CREATE EXTENSION IF NOT EXISTS pg_stat_statements WITH SCHEMA ovasabi`,
		`ANALYZE "other people".t`,
		`DROP INDEX CONCURRENTLY IF EXISTS ovasabi.idx_left`,
	}, did)
	require.Empty(t, about(report, "extension.statements", ""))
	require.Empty(t, about(report, "statistics.missing", "other people"))
	require.Empty(t, about(report, "index.invalid", "idx_left"))
	require.NotEmpty(t, about(report, "index.invalid", "theirs"), "what is not ours stays")
	require.Empty(t, run(t, db.OwnerURL, doctor.Options{Fix: true}).Checked.Fixed, "nothing is left to do")
}

func TestAFixThatFailsIsTold(t *testing.T) {
	db := pgtest.New(t)
	exec(t, db.OwnerURL, `DROP EXTENSION pg_stat_statements`)
	report := run(t, db.AppURL, doctor.Options{Fix: true, Only: []string{"extension"}})
	require.Len(t, report.Checked.Fixed, 1)
	require.Contains(t, report.Checked.Fixed[0].Error, "SQLSTATE 42501")
	require.NotEmpty(t, about(report, "extension.statements", ""))
}

func TestBloatIsMeasuredOnDemand(t *testing.T) {
	db := pgtest.New(t, pgtest.Empty())
	exec(t, db.OwnerURL, filled+`CREATE INDEX i ON public.t (c)`, `DELETE FROM public.t WHERE id % 10 <> 0`, `VACUUM (ANALYZE) public.t`)
	limits := doctor.DefaultLimits()
	limits.BloatBytes = 1 << 20
	o := doctor.Options{Only: []string{"table.bloat", "index.bloat"}, Measure: true, Limits: &limits}
	report := run(t, db.OwnerURL, o)
	require.Contains(t, fmt.Sprint(report.Checked.NotChecked), "pgstattuple is not installed")
	exec(t, db.OwnerURL, `CREATE EXTENSION pgstattuple`)
	report = run(t, db.OwnerURL, o)
	require.Contains(t, about(report, "table.bloat", "public.t")[0].Evidence, "; measured: ")
	require.Equal(t, doctor.Warning, about(report, "index.bloat", "public.i")[0].Severity)
	require.Contains(t, about(report, "index.bloat", "public.i")[0].Evidence, "; measured: ")
}
