-- What others had the server do since it began to count, by statement. {statements}
-- is the schema of pg_stat_statements, quoted.
SELECT
    s.queryid,
    s.userid,
    s.toplevel,
    s.calls,
    s.total_exec_time AS ms
FROM {statements}.pg_stat_statements(false) AS s
WHERE s.dbid = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())
  AND s.queryid IS NOT NULL
  AND s.userid NOT IN (
      SELECT r.oid
      FROM pg_catalog.pg_roles AS r
      WHERE r.rolname IN (current_user, 'ovasabi_maintain', 'ovasabi_monitor')
  )
ORDER BY s.total_exec_time DESC
LIMIT 500
