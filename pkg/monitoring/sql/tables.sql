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
),
defaults AS MATERIALIZED (
    SELECT
        current_setting('autovacuum_vacuum_threshold')::float8 AS threshold,
        current_setting('autovacuum_vacuum_scale_factor')::float8 AS scale,
        current_setting('autovacuum_vacuum_max_threshold')::float8 AS ceiling,
        current_setting('autovacuum')::boolean AS enabled
)
SELECT
    t.nspname::text AS schema_name,
    t.relname::text AS table_name,
    coalesce(pn.nspname || '.' || pc.relname, '') AS parent,
    t.relpages::bigint * current_setting('block_size')::bigint AS bytes,
    GREATEST(t.reltuples, 0)::bigint AS rows_estimated,
    pg_catalog.pg_stat_get_live_tuples(t.oid) AS live_rows,
    pg_catalog.pg_stat_get_dead_tuples(t.oid) AS dead_rows,
    pg_catalog.pg_stat_get_mod_since_analyze(t.oid) AS changed_since_analyze,
    pg_catalog.pg_stat_get_ins_since_vacuum(t.oid) AS inserted_since_vacuum,
    pg_catalog.pg_stat_get_numscans(t.oid) AS seq_scans,
    pg_catalog.pg_stat_get_tuples_returned(t.oid) AS seq_rows,
    pg_catalog.pg_stat_get_tuples_inserted(t.oid) AS inserted,
    pg_catalog.pg_stat_get_tuples_updated(t.oid) AS updated,
    pg_catalog.pg_stat_get_tuples_deleted(t.oid) AS deleted,
    pg_catalog.pg_stat_get_tuples_hot_updated(t.oid) AS hot_updated,
    pg_catalog.pg_stat_get_vacuum_count(t.oid) AS vacuums,
    pg_catalog.pg_stat_get_autovacuum_count(t.oid) AS autovacuums,
    pg_catalog.pg_stat_get_analyze_count(t.oid) AS analyzes,
    pg_catalog.pg_stat_get_autoanalyze_count(t.oid) AS autoanalyzes,
    pg_catalog.pg_stat_get_last_vacuum_time(t.oid) AS last_vacuum,
    pg_catalog.pg_stat_get_last_autovacuum_time(t.oid) AS last_autovacuum,
    pg_catalog.pg_stat_get_last_analyze_time(t.oid) AS last_analyze,
    pg_catalog.pg_stat_get_last_autoanalyze_time(t.oid) AS last_autoanalyze,
    pg_catalog.pg_stat_get_total_vacuum_time(t.oid) AS vacuum_ms,
    pg_catalog.pg_stat_get_total_autovacuum_time(t.oid) AS autovacuum_ms,
    pg_catalog.pg_stat_get_total_analyze_time(t.oid) AS analyze_ms,
    pg_catalog.pg_stat_get_total_autoanalyze_time(t.oid) AS autoanalyze_ms,
    t.xid_age,
    CASE
        WHEN t.relpages > 0 THEN least(t.relallfrozen::float8 / t.relpages, 1)
    END AS frozen_share,
    CASE
        WHEN own.enabled IS DISTINCT FROM false AND defaults.enabled THEN least(
            coalesce(own.threshold, defaults.threshold)
                + coalesce(own.scale, defaults.scale) * GREATEST(t.reltuples, 0),
            NULLIF(coalesce(own.ceiling, defaults.ceiling), -1)
        )
    END AS vacuum_from
FROM largest AS t
CROSS JOIN defaults
LEFT JOIN pg_catalog.pg_class AS pc ON pc.oid = t.parent
LEFT JOIN pg_catalog.pg_namespace AS pn ON pn.oid = pc.relnamespace
LEFT JOIN LATERAL (
    SELECT
        max(o.option_value) FILTER (WHERE o.option_name = 'autovacuum_vacuum_threshold')::float8 AS threshold,
        max(o.option_value) FILTER (WHERE o.option_name = 'autovacuum_vacuum_scale_factor')::float8 AS scale,
        max(o.option_value) FILTER (WHERE o.option_name = 'autovacuum_vacuum_max_threshold')::float8 AS ceiling,
        bool_and(o.option_value::boolean) FILTER (WHERE o.option_name = 'autovacuum_enabled') AS enabled
    FROM pg_catalog.pg_options_to_table(t.reloptions) AS o
) AS own ON t.reloptions IS NOT NULL
ORDER BY t.relpages DESC, t.oid
