-- Asynchronous I/O in flight at this moment.
SELECT
    coalesce(a.operation, '') AS operation,
    coalesce(a.state, '') AS state,
    coalesce(a.target, '') AS target,
    count(*) AS handles,
    coalesce(sum(a.length), 0)::bigint AS bytes
FROM pg_catalog.pg_aios AS a
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
