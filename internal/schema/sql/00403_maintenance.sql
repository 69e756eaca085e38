-- What `maintain` needs: a role that may keep tables in order without reading or
-- changing a row (MAINTAIN, PostgreSQL 17), what operators set for it, who of
-- several is at work, and what the watch over integrity found.
-- +goose Up
-- +goose StatementBegin
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'ovasabi_maintain') THEN
        CREATE ROLE ovasabi_maintain LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN
        NULL; -- made by another database's migration a moment ago
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
DO $$
DECLARE
    wanted name;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['pg_maintain', 'pg_monitor']::name[]
    LOOP
        BEGIN
            IF NOT pg_catalog.pg_has_role('ovasabi_maintain', wanted, 'MEMBER') THEN
                EXECUTE format('GRANT %I TO ovasabi_maintain WITH INHERIT TRUE', wanted);
            END IF;
        EXCEPTION
            WHEN insufficient_privilege THEN
                -- A hosted server may keep these to itself. The owner can maintain what it owns all the same.
                RAISE WARNING 'could not grant %: ask an administrator to run GRANT % TO ovasabi_maintain, or run maintain as the owner', wanted, wanted;
        END;
    END LOOP;
END
$$;
-- +goose StatementEnd

-- Manual vacuums do not rest by themselves. A session sets its own pace; one behind
-- a pooler, which may not, takes this one: autovacuum's.
-- +goose StatementBegin
DO $$
BEGIN
    -- Compared first: writing a role's settings conflicts with other databases' migrations.
    IF NOT EXISTS (
        SELECT FROM pg_catalog.pg_db_role_setting AS s
        WHERE s.setrole = 'ovasabi_maintain'::regrole
          AND s.setdatabase = 0
          AND 'vacuum_cost_delay=2ms' = ANY (s.setconfig)
    ) THEN
        ALTER ROLE ovasabi_maintain SET search_path = ovasabi;
        ALTER ROLE ovasabi_maintain SET vacuum_cost_delay = '2ms';
    END IF;
EXCEPTION
    WHEN insufficient_privilege THEN
        RAISE WARNING 'could not set the pace of ovasabi_maintain: ask an administrator to run ALTER ROLE ovasabi_maintain SET vacuum_cost_delay = ''2ms''';
END
$$;
-- +goose StatementEnd

CREATE TABLE ovasabi.maintenance_setting (
    campaign_id          bigint NOT NULL DEFAULT 0,
    table_name           text NOT NULL,
    retention            interval,
    vacuum_threshold     integer,
    vacuum_scale_factor  double precision,
    analyze_threshold    integer,
    analyze_scale_factor double precision,
    partitions_ahead     integer,
    reason               text NOT NULL DEFAULT '',
    updated_at           timestamptz NOT NULL DEFAULT now(),
    updated_by           name NOT NULL DEFAULT session_user,
    CONSTRAINT maintenance_setting_pkey PRIMARY KEY (campaign_id, table_name),
    CONSTRAINT maintenance_setting_campaign_range CHECK (campaign_id >= 0),
    CONSTRAINT maintenance_setting_table_form CHECK (table_name ~ '^[^.]+\.[^.]+$'),
    CONSTRAINT maintenance_setting_retention_range CHECK (retention >= interval '1 hour'),
    CONSTRAINT maintenance_setting_vacuum_threshold_range CHECK (vacuum_threshold >= 0),
    CONSTRAINT maintenance_setting_vacuum_scale_range CHECK (vacuum_scale_factor BETWEEN 0 AND 100),
    CONSTRAINT maintenance_setting_analyze_threshold_range CHECK (analyze_threshold >= 0),
    CONSTRAINT maintenance_setting_analyze_scale_range CHECK (analyze_scale_factor BETWEEN 0 AND 100),
    CONSTRAINT maintenance_setting_ahead_range CHECK (partitions_ahead IS NULL OR (partitions_ahead BETWEEN 1 AND 366 AND campaign_id = 0)),
    CONSTRAINT maintenance_setting_reason_length CHECK (char_length(reason) <= 500)
);

COMMENT ON TABLE ovasabi.maintenance_setting IS 'What operators set for `maintain`, for a table or for one campaign in it. NULL is not set.';
COMMENT ON COLUMN ovasabi.maintenance_setting.campaign_id IS '0 speaks for every campaign that has no row of its own.';
COMMENT ON COLUMN ovasabi.maintenance_setting.table_name IS 'With its schema, such as ovasabi.service_event.';
COMMENT ON COLUMN ovasabi.maintenance_setting.retention IS 'Rows older than this are deleted. NULL keeps them for ever.';
COMMENT ON COLUMN ovasabi.maintenance_setting.vacuum_scale_factor IS 'Becomes autovacuum_vacuum_scale_factor of the partition that holds the campaign.';
COMMENT ON COLUMN ovasabi.maintenance_setting.partitions_ahead IS 'Partitions that a table by ranges of time has ahead of now.';

CREATE TABLE ovasabi.maintenance_lease (
    name        text NOT NULL,
    holder      text NOT NULL,
    acquired_at timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    CONSTRAINT maintenance_lease_pkey PRIMARY KEY (name)
);

COMMENT ON TABLE ovasabi.maintenance_lease IS 'Who maintains now, until when unless renewed. A row, because advisory locks need a session, which a pooler in transaction mode does not give.';

CREATE TABLE ovasabi.maintenance_index (
    index_name      text NOT NULL,
    bytes_per_entry double precision NOT NULL,
    measured_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT maintenance_index_pkey PRIMARY KEY (index_name),
    CONSTRAINT maintenance_index_bytes_positive CHECK (bytes_per_entry > 0)
);

COMMENT ON TABLE ovasabi.maintenance_index IS 'The least bytes an entry that each index was seen with: what it would take when built anew.';

CREATE TABLE ovasabi.integrity_round (
    id         bigint GENERATED ALWAYS AS IDENTITY,
    started_at timestamptz NOT NULL,
    ended_at   timestamptz NOT NULL DEFAULT now(),
    findings   jsonb NOT NULL DEFAULT '[]'::jsonb,
    checked    jsonb NOT NULL DEFAULT '{}'::jsonb,
    CONSTRAINT integrity_round_pkey PRIMARY KEY (id),
    CONSTRAINT integrity_round_findings_array CHECK (jsonb_typeof(findings) = 'array'),
    CONSTRAINT integrity_round_checked_object CHECK (jsonb_typeof(checked) = 'object')
);

COMMENT ON TABLE ovasabi.integrity_round IS 'Rounds of the watch over integrity that came to their end, with what they found: keys and counts, never a row''s content.';

COMMENT ON TABLE ovasabi.maintenance_log IS 'What `maintain` did, to what, and why: written by the owner or by ovasabi_maintain.';

GRANT USAGE ON SCHEMA ovasabi TO ovasabi_maintain;
GRANT SELECT, INSERT, UPDATE, DELETE ON ovasabi.maintenance_log, ovasabi.maintenance_lease, ovasabi.maintenance_index TO ovasabi_maintain;
GRANT SELECT ON ovasabi.maintenance_setting, ovasabi.integrity_round TO ovasabi_maintain;
-- Retention deletes inside one campaign at a time, as its policy says.
GRANT SELECT (campaign_id) ON ovasabi.campaign_directory TO ovasabi_maintain;
GRANT SELECT, DELETE ON ovasabi.service_event TO ovasabi_maintain;
GRANT SELECT ON ovasabi.maintenance_setting, ovasabi.maintenance_lease, ovasabi.integrity_round TO ovasabi_monitor;

-- +goose Down
REVOKE ALL ON ovasabi.service_event FROM ovasabi_maintain;
REVOKE ALL (campaign_id) ON ovasabi.campaign_directory FROM ovasabi_maintain;
REVOKE ALL ON ovasabi.maintenance_log FROM ovasabi_maintain;
REVOKE USAGE ON SCHEMA ovasabi FROM ovasabi_maintain;

COMMENT ON TABLE ovasabi.maintenance_log IS 'What `maintain` did, to what, and why: written by the owner, who alone may do it.';

DROP TABLE ovasabi.integrity_round;
DROP TABLE ovasabi.maintenance_index;
DROP TABLE ovasabi.maintenance_lease;
DROP TABLE ovasabi.maintenance_setting;

-- +goose StatementBegin
DO $$
BEGIN
    DROP ROLE IF EXISTS ovasabi_maintain;
EXCEPTION
    WHEN dependent_objects_still_exist OR insufficient_privilege THEN
        NULL; -- another database of this server still uses the role
END
$$;
-- +goose StatementEnd
