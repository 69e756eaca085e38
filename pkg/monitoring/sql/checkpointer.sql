SELECT
    c.num_timed AS timed,
    c.num_requested AS requested,
    c.num_done AS done,
    c.restartpoints_done,
    c.write_time AS write_ms,
    c.sync_time AS sync_ms,
    c.buffers_written,
    c.slru_written,
    c.stats_reset
FROM pg_catalog.pg_stat_checkpointer AS c
