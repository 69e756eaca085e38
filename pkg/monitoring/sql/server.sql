-- What does not change while the server runs, and who asks.
SELECT
    current_setting('server_version') AS version,
    pg_catalog.pg_postmaster_start_time() AS started_at,
    current_setting('io_method') AS io_method,
    current_setting('data_checksums') = 'on' AS checksums,
    pg_catalog.pg_is_in_recovery() AS in_recovery,
    current_setting('max_connections')::int AS max_connections,
    pg_catalog.pg_size_bytes(current_setting('shared_buffers')) AS shared_buffers,
    current_setting('autovacuum_freeze_max_age')::bigint AS freeze_max_age,
    current_setting('track_io_timing')::boolean AS track_io_timing,
    current_setting('track_wal_io_timing')::boolean AS track_wal_io_timing,
    current_setting('track_cost_delay_timing')::boolean AS track_cost_delay_timing,
    current_database()::text AS database,
    current_user::text AS role,
    pg_catalog.pg_has_role(current_user, 'pg_monitor', 'USAGE') AS monitor,
    coalesce((
        SELECT n.nspname::text
        FROM pg_catalog.pg_extension AS e
        JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
        WHERE e.extname = 'pg_stat_statements'
    ), '') AS statements_schema,
    coalesce(has_table_privilege(to_regclass('ovasabi.maintenance_log'), 'SELECT'), false) AS maintenance_logged,
    EXISTS (
        SELECT
        FROM pg_catalog.pg_settings AS p
        WHERE p.name = 'pg_stat_statements.max'
    ) AS statements_loaded
