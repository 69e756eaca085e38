-- Who holds or waits for a lock of these modes on the table or its partitions.
SELECT
    l.pid,
    l.mode,
    a.backend_type = 'autovacuum worker' AS automatic,
    coalesce(a.application_name, '') AS application,
    coalesce(a.usename::text, '') AS login
FROM pg_catalog.pg_locks AS l
JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'relation'
  AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())
  AND l.relation IN (SELECT t.relid FROM pg_catalog.pg_partition_tree($1::text::regclass) AS t UNION SELECT $1::text::regclass)
  AND l.mode = ANY ($2::text[])
  AND l.pid <> pg_catalog.pg_backend_pid()
ORDER BY a.xact_start, l.pid
LIMIT 1
