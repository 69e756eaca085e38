-- The statements that cost most, without their texts, which lie in a file.
-- {statements} is the schema of the extension, quoted.
SELECT
    s.queryid,
    s.userid,
    s.toplevel,
    s.calls,
    s.rows,
    s.total_exec_time AS execution_ms,
    s.total_plan_time AS planning_ms,
    s.shared_blks_hit AS blocks_hit,
    s.shared_blks_read AS blocks_read,
    s.temp_blks_written AS temp_blocks_written,
    s.wal_bytes::bigint AS wal_bytes,
    s.stats_since
FROM {statements}.pg_stat_statements(false) AS s
WHERE s.dbid = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())
  AND s.queryid IS NOT NULL
ORDER BY s.total_exec_time DESC
LIMIT $1::bigint
