-- The transactions of this database that have been open for longest.
SELECT
    a.pid,
    coalesce(a.usename::text, '') AS login,
    coalesce(a.application_name, '') AS application,
    coalesce(a.state, '') AS state,
    coalesce(a.wait_event_type, '') AS wait_type,
    coalesce(a.wait_event, '') AS wait_event,
    a.xact_start AS started_at,
    a.state_change AS state_since,
    coalesce(age(a.backend_xmin)::bigint, 0) AS xmin_age,
    left(coalesce(a.query, ''), 1000) AS query
FROM pg_catalog.pg_stat_activity AS a
WHERE a.xact_start < now() - $1::interval
  AND a.backend_type = 'client backend'
  AND a.datname = current_database()
  AND a.pid <> pg_catalog.pg_backend_pid()
ORDER BY a.xact_start
LIMIT 50
