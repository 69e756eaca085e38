-- Who waits for a lock in this database, and who holds it. pg_locks is read only
-- when somebody waits.
WITH waiting AS MATERIALIZED (
    SELECT
        a.pid,
        pg_catalog.pg_blocking_pids(a.pid) AS blockers
    FROM pg_catalog.pg_stat_activity AS a
    WHERE a.wait_event_type = 'Lock'
      AND a.datname = current_database()
    ORDER BY a.query_start
    LIMIT 200
),
involved AS (
    SELECT w.pid
    FROM waiting AS w
    UNION
    SELECT unnest(w.blockers)
    FROM waiting AS w
),
wanted AS MATERIALIZED (
    SELECT DISTINCT ON (l.pid)
        l.pid,
        l.locktype,
        l.mode,
        l.waitstart,
        CASE
            WHEN l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())
            THEN l.relation
        END AS relation
    FROM pg_catalog.pg_locks AS l
    WHERE NOT l.granted
      AND EXISTS (SELECT FROM waiting)
    ORDER BY l.pid
)
SELECT
    i.pid,
    coalesce(w.blockers, '{}') AS blockers,
    coalesce(a.usename::text, '') AS login,
    coalesce(a.application_name, '') AS application,
    coalesce(a.state, '') AS state,
    a.xact_start AS transaction_since,
    coalesce(l.waitstart, CASE WHEN w.pid IS NOT NULL THEN a.query_start END) AS waiting_since,
    coalesce(l.locktype, '') AS lock_type,
    coalesce(l.mode, '') AS lock_mode,
    coalesce(n.nspname || '.' || c.relname, '') AS table_name,
    left(coalesce(a.query, ''), 1000) AS query
FROM involved AS i
LEFT JOIN waiting AS w ON w.pid = i.pid
LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = i.pid
LEFT JOIN wanted AS l ON l.pid = i.pid
LEFT JOIN pg_catalog.pg_class AS c ON c.oid = l.relation
LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
ORDER BY i.pid
