-- +goose Up
CREATE TABLE ovasabi.twin_flag (
    campaign_id bigint NOT NULL DEFAULT 0,
    twin        text NOT NULL,
    percentage  smallint NOT NULL,
    reason      text NOT NULL DEFAULT '',
    updated_at  timestamptz NOT NULL DEFAULT now(),
    updated_by  name NOT NULL DEFAULT session_user,
    CONSTRAINT twin_flag_pkey PRIMARY KEY (campaign_id, twin),
    CONSTRAINT twin_flag_campaign_range CHECK (campaign_id >= 0),
    CONSTRAINT twin_flag_percentage_range CHECK (percentage BETWEEN 0 AND 100),
    CONSTRAINT twin_flag_reason_length CHECK (char_length(reason) <= 500)
);

COMMENT ON TABLE ovasabi.twin_flag IS 'Which twin answers: percentage of calls that take the optimised query.';
COMMENT ON COLUMN ovasabi.twin_flag.campaign_id IS '0 speaks for every campaign that has no row of its own.';
COMMENT ON COLUMN ovasabi.twin_flag.twin IS 'Name of the twin, or * for all of them.';
COMMENT ON COLUMN ovasabi.twin_flag.reason IS 'Why, for the operator who comes next: written by flags set, and by a revert.';

GRANT SELECT, INSERT, UPDATE, DELETE ON ovasabi.twin_flag TO ovasabi_app;
GRANT SELECT ON ovasabi.twin_flag TO ovasabi_monitor, ovasabi_crossing;

-- +goose Down
DROP TABLE ovasabi.twin_flag;
