-- Replication slots, which keep write-ahead log for whoever reads from them.
SELECT
    s.slot_name::text AS slot,
    s.slot_type,
    s.active,
    coalesce(s.wal_status, '') AS wal_status,
    CASE
        WHEN NOT pg_catalog.pg_is_in_recovery()
        THEN pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.restart_lsn)::bigint
    END AS kept_bytes,
    s.safe_wal_size AS safe_bytes,
    coalesce(s.invalidation_reason, '') AS invalidation
FROM pg_catalog.pg_replication_slots AS s
ORDER BY s.slot_name
LIMIT 50
