-- +goose Up
CREATE TABLE ovasabi.maintenance_log (
    id         bigint GENERATED ALWAYS AS IDENTITY,
    action     text NOT NULL,
    object     text NOT NULL,
    reason     text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    ended_at   timestamptz,
    outcome    text NOT NULL DEFAULT 'running',
    detail     text NOT NULL DEFAULT '',
    figures    jsonb NOT NULL DEFAULT '{}'::jsonb,
    CONSTRAINT maintenance_log_pkey PRIMARY KEY (id),
    CONSTRAINT maintenance_log_outcome_known CHECK (outcome IN ('running', 'done', 'skipped', 'failed')),
    CONSTRAINT maintenance_log_end_told CHECK ((outcome = 'running') = (ended_at IS NULL)),
    CONSTRAINT maintenance_log_figures_object CHECK (jsonb_typeof(figures) = 'object')
);

CREATE INDEX idx_maintenance_log_object ON ovasabi.maintenance_log (object, started_at);

COMMENT ON TABLE ovasabi.maintenance_log IS 'What `maintain` did, to what, and why: written by the owner, who alone may do it.';
COMMENT ON COLUMN ovasabi.maintenance_log.reason IS 'The figures that led to it, in a sentence.';
COMMENT ON COLUMN ovasabi.maintenance_log.outcome IS 'running with an end that never came: the process was killed.';

GRANT SELECT ON ovasabi.maintenance_log TO ovasabi_monitor;

-- +goose Down
DROP TABLE ovasabi.maintenance_log;
