-- The largest tables. Pages and rows are those of the last vacuum or analyze:
-- asking the files would take a lock on every table.
WITH largest AS MATERIALIZED (
    SELECT
        c.oid,
        n.nspname,
        c.relname,
        c.relpages,
        c.reltuples,
        c.relallfrozen,
        age(c.relfrozenxid)::bigint AS xid_age,
        c.reloptions,
        (
            SELECT p.inhparent
            FROM pg_catalog.pg_inherits AS p
            WHERE p.inhrelid = c.oid
              AND c.relispartition
            LIMIT 1
        ) AS parent
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm')
      AND n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND n.nspname !~ '^pg_(toast|temp)'
    ORDER BY c.relpages DESC, c.oid
    LIMIT $1::bigint
)
SELECT
    c.nspname::text AS schema_name,
    c.relname::text AS table_name,
    coalesce(pn.nspname || '.' || pc.relname, '') AS parent,
    c.relpages::bigint * current_setting('block_size')::bigint AS bytes,
    GREATEST(c.reltuples, 0)::bigint AS rows_estimated,
    pg_catalog.pg_stat_get_live_tuples(c.oid) AS live_rows,
    pg_catalog.pg_stat_get_dead_tuples(c.oid) AS dead_rows,
    pg_catalog.pg_stat_get_mod_since_analyze(c.oid) AS changed_since_analyze,
    pg_catalog.pg_stat_get_ins_since_vacuum(c.oid) AS inserted_since_vacuum,
    pg_catalog.pg_stat_get_numscans(c.oid) AS seq_scans,
    pg_catalog.pg_stat_get_tuples_returned(c.oid) AS seq_rows,
    pg_catalog.pg_stat_get_tuples_inserted(c.oid) AS inserted,
    pg_catalog.pg_stat_get_tuples_updated(c.oid) AS updated,
    pg_catalog.pg_stat_get_tuples_deleted(c.oid) AS deleted,
    pg_catalog.pg_stat_get_tuples_hot_updated(c.oid) AS hot_updated,
    pg_catalog.pg_stat_get_vacuum_count(c.oid) AS vacuums,
    pg_catalog.pg_stat_get_autovacuum_count(c.oid) AS autovacuums,
    pg_catalog.pg_stat_get_analyze_count(c.oid) AS analyzes,
    pg_catalog.pg_stat_get_autoanalyze_count(c.oid) AS autoanalyzes,
    pg_catalog.pg_stat_get_last_vacuum_time(c.oid) AS last_vacuum,
    pg_catalog.pg_stat_get_last_autovacuum_time(c.oid) AS last_autovacuum,
    pg_catalog.pg_stat_get_last_analyze_time(c.oid) AS last_analyze,
    pg_catalog.pg_stat_get_last_autoanalyze_time(c.oid) AS last_autoanalyze,
    pg_catalog.pg_stat_get_total_vacuum_time(c.oid) AS vacuum_ms,
    pg_catalog.pg_stat_get_total_autovacuum_time(c.oid) AS autovacuum_ms,
    pg_catalog.pg_stat_get_total_analyze_time(c.oid) AS analyze_ms,
    pg_catalog.pg_stat_get_total_autoanalyze_time(c.oid) AS autoanalyze_ms,
    c.xid_age,
    CASE
        WHEN c.relpages > 0 THEN least(c.relallfrozen::float8 / c.relpages, 1)
    END AS frozen_share,
    CASE
        WHEN a.enabled AND (SELECT current_setting('autovacuum')::boolean) THEN a.vacuum_from
    END AS vacuum_from
FROM largest AS c
LEFT JOIN pg_catalog.pg_class AS pc ON pc.oid = c.parent
LEFT JOIN pg_catalog.pg_namespace AS pn ON pn.oid = pc.relnamespace
CROSS JOIN LATERAL (
{autovacuum}
) AS a
ORDER BY c.relpages DESC, c.oid
