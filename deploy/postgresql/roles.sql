-- The roles of the platform, made by an administrator, so that the owner who migrates
-- needs neither SUPERUSER nor CREATEROLE. Run it as a superuser in the database of the
-- platform, once or again: what is there stays. It sets no passwords.
DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT name, login
        FROM (VALUES
            ('ovasabi_owner', true),     -- owns the schema and migrates
            ('ovasabi_app', true),       -- runs every service; always inside one campaign
            ('ovasabi_monitor', true),   -- reads statistics
            ('ovasabi_crossing', false), -- sees all campaigns; entered only by an audited SET LOCAL ROLE
            ('ovasabi_maintain', true),  -- vacuums, analyzes, reindexes; reads and changes no row
            ('ovasabi_search', false)    -- owns the function that searches inside one campaign
        ) AS roles (name, login)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted.name) THEN
            EXECUTE format(
                'CREATE ROLE %I %s NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT',
                wanted.name,
                CASE WHEN wanted.login THEN 'LOGIN' ELSE 'NOLOGIN' END
            );
        END IF;
    END LOOP;
END
$$;

GRANT ovasabi_crossing TO ovasabi_app WITH INHERIT FALSE, SET TRUE;
GRANT ovasabi_crossing TO ovasabi_owner WITH INHERIT FALSE, SET TRUE;
GRANT ovasabi_search TO ovasabi_owner WITH INHERIT FALSE, SET TRUE;
-- The owner maintains as well, and must see what others do to make way for them.
GRANT pg_monitor TO ovasabi_monitor, ovasabi_maintain, ovasabi_owner WITH INHERIT TRUE;
GRANT pg_maintain TO ovasabi_maintain WITH INHERIT TRUE;

ALTER ROLE ovasabi_app SET search_path = ovasabi;
ALTER ROLE ovasabi_monitor SET search_path = ovasabi;
ALTER ROLE ovasabi_maintain SET search_path = ovasabi;
ALTER ROLE ovasabi_crossing SET search_path = ovasabi;

-- Behind PgBouncer a connection carries no settings from its start: these stand in for
-- those that the platform would set.
ALTER ROLE ovasabi_app SET statement_timeout = '30s';
ALTER ROLE ovasabi_app SET idle_in_transaction_session_timeout = '30s';
ALTER ROLE ovasabi_monitor SET statement_timeout = '30s';
ALTER ROLE ovasabi_maintain SET vacuum_cost_delay = '2ms';

-- The owner makes the schema ovasabi, and nobody else makes anything.
DO $$
BEGIN
    EXECUTE format('GRANT CONNECT, CREATE, TEMPORARY ON DATABASE %I TO ovasabi_owner', current_database());
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO ovasabi_app, ovasabi_monitor, ovasabi_maintain', current_database());
END
$$;

-- These two need a superuser. Figures of statements; what `ovasabi migrate verify` looks into indexes with.
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
CREATE EXTENSION IF NOT EXISTS amcheck;

DO $$
DECLARE
    looks_into regprocedure;
BEGIN
    FOR looks_into IN
        SELECT d.objid::regprocedure
        FROM pg_catalog.pg_depend AS d
        JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
        WHERE d.refclassid = 'pg_catalog.pg_extension'::regclass
          AND d.classid = 'pg_catalog.pg_proc'::regclass
          AND d.deptype = 'e'
          AND e.extname = 'amcheck'
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO ovasabi_owner', looks_into);
    END LOOP;
END
$$;
