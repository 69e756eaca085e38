-- How far this server is behind, where it is a standby itself.
SELECT
    CASE
        WHEN pg_catalog.pg_is_in_recovery()
        THEN extract(epoch FROM now() - pg_catalog.pg_last_xact_replay_timestamp())::float8
    END
