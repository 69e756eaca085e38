-- Maintenance under way. delay_ms is NULL without track_cost_delay_timing.
WITH running AS (
    SELECT
        'vacuum' AS command,
        v.pid,
        v.datid,
        v.relid,
        v.phase,
        v.heap_blks_scanned AS done,
        v.heap_blks_total AS total,
        v.delay_time AS delay_ms
    FROM pg_catalog.pg_stat_progress_vacuum AS v
    UNION ALL
    SELECT 'analyze', a.pid, a.datid, a.relid, a.phase, a.sample_blks_scanned, a.sample_blks_total, a.delay_time
    FROM pg_catalog.pg_stat_progress_analyze AS a
    UNION ALL
    SELECT lower(i.command), i.pid, i.datid, i.relid, i.phase, i.blocks_done, i.blocks_total, NULL
    FROM pg_catalog.pg_stat_progress_create_index AS i
    UNION ALL
    SELECT lower(c.command), c.pid, c.datid, c.relid, c.phase, c.heap_blks_scanned, c.heap_blks_total, NULL
    FROM pg_catalog.pg_stat_progress_cluster AS c
)
SELECT
    r.command,
    r.pid,
    coalesce(n.nspname || '.' || t.relname, '') AS table_name,
    r.phase,
    r.done,
    r.total,
    CASE
        WHEN r.delay_ms > 0 OR current_setting('track_cost_delay_timing')::boolean THEN r.delay_ms
    END AS delay_ms,
    coalesce(s.backend_type = 'autovacuum worker', false) AS automatic,
    s.xact_start AS started_at
FROM running AS r
LEFT JOIN pg_catalog.pg_stat_activity AS s ON s.pid = r.pid
LEFT JOIN pg_catalog.pg_class AS t
    ON t.oid = r.relid
    AND r.datid = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())
LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
ORDER BY s.xact_start, r.pid
LIMIT 50
