-- Most rows hold NULL where a kind of I/O cannot happen: NULL stays NULL.
SELECT
    i.backend_type,
    i.object,
    i.context,
    i.reads,
    i.read_bytes::bigint,
    i.read_time AS read_ms,
    i.writes,
    i.write_bytes::bigint,
    i.write_time AS write_ms,
    i.writebacks,
    i.writeback_time AS writeback_ms,
    i.extends,
    i.extend_bytes::bigint,
    i.extend_time AS extend_ms,
    i.hits,
    i.evictions,
    i.reuses,
    i.fsyncs,
    i.fsync_time AS fsync_ms,
    i.stats_reset
FROM pg_catalog.pg_stat_io AS i
WHERE coalesce(i.reads, 0) + coalesce(i.writes, 0) + coalesce(i.extends, 0)
    + coalesce(i.hits, 0) + coalesce(i.fsyncs, 0) > 0
ORDER BY i.backend_type, i.object, i.context
