-- This database's counters, and the oldest transaction of the whole server.
SELECT
    d.numbackends,
    d.xact_commit,
    d.xact_rollback,
    d.blks_read,
    d.blks_hit,
    d.tup_returned,
    d.tup_fetched,
    d.tup_inserted,
    d.tup_updated,
    d.tup_deleted,
    d.conflicts,
    d.temp_files,
    d.temp_bytes,
    d.deadlocks,
    d.checksum_failures,
    d.blk_read_time AS block_read_ms,
    d.blk_write_time AS block_write_ms,
    d.active_time AS active_ms,
    d.idle_in_transaction_time AS idle_in_transaction_ms,
    d.sessions_killed,
    d.stats_reset,
    (SELECT max(age(o.datfrozenxid))::bigint FROM pg_catalog.pg_database AS o) AS oldest_xid_age,
    (SELECT max(mxid_age(o.datminmxid))::bigint FROM pg_catalog.pg_database AS o) AS oldest_multixact_age
FROM pg_catalog.pg_stat_database AS d
WHERE d.datname = current_database()
