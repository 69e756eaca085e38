-- What the snapshot does not hold of each table, and what autovacuum goes by there.
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
    a.enabled,
    a.vacuum_base,
    a.vacuum_scale,
    a.vacuum_most,
    a.insert_base,
    a.insert_scale,
    a.analyze_base,
    a.analyze_scale,
    a.freeze_age,
    a.multixact_freeze_age,
    coalesce(c.reloptions, '{}')::text[] AS options,
    pg_catalog.has_table_privilege(c.oid, 'MAINTAIN') AS may_maintain,
    pg_catalog.pg_has_role(c.relowner, 'USAGE') AS may_alter,
    pg_catalog.has_table_privilege(c.oid, 'SELECT') AND pg_catalog.has_table_privilege(c.oid, 'DELETE') AS may_delete
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
{autovacuum}
) AS a
WHERE n.nspname = ANY ($1::text[])
  AND c.relkind IN ('r', 'm', 'p')
  AND c.relpersistence <> 't'
ORDER BY 1, 2
