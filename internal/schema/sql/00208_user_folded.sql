-- Under row-level security an index serves only leakproof conditions. lower() is
-- not one, so a look-up by lower(email) read the whole campaign, although the
-- unique index on it is there; equality of text is one, so what is looked up is
-- kept folded. citext folds within its own comparison and is not leakproof either;
-- a collation that ignores case would not fold as lower() does, and would change
-- with its library. Uniqueness stays with the indexes of phase 1, on every phase.
-- +ovasabi MOVE service_user_main
-- +goose Up
ALTER TABLE ovasabi.service_user_main
    ADD COLUMN username_folded text GENERATED ALWAYS AS (lower(username)) STORED;
ALTER TABLE ovasabi.service_user_main
    ADD COLUMN email_folded text GENERATED ALWAYS AS (lower(email)) STORED;

COMMENT ON COLUMN ovasabi.service_user_main.username_folded IS 'The username in lower case, by which it is found. NULL where there is none.';
COMMENT ON COLUMN ovasabi.service_user_main.email_folded IS 'The email address in lower case, by which it is found.';

-- +goose Down
ALTER TABLE ovasabi.service_user_main DROP COLUMN IF EXISTS email_folded;
ALTER TABLE ovasabi.service_user_main DROP COLUMN IF EXISTS username_folded;
