-- Callers do not lock a function: what drops it takes it from those that have found
-- it by its name and not begun to run it ("cache lookup failed", which no twin falls
-- back from). So its name comes last and goes first: whoever comes without one meets
-- 42883, and its twin answers. 00207 waits for the others before it drops anything.
-- +goose Up
-- Only its owner renames a function, and needs CREATE for that moment.
GRANT CREATE ON SCHEMA ovasabi TO ovasabi_search;
SET LOCAL ROLE ovasabi_search;
ALTER FUNCTION ovasabi.search_content_unnamed(text, text[], jsonb, double precision, timestamptz, bigint, bigint) RENAME TO search_content;
RESET ROLE;
REVOKE CREATE ON SCHEMA ovasabi FROM ovasabi_search;

-- +goose Down
GRANT CREATE ON SCHEMA ovasabi TO ovasabi_search;
SET LOCAL ROLE ovasabi_search;
ALTER FUNCTION ovasabi.search_content(text, text[], jsonb, double precision, timestamptz, bigint, bigint) RENAME TO search_content_unnamed;
RESET ROLE;
REVOKE CREATE ON SCHEMA ovasabi FROM ovasabi_search;
