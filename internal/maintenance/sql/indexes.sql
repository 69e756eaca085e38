-- Every index, the least bytes an entry that it was seen with, and, where the
-- statistics of its columns may be read, what an entry needs: 8 bytes of header, 4
-- of pointer and the columns' mean widths, on pages of 8152 bytes filled to nine
-- tenths; and half as much again, because columns are aligned and pages that fill as
-- rows come in are less full. Equal keys share an entry, so that it is the most.
SELECT
    n.nspname::text AS schema_name,
    t.relname::text AS table_name,
    c.relname::text AS index_name,
    a.amname::text AS method,
    c.relpages::bigint * current_setting('block_size')::bigint AS bytes,
    GREATEST(c.reltuples, 0)::float8 AS entries,
    t.relpages::bigint * current_setting('block_size')::bigint AS table_bytes,
    i.indisvalid AND i.indisready AND i.indislive AS valid,
    c.relname ~ '_cc(new|old)[0-9]*$' AS half,
    m.bytes_per_entry AS best,
    estimate.bytes_per_entry AS needed,
    pg_catalog.has_table_privilege(t.oid, 'MAINTAIN') AS may_maintain,
    pg_catalog.pg_has_role(t.relowner, 'USAGE') AS may_alter
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
JOIN pg_catalog.pg_am AS a ON a.oid = c.relam
LEFT JOIN ovasabi.maintenance_index AS m ON m.index_name = n.nspname || '.' || c.relname
LEFT JOIN LATERAL (
    SELECT (ceil((8 + sum(s.avg_width)) / 8.0) * 8 + 4)::float8 * 8192 / (8152 * 0.9) * 1.5 AS bytes_per_entry
    FROM unnest(i.indkey::smallint[]) AS k (attnum)
    JOIN pg_catalog.pg_attribute AS col ON col.attrelid = t.oid AND col.attnum = k.attnum
    LEFT JOIN pg_catalog.pg_stats AS s ON s.schemaname = n.nspname AND s.tablename = t.relname AND s.attname = col.attname AND NOT s.inherited
    HAVING bool_and(s.attname IS NOT NULL)
) AS estimate ON i.indexprs IS NULL AND a.amname = 'btree' AND c.relpages::bigint * 8192 >= $2::bigint
WHERE n.nspname = ANY ($1::text[])
  AND c.relkind = 'i'
  AND t.relpersistence <> 't'
ORDER BY 1, 3
