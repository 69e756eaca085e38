-- Partitions of tables by ranges of one column of time, for the tables in $1, with
-- their bounds; a NULL bound is MINVALUE, MAXVALUE or the default partition's.
SELECT
    n.nspname || '.' || t.relname AS table_name,
    a.attname::text AS column_name,
    pg_catalog.format_type(a.atttypid, NULL) AS type_name,
    cn.nspname || '.' || c.relname AS partition_name,
    c.relpages::bigint * current_setting('block_size')::bigint AS bytes,
    (bound.parts)[1]::timestamptz AS from_time,
    (bound.parts)[2]::timestamptz AS to_time,
    pg_catalog.pg_has_role(t.relowner, 'USAGE') AS may_alter
FROM pg_catalog.pg_class AS t
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
JOIN pg_catalog.pg_partitioned_table AS p ON p.partrelid = t.oid
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = p.partattrs[0]
JOIN pg_catalog.pg_inherits AS h ON h.inhparent = t.oid
JOIN pg_catalog.pg_class AS c ON c.oid = h.inhrelid
JOIN pg_catalog.pg_namespace AS cn ON cn.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT regexp_match(pg_catalog.pg_get_expr(c.relpartbound, c.oid), $re$FROM \('([^']+)'\) TO \('([^']+)'\)$re$) AS parts
) AS bound
WHERE n.nspname || '.' || t.relname = ANY ($1::text[])
  AND p.partstrat = 'r'
  AND p.partnatts = 1
  AND a.atttypid IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype)
ORDER BY 1, 6 NULLS FIRST
