-- What the snapshot does not hold of each table: the thresholds that autovacuum
-- takes for it, its own storage parameters before the server's settings.
-- Source: https://www.postgresql.org/docs/18/routine-vacuuming.html#AUTOVACUUM
SELECT
    n.nspname::text AS schema_name,
    c.relname::text AS table_name,
    c.relkind::text AS kind,
    c.reltuples::float8 AS rows_recorded,
    c.relpages::bigint * current_setting('block_size')::bigint AS bytes,
    CASE WHEN c.relpages > 0 THEN least(c.relallvisible::float8 / c.relpages, 1) ELSE 0 END AS visible_share,
    coalesce((
        SELECT sum(x.relpages)::bigint * current_setting('block_size')::bigint
        FROM pg_catalog.pg_index AS i
        JOIN pg_catalog.pg_class AS x ON x.oid = i.indexrelid
        WHERE i.indrelid = c.oid
    ), 0)::bigint AS index_bytes,
    pg_catalog.pg_stat_get_last_analyze_time(c.oid) AS last_analyze,
    CASE WHEN c.relkind = 'p' THEN 0 ELSE mxid_age(c.relminmxid) END::bigint AS multixact_age,
    coalesce(o.enabled, true) AS enabled,
    coalesce(o.vacuum_base, current_setting('autovacuum_vacuum_threshold')::float8) AS vacuum_base,
    coalesce(o.vacuum_scale, current_setting('autovacuum_vacuum_scale_factor')::float8) AS vacuum_scale,
    coalesce(o.vacuum_most, current_setting('autovacuum_vacuum_max_threshold')::float8) AS vacuum_most,
    coalesce(o.insert_base, current_setting('autovacuum_vacuum_insert_threshold')::float8) AS insert_base,
    coalesce(o.insert_scale, current_setting('autovacuum_vacuum_insert_scale_factor')::float8) AS insert_scale,
    coalesce(o.analyze_base, current_setting('autovacuum_analyze_threshold')::float8) AS analyze_base,
    coalesce(o.analyze_scale, current_setting('autovacuum_analyze_scale_factor')::float8) AS analyze_scale,
    least(o.freeze_age, current_setting('autovacuum_freeze_max_age')::bigint) AS freeze_age,
    least(o.multixact_age, current_setting('autovacuum_multixact_freeze_max_age')::bigint) AS multixact_freeze_age,
    coalesce(c.reloptions, '{}')::text[] AS options,
    pg_catalog.has_table_privilege(c.oid, 'MAINTAIN') AS may_maintain,
    pg_catalog.pg_has_role(c.relowner, 'USAGE') AS may_alter,
    pg_catalog.has_table_privilege(c.oid, 'SELECT') AND pg_catalog.has_table_privilege(c.oid, 'DELETE') AS may_delete
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT
        min(p.option_value) FILTER (WHERE p.option_name = 'autovacuum_enabled')::boolean AS enabled,
        min(p.option_value) FILTER (WHERE p.option_name = 'autovacuum_vacuum_threshold')::float8 AS vacuum_base,
        min(p.option_value) FILTER (WHERE p.option_name = 'autovacuum_vacuum_scale_factor')::float8 AS vacuum_scale,
        min(p.option_value) FILTER (WHERE p.option_name = 'autovacuum_vacuum_max_threshold')::float8 AS vacuum_most,
        min(p.option_value) FILTER (WHERE p.option_name = 'autovacuum_vacuum_insert_threshold')::float8 AS insert_base,
        min(p.option_value) FILTER (WHERE p.option_name = 'autovacuum_vacuum_insert_scale_factor')::float8 AS insert_scale,
        min(p.option_value) FILTER (WHERE p.option_name = 'autovacuum_analyze_threshold')::float8 AS analyze_base,
        min(p.option_value) FILTER (WHERE p.option_name = 'autovacuum_analyze_scale_factor')::float8 AS analyze_scale,
        min(p.option_value) FILTER (WHERE p.option_name = 'autovacuum_freeze_max_age')::bigint AS freeze_age,
        min(p.option_value) FILTER (WHERE p.option_name = 'autovacuum_multixact_freeze_max_age')::bigint AS multixact_age
    FROM pg_catalog.pg_options_to_table(c.reloptions) AS p
) AS o
WHERE n.nspname = ANY ($1::text[])
  AND c.relkind IN ('r', 'm', 'p')
  AND c.relpersistence <> 't'
ORDER BY 1, 2
