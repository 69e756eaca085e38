-- Sessions by what they do, the asker left out.
SELECT
    a.backend_type,
    coalesce(a.state, '') AS state,
    coalesce(a.wait_event_type, '') AS wait_type,
    count(*) AS sessions
FROM pg_catalog.pg_stat_activity AS a
WHERE a.pid <> pg_catalog.pg_backend_pid()
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
