-- Sessions of others that are at work, and how far the slowest standby is behind.
SELECT
    (
        SELECT count(*)
        FROM pg_catalog.pg_stat_activity AS a
        WHERE a.backend_type = 'client backend'
          AND a.state = 'active'
          AND a.pid <> pg_catalog.pg_backend_pid()
          AND a.application_name NOT IN ('ovasabi maintain', 'ovasabi monitor')
    ) AS active,
    (
        SELECT extract(epoch FROM max(r.replay_lag))::float8
        FROM pg_catalog.pg_stat_replication AS r
    ) AS lag_s,
    (
        SELECT max(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), r.replay_lsn))::bigint
        FROM pg_catalog.pg_stat_replication AS r
        WHERE NOT pg_catalog.pg_is_in_recovery()
    ) AS lag_bytes,
    (SELECT count(*) FROM pg_catalog.pg_stat_replication AS r) AS standbys
