package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

var tableBloat = check{
	id:    "table.bloat",
	finds: "tables that are mostly air (estimated; --measure measures)",
	why:   "Scans read the air, the cache holds it, and backups copy it.",
	link:  docs + "routine-vacuuming.html#VACUUM-FOR-SPACE-RECOVERY",
	run: func(ctx context.Context, e *examination, c check) ([]Finding, error) {
		return findBloat(ctx, e, c, tableBloatSQL, "SELECT 100 - (approx_free_percent + dead_tuple_percent) FROM %s.pgstattuple_approx($1::oid::regclass)")
	},
}

var indexBloat = check{
	id:    "index.bloat",
	finds: "B-tree indexes that are mostly air (estimated; --measure measures)",
	why:   "Searches read more pages than they need, and the cache holds the air.",
	link:  docs + "routine-reindex.html",
	run: func(ctx context.Context, e *examination, c check) ([]Finding, error) {
		return findBloat(ctx, e, c, indexBloatSQL, "SELECT avg_leaf_density FROM %s.pgstatindex($1::oid::regclass)")
	},
}

type bloat struct {
	OID      uint32
	Object   string
	Evidence string
	Remedy   string
}

// The size that the rows need: 24 bytes of header, the columns' mean widths from
// the statistics, rounded up to 8, and 4 bytes of pointer, on pages of 8168 bytes
// filled to the fill factor. What has columns without statistics is not estimated.
const tableBloatSQL = `
WITH large AS (
    SELECT
        c.oid, n.nspname, c.relname, c.relpages::bigint AS pages, c.reltuples::numeric AS rows,
        coalesce((
            SELECT o.option_value::numeric
            FROM pg_catalog.pg_options_to_table(c.reloptions) AS o
            WHERE o.option_name = 'fillfactor'
        ), 100) / 100 AS fill
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm')
      AND c.reltuples >= 0
      AND c.relpages::bigint * 8192 >= @bloat_bytes::bigint
      AND ` + userSchemas + `
),
width AS (
    SELECT
        l.oid,
        ceil((24 + sum(coalesce(s.avg_width, 0) * (1 - coalesce(s.null_frac, 0)))::numeric) / 8) * 8 + 4 AS bytes
    FROM large AS l
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = l.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> 'v'
    LEFT JOIN pg_catalog.pg_stats AS s ON s.schemaname = l.nspname AND s.tablename = l.relname AND s.attname = a.attname AND NOT s.inherited
    GROUP BY l.oid
    HAVING bool_and(s.attname IS NOT NULL) OR min(l.rows) = 0
),
estimate AS (
    SELECT l.oid, l.nspname, l.relname, l.pages, l.rows, ceil(l.rows * w.bytes / (8168 * l.fill)) AS needed
    FROM large AS l
    JOIN width AS w ON w.oid = l.oid
)
SELECT
    e.oid,
    format('%I.%I', e.nspname, e.relname),
    format('about %s MB of %s MB are air, %s%%, by the statistics of its %s rows', round((e.pages - e.needed) / 128), round(e.pages / 128.0), round(100 * (e.pages - e.needed) / e.pages), e.rows::bigint),
    format('first end what holds vacuum back; then pg_repack, or at a quiet time VACUUM (FULL) %I.%I, which locks the table for as long as it takes', e.nspname, e.relname)
FROM estimate AS e
WHERE (e.pages - e.needed) * 8192 >= @bloat_bytes::bigint
  AND (e.pages - e.needed) >= @bloat_share::float8 * e.pages
ORDER BY e.pages - e.needed DESC
LIMIT 50`

// An entry takes 8 bytes of header, 4 of pointer and its columns, on pages of 8152
// bytes filled to nine tenths; equal entries take less, so that this is the most.
const indexBloatSQL = `
WITH large AS (
    SELECT
        c.oid, n.nspname, c.relname, i.indrelid, i.indkey, c.relpages::bigint AS pages, c.reltuples::numeric AS rows,
        tn.nspname AS table_schema, t.relname AS table_name
    FROM pg_catalog.pg_index AS i
    JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_am AS m ON m.oid = c.relam
    JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
    JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.relnamespace
    WHERE m.amname = 'btree'
      AND i.indisvalid
      AND i.indexprs IS NULL
      AND c.relkind = 'i'
      AND c.reltuples >= 0
      AND c.relpages::bigint * 8192 >= @bloat_bytes::bigint
      AND ` + userSchemas + `
),
width AS (
    SELECT
        l.oid,
        ceil((8 + sum(coalesce(s.avg_width, 0))::numeric) / 8) * 8 + 4 AS bytes
    FROM large AS l
    CROSS JOIN LATERAL unnest(l.indkey::smallint[]) AS k (attnum)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = l.indrelid AND a.attnum = k.attnum
    LEFT JOIN pg_catalog.pg_stats AS s ON s.schemaname = l.table_schema AND s.tablename = l.table_name AND s.attname = a.attname AND NOT s.inherited
    GROUP BY l.oid
    HAVING bool_and(s.attname IS NOT NULL) OR min(l.rows) = 0
),
estimate AS (
    SELECT l.oid, l.nspname, l.relname, l.pages, l.rows, ceil(l.rows * w.bytes / (8152 * 0.9)) + 1 AS needed
    FROM large AS l
    JOIN width AS w ON w.oid = l.oid
)
SELECT
    e.oid,
    format('%I.%I', e.nspname, e.relname),
    format('about %s MB of %s MB are air, %s%%, by the statistics of its %s entries', round((e.pages - e.needed) / 128), round(e.pages / 128.0), round(100 * (e.pages - e.needed) / e.pages), e.rows::bigint),
    format('REINDEX INDEX CONCURRENTLY %I.%I', e.nspname, e.relname)
FROM estimate AS e
WHERE (e.pages - e.needed) * 8192 >= @bloat_bytes::bigint
  AND (e.pages - e.needed) >= @bloat_share::float8 * e.pages
ORDER BY e.pages - e.needed DESC
LIMIT 50`

// findBloat estimates and, where it is asked for, measures what was estimated.
// measure returns the share in use, 0 to 100.
func findBloat(ctx context.Context, e *examination, c check, estimate, measure string) ([]Finding, error) {
	rows, err := read[bloat](ctx, e, estimate, e.args())
	if err != nil {
		return nil, err
	}
	mayMeasure := e.options.Measure && len(rows) > 0
	switch {
	case !mayMeasure:
	case e.facts.Pgstattuple == "":
		e.notChecked(c.id, "the estimates were not measured: pgstattuple is not installed in this database", "CREATE EXTENSION pgstattuple")
		mayMeasure = false
	case !e.facts.Superuser && !e.facts.ScansTables:
		e.notChecked(c.id, "the estimates were not measured: the role "+e.facts.Role+" may not use pgstattuple", "GRANT pg_stat_scan_tables TO "+quote(e.facts.Role))
		mayMeasure = false
	}
	var found []Finding
	for _, r := range rows {
		f := Finding{Severity: Warning, Object: r.Object, Evidence: r.Evidence, Remedy: r.Remedy}
		if mayMeasure {
			if err := e.measure(ctx, r, fmt.Sprintf(measure, e.facts.Pgstattuple), &f); err != nil {
				return nil, err
			}
		}
		found = append(found, f)
	}
	return found, nil
}

// measure puts the truth behind the estimate, and lowers a finding that does not hold.
func (e *examination) measure(ctx context.Context, r bloat, text string, f *Finding) error {
	var used []float64
	err := e.within(ctx, readOnly, e.limits.MeasureTimeout, func() (err error) {
		type share struct{ Used float64 }
		rows, err := rowsOf[share](ctx, e, text, r.OID)
		for _, s := range rows {
			used = append(used, s.Used)
		}
		return err
	})
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && (pg.Code == fault.CodeQueryCanceled || pg.Code == fault.CodeLockNotAvailable) {
		f.Evidence += fmt.Sprintf("; it could not be measured within %s", e.limits.MeasureTimeout)
		return nil
	}
	if err != nil || len(used) != 1 {
		return err
	}
	f.Evidence += fmt.Sprintf("; measured: %.0f%% in use", used[0])
	if used[0] > 100*(1-e.limits.BloatShare) {
		f.Severity = Info
		f.Evidence += ", so the estimate was wrong"
	}
	return nil
}
