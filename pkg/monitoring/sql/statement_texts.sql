-- Texts of statements that were not seen before; constants are $1, $2 … in them already.
SELECT
    s.queryid,
    max(left(s.query, 4000)) AS query
FROM {statements}.pg_stat_statements(true) AS s
WHERE s.queryid = ANY ($1::bigint[])
GROUP BY s.queryid
