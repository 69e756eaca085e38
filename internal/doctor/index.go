package doctor

import "context"

var invalidIndex = check{
	id:    "index.invalid",
	finds: "invalid indexes",
	why:   "No query uses such an index, and every write keeps it up to date all the same. A unique one may keep nothing unique.",
	link:  docs + "sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY",
	run:   findInvalidIndexes,
}

type invalid struct {
	Object, Evidence, Remedy string
	Leftover                 bool
	Drop                     string
}

// A leftover is an index of our own schema that may simply go: no constraint and no
// partitioned index stands on it, and nobody is at work on it.
const invalidSQL = `
WITH invalid AS (
    SELECT
        i.indexrelid,
        i.indrelid,
        format('%I.%I', n.nspname, c.relname) AS name,
        c.relname,
        c.relkind,
        n.nspname,
        c.relpages,
        i.indisready,
        i.indislive,
        EXISTS (
            SELECT
            FROM pg_catalog.pg_stat_progress_create_index AS p
            WHERE p.relid = i.indrelid
        ) OR EXISTS (
            SELECT
            FROM pg_catalog.pg_locks AS l
            WHERE l.relation = i.indexrelid
              AND l.pid <> pg_catalog.pg_backend_pid()
              AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())
        ) AS busy,
        EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.conindid = i.indexrelid) AS constrains,
        EXISTS (SELECT FROM pg_catalog.pg_inherits AS h WHERE h.inhrelid = i.indexrelid) AS part
    FROM pg_catalog.pg_index AS i
    JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE NOT (i.indisvalid AND i.indisready AND i.indislive)
)
SELECT
    i.name,
    format('on %s; %s kB%s', i.indrelid::regclass, i.relpages::bigint * 8,
        CASE
            WHEN NOT i.indislive THEN ', half dropped'
            WHEN i.relkind = 'I' THEN ', some of its partitions have no such index'
            WHEN i.relname ~ '_cc(new|old)[0-9]*$' THEN ', left by a REINDEX CONCURRENTLY that was broken off'
            ELSE ', left by a CREATE INDEX CONCURRENTLY that was broken off or failed'
        END),
    CASE
        WHEN i.relkind = 'I' THEN format('make the index on every partition CONCURRENTLY, then ALTER INDEX %s ATTACH PARTITION each', i.name)
        WHEN NOT i.indislive OR i.relname ~ '_cc(new|old)[0-9]*$' THEN format('DROP INDEX CONCURRENTLY %s', i.name)
        WHEN i.nspname = 'ovasabi' THEN format('DROP INDEX CONCURRENTLY %s; then ovasabi migrate up, which builds it again', i.name)
        ELSE format('REINDEX INDEX CONCURRENTLY %s, or DROP INDEX CONCURRENTLY %s', i.name, i.name)
    END,
    i.nspname = 'ovasabi' AND i.relkind = 'i' AND NOT i.constrains AND NOT i.part AND NOT i.busy,
    format('DROP INDEX CONCURRENTLY IF EXISTS %s', i.name)
FROM invalid AS i
WHERE NOT i.busy
ORDER BY i.name
LIMIT 100`

func findInvalidIndexes(ctx context.Context, e *examination, _ check) ([]Finding, error) {
	rows, err := read[invalid](ctx, e, invalidSQL)
	if err != nil {
		return nil, err
	}
	found := make([]Finding, len(rows))
	for i, r := range rows {
		found[i] = Finding{Severity: Warning, Object: r.Object, Evidence: r.Evidence, Remedy: r.Remedy}
		if r.Leftover && e.facts.Ours {
			found[i].fix = []string{r.Drop}
		}
	}
	return found, nil
}

var duplicateIndex = check{
	id:    "index.duplicate",
	finds: "indexes that stand twice",
	why:   "Every write maintains both, and one serves as well as two.",
	link:  docs + "indexes-intro.html",
	// The one to keep comes first: what a constraint needs, then what is unique, then the older one.
	sql: `
WITH definition AS (
    SELECT
        i.indexrelid,
        i.indrelid,
        c.relpages,
        row_number() OVER same AS place,
        first_value(i.indexrelid) OVER same AS kept,
        EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.conindid = i.indexrelid) AS constrains,
        i.indisunique
    FROM pg_catalog.pg_index AS i
    JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE i.indisvalid
      AND NOT c.relispartition
      AND ` + userSchemas + `
    WINDOW same AS (
        PARTITION BY
            i.indrelid, c.relam, i.indnkeyatts, i.indkey::text, i.indclass::text, i.indcollation::text, i.indoption::text,
            coalesce(pg_catalog.pg_get_expr(i.indexprs, i.indrelid), ''), coalesce(pg_catalog.pg_get_expr(i.indpred, i.indrelid), '')
        ORDER BY
            EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.conindid = i.indexrelid) DESC,
            i.indisreplident DESC, i.indisunique DESC, i.indexrelid
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    )
)
SELECT
    'warning',
    d.indexrelid::regclass::text,
    format('is the same as %s on %s; %s kB', d.kept::regclass, d.indrelid::regclass, d.relpages::bigint * 8),
    CASE
        WHEN d.constrains THEN format('drop one of the two constraints on %s', d.indrelid::regclass)
        ELSE format('DROP INDEX CONCURRENTLY %s', d.indexrelid::regclass)
    END
FROM definition AS d
WHERE d.place > 1
ORDER BY d.relpages DESC, 2
LIMIT 100`,
}

var unusedIndex = check{
	id:    "index.unused",
	finds: "indexes that are written and never searched",
	why:   "Every write maintains the index, vacuum cleans it, and it takes room in the cache. A standby counts its own searches: look there as well.",
	link:  docs + "monitoring-stats.html#MONITORING-PG-STAT-ALL-INDEXES-VIEW",
	sql: `
WITH since AS (
    SELECT d.stats_reset
    FROM pg_catalog.pg_stat_database AS d
    WHERE d.datname = current_database()
)
SELECT
    CASE WHEN s.stats_reset < clock_timestamp() - interval '7 days' THEN 'warning' ELSE 'info' END,
    format('%I.%I', u.schemaname, u.indexrelname),
    format('0 searches while %s rows of %I.%I were written and the table was scanned %s times; %s kB; counted since %s%s',
        t.n_tup_ins + t.n_tup_upd, t.schemaname, t.relname, t.seq_scan + coalesce(t.idx_scan, 0), c.relpages::bigint * 8,
        coalesce(to_char(s.stats_reset AT TIME ZONE 'UTC', 'YYYY-MM-DD'), 'the database was made'),
        CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_stat_replication) THEN '; a standby may use it' ELSE '' END),
    format('see the standbys and the reports that run seldom; then DROP INDEX CONCURRENTLY %I.%I', u.schemaname, u.indexrelname)
FROM pg_catalog.pg_stat_user_indexes AS u
JOIN pg_catalog.pg_stat_user_tables AS t ON t.relid = u.relid
JOIN pg_catalog.pg_class AS c ON c.oid = u.indexrelid
JOIN pg_catalog.pg_index AS i ON i.indexrelid = u.indexrelid
CROSS JOIN since AS s
WHERE u.idx_scan = 0
  AND i.indisvalid
  AND NOT i.indisunique
  AND NOT i.indisexclusion
  AND NOT i.indisreplident
  AND c.relpages::bigint * 8192 >= @unused_bytes::bigint
  AND t.n_tup_ins + t.n_tup_upd >= @unused_writes::bigint
  AND t.seq_scan + coalesce(t.idx_scan, 0) >= 100
ORDER BY c.relpages DESC
LIMIT 100`,
}

var foreignKeyIndex = check{
	id:    "index.foreign_key",
	finds: "foreign keys without an index behind them",
	why:   "Every DELETE of a row that is referred to, and every change of its key, reads the whole referring table.",
	link:  docs + "ddl-constraints.html#DDL-CONSTRAINTS-FK",
	sql: `
SELECT
    CASE WHEN t.n_tup_del > 0 THEN 'warning' ELSE 'info' END,
    format('%s on %I.%I', k.conname, n.nspname, c.relname),
    format('no index begins with (%s); about %s rows are read for each of the %s rows that were deleted from %s so far',
        f.columns, greatest(c.reltuples, 0)::bigint, coalesce(t.n_tup_del, 0), k.confrelid::regclass),
    format('CREATE INDEX CONCURRENTLY ON %I.%I (%s)', n.nspname, c.relname, f.columns)
FROM pg_catalog.pg_constraint AS k
JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_stat_user_tables AS t ON t.relid = k.confrelid
CROSS JOIN LATERAL (
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY key.place) AS columns
    FROM unnest(k.conkey) WITH ORDINALITY AS key (attnum, place)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = key.attnum
) AS f
WHERE k.contype = 'f'
  AND k.conparentid = 0
  AND c.reltuples >= @large_rows::bigint
  AND ` + userSchemas + `
  AND NOT EXISTS (
      SELECT
      FROM pg_catalog.pg_index AS i
      WHERE i.indrelid = k.conrelid
        AND i.indisvalid
        AND i.indpred IS NULL
        -- The first columns of the index are those of the key, in whatever order.
        AND (string_to_array(i.indkey::text, ' ')::smallint[])[1:cardinality(k.conkey)] @> k.conkey
  )
ORDER BY c.reltuples DESC
LIMIT 50`,
}
