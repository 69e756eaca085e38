-- Both need a superuser, whom a hosted server may not give: without them there are
-- no figures of statements, and `migrate verify` leaves the insides of indexes out.
-- +goose Up
-- +goose StatementBegin
DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT
            extension.name,
            EXISTS (SELECT FROM pg_catalog.pg_extension AS e WHERE e.extname = extension.name) AS present,
            EXISTS (SELECT FROM pg_catalog.pg_available_extensions AS a WHERE a.name = extension.name) AS available
        FROM (VALUES ('pg_stat_statements'), ('amcheck')) AS extension (name)
    LOOP
        IF wanted.present THEN
            CONTINUE;
        END IF;
        IF NOT wanted.available THEN
            RAISE WARNING 'the extension % is not installed on this server: install PostgreSQL''s contrib package, then run CREATE EXTENSION %', wanted.name, wanted.name;
            CONTINUE;
        END IF;
        BEGIN
            EXECUTE format('CREATE EXTENSION %I WITH SCHEMA ovasabi', wanted.name);
        EXCEPTION
            WHEN insufficient_privilege THEN
                RAISE WARNING 'could not create the extension %: ask an administrator to run CREATE EXTENSION % in this database', wanted.name, wanted.name;
        END;
    END LOOP;
END
$$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
DO $$
DECLARE
    ours record;
BEGIN
    FOR ours IN
        SELECT e.extname
        FROM pg_catalog.pg_extension AS e
        WHERE e.extname IN ('pg_stat_statements', 'amcheck')
          AND e.extnamespace = 'ovasabi'::regnamespace
    LOOP
        EXECUTE format('DROP EXTENSION %I', ours.extname);
    END LOOP;
END
$$;
-- +goose StatementEnd
