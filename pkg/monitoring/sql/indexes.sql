-- The largest indexes. A scan that skips or looks for several values counts each of its searches.
WITH largest AS MATERIALIZED (
    SELECT
        c.oid,
        c.relname,
        c.relpages,
        x.indrelid,
        x.indisunique,
        x.indisprimary,
        x.indisvalid,
        x.indisready
    FROM pg_catalog.pg_index AS x
    JOIN pg_catalog.pg_class AS c ON c.oid = x.indexrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind = 'i'
      AND n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND n.nspname !~ '^pg_(toast|temp)'
    ORDER BY c.relpages DESC, c.oid
    LIMIT $1::bigint
)
SELECT
    n.nspname::text AS schema_name,
    t.relname::text AS table_name,
    i.relname::text AS index_name,
    i.relpages::bigint * current_setting('block_size')::bigint AS bytes,
    pg_catalog.pg_stat_get_numscans(i.oid) AS searches,
    pg_catalog.pg_stat_get_tuples_returned(i.oid) AS entries_read,
    pg_catalog.pg_stat_get_tuples_fetched(i.oid) AS rows_fetched,
    pg_catalog.pg_stat_get_lastscan(i.oid) AS last_used,
    i.indisunique AS is_unique,
    i.indisprimary AS is_primary,
    i.indisvalid AND i.indisready AS is_valid
FROM largest AS i
JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
ORDER BY i.relpages DESC, i.oid
