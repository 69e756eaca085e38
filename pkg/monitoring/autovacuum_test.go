package monitoring_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/monitoring"
)

func TestWhatAutovacuumGoesBy(t *testing.T) {
	db := pgtest.New(t)
	exec(t, db.Owner(t), `
CREATE TABLE ovasabi.defaults (id int);
CREATE TABLE ovasabi.own (id int) WITH (
    autovacuum_enabled = off,
    autovacuum_vacuum_threshold = 10,
    autovacuum_vacuum_scale_factor = 0.5,
    autovacuum_vacuum_insert_threshold = -1,
    autovacuum_vacuum_insert_scale_factor = 0.3,
    autovacuum_analyze_threshold = 20,
    autovacuum_analyze_scale_factor = 0.25,
    autovacuum_freeze_max_age = 100000,
    autovacuum_multixact_freeze_max_age = 20000
);
CREATE TABLE ovasabi.later (id int) WITH (autovacuum_freeze_max_age = 1999999999, autovacuum_vacuum_max_threshold = 7);
CREATE TABLE ovasabi.boundless (id int) WITH (autovacuum_vacuum_max_threshold = -1, autovacuum_vacuum_scale_factor = 1);
INSERT INTO ovasabi.own SELECT generate_series(1, 1000);
INSERT INTO ovasabi.later SELECT generate_series(1, 1000);
INSERT INTO ovasabi.boundless SELECT generate_series(1, 1000);
ANALYZE ovasabi.own;
ANALYZE ovasabi.later;
ANALYZE ovasabi.boundless`)
	type rule struct {
		Enabled                       bool
		VacuumBase, VacuumScale       float64
		VacuumMost                    float64
		InsertBase, InsertScale       float64
		AnalyzeBase, AnalyzeScale     float64
		FreezeAge, MultixactFreezeAge int64
		VacuumFrom, AnalyzeFrom       float64
	}
	of := func(table string) rule {
		t.Helper()
		rows, err := db.App(t).Query(t.Context(), `
SELECT a.*
FROM pg_catalog.pg_class AS c
CROSS JOIN LATERAL (
`+monitoring.Autovacuum()+`
) AS a
WHERE c.oid = $1::text::regclass`, table)
		require.NoError(t, err)
		r, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[rule])
		require.NoError(t, err)
		return r
	}
	var most float64
	require.NoError(t, db.App(t).QueryRow(t.Context(), `SELECT current_setting('autovacuum_vacuum_max_threshold')::float8`).Scan(&most))
	require.Equal(t, rule{
		Enabled: true, VacuumBase: 50, VacuumScale: 0.2, VacuumMost: most, InsertBase: 1000, InsertScale: 0.2,
		AnalyzeBase: 50, AnalyzeScale: 0.1, FreezeAge: 200_000_000, MultixactFreezeAge: 400_000_000,
		VacuumFrom: 50, AnalyzeFrom: 50,
	}, of("ovasabi.defaults"), "the server's, of no rows")
	require.Equal(t, rule{
		VacuumBase: 10, VacuumScale: 0.5, VacuumMost: most, InsertBase: -1, InsertScale: 0.3,
		AnalyzeBase: 20, AnalyzeScale: 0.25, FreezeAge: 100_000, MultixactFreezeAge: 20_000,
		VacuumFrom: 510, AnalyzeFrom: 270,
	}, of("ovasabi.own"))
	later := of("ovasabi.later")
	require.EqualValues(t, 200_000_000, later.FreezeAge, "a table may be frozen sooner than the server says, not later")
	require.InDelta(t, 7, later.VacuumFrom, 0)
	require.InDelta(t, 1050, of("ovasabi.boundless").VacuumFrom, 0)
}
