-- +goose Up
CREATE TABLE ovasabi.revoked_token (
    token_id   text NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT revoked_token_pkey PRIMARY KEY (token_id)
);

COMMENT ON TABLE ovasabi.revoked_token IS 'Tokens that are refused before they expire. A row may go once its token has expired.';

GRANT SELECT, INSERT, DELETE ON ovasabi.revoked_token TO ovasabi_app;

-- +goose Down
DROP TABLE ovasabi.revoked_token;
