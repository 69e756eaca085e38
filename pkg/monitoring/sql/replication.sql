-- Standbys that read from this server.
SELECT
    coalesce(r.application_name, '') AS standby,
    coalesce(r.state, '') AS state,
    coalesce(r.sync_state, '') AS sync_state,
    extract(epoch FROM r.write_lag)::float8 AS write_lag_s,
    extract(epoch FROM r.flush_lag)::float8 AS flush_lag_s,
    extract(epoch FROM r.replay_lag)::float8 AS replay_lag_s,
    CASE
        WHEN NOT pg_catalog.pg_is_in_recovery()
        THEN pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), r.replay_lsn)::bigint
    END AS behind_bytes
FROM pg_catalog.pg_stat_replication AS r
ORDER BY r.application_name, r.pid
LIMIT 50
