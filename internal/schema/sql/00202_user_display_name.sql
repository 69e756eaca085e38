-- +goose Up
ALTER TABLE ovasabi.service_user_main
    ADD COLUMN display_name_computed text GENERATED ALWAYS AS (
        CASE
            WHEN first_name IS NOT NULL AND last_name IS NOT NULL
            THEN first_name || ' ' || last_name
            WHEN username IS NOT NULL
            THEN username
            ELSE 'User#' || id::text
        END
    ) VIRTUAL;

COMMENT ON COLUMN ovasabi.service_user_main.display_name_computed IS 'First and last name, or the username, or User# and the id. Never NULL.';

-- +goose Down
ALTER TABLE ovasabi.service_user_main DROP COLUMN display_name_computed;
