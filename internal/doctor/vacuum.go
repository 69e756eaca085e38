package doctor

import (
	"context"

	"github.com/ovasabi/ovasabi/pkg/monitoring"
)

// upkeep is what the server counts of each table, and what autovacuum goes by there.
var upkeep = `
WITH upkeep AS (
    SELECT
        c.oid,
        format('%I.%I', n.nspname, c.relname) AS name,
        c.relkind,
        greatest(c.reltuples, 0)::float8 AS rows,
        c.reltuples < 0 AS unknown,
        c.relfrozenxid,
        c.relminmxid,
        s.n_live_tup, s.n_dead_tup, s.n_mod_since_analyze,
        s.last_vacuum, s.last_autovacuum, s.last_analyze, s.last_autoanalyze,
        a.enabled, a.vacuum_from, a.analyze_from, a.freeze_age, a.multixact_freeze_age
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_stat_all_tables AS s ON s.relid = c.oid
    CROSS JOIN LATERAL (
` + monitoring.Autovacuum() + `
    ) AS a
    WHERE c.relkind IN ('r', 'm')
      AND c.relpersistence <> 't'
      AND ` + userSchemas + `
)`

var neverAnalyzed = check{
	id:    "statistics.missing",
	finds: "tables that were never analyzed",
	why:   "The planner guesses: it takes the wrong index, or none, and the wrong join.",
	link:  docs + "routine-vacuuming.html#VACUUM-FOR-STATISTICS",
	run: func(ctx context.Context, e *examination, c check) ([]Finding, error) {
		found, err := query(ctx, e, c)
		for i := range found {
			found[i].fix = []string{found[i].Remedy}
		}
		return found, err
	},
	sql: upkeep + `
SELECT
    'warning',
    u.name,
    format('was never analyzed, and about %s rows were written to it', greatest(u.n_live_tup, u.n_mod_since_analyze)),
    'ANALYZE ' || u.name
FROM upkeep AS u
WHERE u.last_analyze IS NULL
  AND u.last_autoanalyze IS NULL
  AND greatest(u.n_live_tup, u.n_mod_since_analyze) >= 1000
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_statistic AS s WHERE s.starelid = u.oid)
ORDER BY greatest(u.n_live_tup, u.n_mod_since_analyze) DESC
LIMIT 100`,
}

var staleStatistics = check{
	id:    "statistics.stale",
	finds: "tables that changed much since they were analyzed",
	why:   "The planner counts on rows that are no longer so: its choices are those for another table.",
	link:  docs + "routine-vacuuming.html#VACUUM-FOR-STATISTICS",
	sql: upkeep + `
SELECT
    'warning',
    u.name,
    format('%s rows changed since its last analyze, of about %s; autovacuum should have come at %s', u.n_mod_since_analyze, u.rows::bigint, u.analyze_from::bigint),
    'ANALYZE ' || u.name || '; if it comes back, give autovacuum more workers or a higher cost limit'
FROM upkeep AS u
WHERE u.n_mod_since_analyze > @behind::float8 * u.analyze_from
  AND u.n_mod_since_analyze >= @dead_rows::bigint
  AND coalesce(u.last_analyze, u.last_autoanalyze) IS NOT NULL
ORDER BY u.n_mod_since_analyze DESC
LIMIT 100`,
}

var vacuumBehind = check{
	id:    "vacuum.behind",
	finds: "tables falling behind vacuum",
	why:   "Dead rows are read and skipped by every scan, and the table grows over them.",
	link:  docs + "routine-vacuuming.html#VACUUM-FOR-SPACE-RECOVERY",
	sql: upkeep + `
SELECT
    'warning',
    u.name,
    format('%s dead rows beside %s live ones, and autovacuum should have come at %s; last vacuumed %s',
        u.n_dead_tup, u.n_live_tup, u.vacuum_from::bigint,
        coalesce(to_char(greatest(u.last_vacuum, u.last_autovacuum) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI"Z"'), 'never')),
    'VACUUM (ANALYZE) ' || u.name || '; if dead rows stay, look for what holds them back: ovasabi doctor --only transactions,replication'
FROM upkeep AS u
WHERE u.enabled
  AND u.n_dead_tup >= @dead_rows::bigint
  AND u.n_dead_tup > @behind::float8 * u.vacuum_from
ORDER BY u.n_dead_tup DESC
LIMIT 100`,
}

var vacuumOff = check{
	id:    "vacuum.off",
	finds: "tables with autovacuum switched off",
	why:   "Nobody removes this table's dead rows or keeps its statistics true, unless somebody does it by hand for ever.",
	link:  docs + "sql-createtable.html#RELOPTION-AUTOVACUUM-ENABLED",
	sql: upkeep + `
SELECT
    CASE WHEN u.n_dead_tup >= @dead_rows::bigint THEN 'warning' ELSE 'info' END,
    u.name,
    format('autovacuum is off here, and %s dead rows lie about beside %s live ones', u.n_dead_tup, u.n_live_tup),
    format('ALTER TABLE %s RESET (autovacuum_enabled)', u.name)
FROM upkeep AS u
WHERE NOT u.enabled
ORDER BY u.n_dead_tup DESC NULLS LAST
LIMIT 100`,
}

var vacuumFreeze = check{
	id:    "vacuum.freeze",
	finds: "tables that should have been frozen",
	why:   "Rows must be frozen before transaction ids run out. Autovacuum should have done it by now, so something holds it back.",
	link:  docs + "routine-vacuuming.html#VACUUM-FOR-WRAPAROUND",
	sql: upkeep + `
SELECT
    CASE
        WHEN greatest(age(u.relfrozenxid), mxid_age(u.relminmxid)) > 1600000000 THEN 'error'
        ELSE 'warning'
    END,
    u.name,
    format('its oldest row is %s transactions and %s multixacts old; autovacuum should have come at %s', age(u.relfrozenxid), mxid_age(u.relminmxid), u.freeze_age),
    'VACUUM (FREEZE) ' || u.name || '; end what holds it back first: ovasabi doctor --only transactions,replication'
FROM upkeep AS u
WHERE u.relfrozenxid <> '0'
  -- A tenth more than the limit: it may be on its way at this moment.
  AND (age(u.relfrozenxid) > 1.1 * u.freeze_age
    OR mxid_age(u.relminmxid) > 1.1 * u.multixact_freeze_age)
ORDER BY age(u.relfrozenxid) DESC
LIMIT 100`,
}

var wraparound = check{
	id:    "wraparound",
	finds: "databases near the end of their transaction ids",
	why:   "3 million transactions before the 2,147,483,648th the server refuses every write until the database was vacuumed.",
	link:  docs + "routine-vacuuming.html#VACUUM-FOR-WRAPAROUND",
	sql: `
SELECT
    CASE WHEN greatest(age(d.datfrozenxid), mxid_age(d.datminmxid)) > 1600000000 THEN 'error' ELSE 'warning' END,
    'database ' || d.datname,
    format('its oldest transaction is %s and its oldest multixact %s behind, %s%% of what there is',
        age(d.datfrozenxid), mxid_age(d.datminmxid), round(greatest(age(d.datfrozenxid), mxid_age(d.datminmxid)) / 21474836.48, 2)),
    'as a superuser run VACUUM (FREEZE) on the tables of greatest age in it, and end old transactions, prepared transactions and unused replication slots'
FROM pg_catalog.pg_database AS d
WHERE greatest(age(d.datfrozenxid), mxid_age(d.datminmxid)) > 800000000
   OR age(d.datfrozenxid) > 1.5 * current_setting('autovacuum_freeze_max_age')::bigint
ORDER BY age(d.datfrozenxid) DESC`,
}
