-- Timings of the write-ahead log are in pg_stat_io since 18.
SELECT
    w.wal_records AS records,
    w.wal_fpi AS full_page_images,
    w.wal_bytes::bigint AS bytes,
    w.wal_buffers_full AS buffers_full,
    w.stats_reset
FROM pg_catalog.pg_stat_wal AS w
