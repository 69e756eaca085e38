-- Roles belong to the whole server, so another database may have made them already, even at this moment.
-- +goose Up
-- +goose StatementBegin
DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT name, login
        FROM (VALUES
            ('ovasabi_app', true),       -- runs every service; always inside one campaign
            ('ovasabi_monitor', true),   -- reads statistics
            ('ovasabi_crossing', false)  -- sees all campaigns; entered only by an audited SET LOCAL ROLE
        ) AS roles (name, login)
    LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted.name) THEN
                EXECUTE format(
                    'CREATE ROLE %I %s NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT',
                    wanted.name,
                    CASE WHEN wanted.login THEN 'LOGIN' ELSE 'NOLOGIN' END
                );
            END IF;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN
                NULL; -- made by another database's migration a moment ago
        END;
    END LOOP;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
DO $$
BEGIN
    -- INHERIT FALSE: the application is inside a campaign until it says SET LOCAL ROLE.
    IF NOT EXISTS (
        SELECT FROM pg_catalog.pg_auth_members AS m
        WHERE m.roleid = 'ovasabi_crossing'::regrole
          AND m.member = 'ovasabi_app'::regrole
    ) THEN
        GRANT ovasabi_crossing TO ovasabi_app WITH INHERIT FALSE, SET TRUE;
    END IF;
    -- The owner is held by row-level security too: to verify every row it must be able to enter.
    IF NOT pg_catalog.pg_has_role(current_user, 'ovasabi_crossing', 'SET') THEN
        EXECUTE format('GRANT ovasabi_crossing TO %I WITH INHERIT FALSE, SET TRUE', current_user);
    END IF;
    IF NOT pg_catalog.pg_has_role('ovasabi_monitor', 'pg_monitor', 'MEMBER') THEN
        GRANT pg_monitor TO ovasabi_monitor WITH INHERIT TRUE;
    END IF;
EXCEPTION
    WHEN insufficient_privilege THEN
        -- A hosted server may keep pg_monitor to itself. Statistics are then poorer, isolation is not.
        RAISE WARNING 'could not grant every role: ask an administrator to run GRANT pg_monitor TO ovasabi_monitor; GRANT ovasabi_crossing TO % WITH INHERIT FALSE, SET TRUE', quote_ident(current_user);
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
DO $$
DECLARE
    role_name text;
BEGIN
    -- Compared first: writing a role's settings conflicts with other databases' migrations.
    FOREACH role_name IN ARRAY ARRAY['ovasabi_app', 'ovasabi_monitor', 'ovasabi_crossing']
    LOOP
        IF NOT EXISTS (
            SELECT FROM pg_catalog.pg_db_role_setting AS s
            WHERE s.setrole = role_name::regrole
              AND s.setdatabase = 0
              AND 'search_path=ovasabi' = ANY (s.setconfig)
        ) THEN
            EXECUTE format('ALTER ROLE %I SET search_path = ovasabi', role_name);
        END IF;
    END LOOP;
END
$$;
-- +goose StatementEnd

GRANT USAGE ON SCHEMA ovasabi TO ovasabi_app, ovasabi_monitor, ovasabi_crossing;

-- +goose Down
REVOKE USAGE ON SCHEMA ovasabi FROM ovasabi_app, ovasabi_monitor, ovasabi_crossing;

-- +goose StatementBegin
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['ovasabi_app', 'ovasabi_monitor', 'ovasabi_crossing']
    LOOP
        BEGIN
            EXECUTE format('DROP ROLE IF EXISTS %I', role_name);
        EXCEPTION
            WHEN dependent_objects_still_exist OR insufficient_privilege THEN
                NULL; -- another database of this server still uses the role
        END;
    END LOOP;
END
$$;
-- +goose StatementEnd
