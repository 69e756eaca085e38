-- Nothing is computed here until it is read. The expression is total: whatever a
-- row holds, it has a vector. A vector takes at most 1 MiB of words with their
-- places, and the worst of texts makes 9 bytes of a character; so the first
-- 100,000 characters of a body are searched, and the first 10,000 of the tags.
-- +goose Up
-- btree_gin lets a GIN index begin with the campaign. It is a trusted extension: the owner may make it.
CREATE EXTENSION IF NOT EXISTS btree_gin WITH SCHEMA ovasabi;

ALTER TABLE ovasabi.service_content_main
    ADD COLUMN search_vector_virtual tsvector GENERATED ALWAYS AS (
        setweight(to_tsvector('english', coalesce(title, '')), 'A')
        || setweight(to_tsvector('english', left(coalesce(body, ''), 100000)), 'B')
        || setweight(
            CASE
                WHEN length(tags::text) <= 10000 THEN to_tsvector('english', coalesce(tags, '[]'::jsonb))
                ELSE to_tsvector('english', left(tags::text, 10000))
            END,
            'C'
        )
    ) VIRTUAL;

COMMENT ON COLUMN ovasabi.service_content_main.search_vector_virtual IS 'Title (A), the first 100,000 characters of the body (B) and the tags (C) as English words. Computed when read; idx_content_search_virtual serves a match on it.';

-- +goose Down
ALTER TABLE ovasabi.service_content_main DROP COLUMN search_vector_virtual;

-- +goose StatementBegin
DO $$
BEGIN
    -- One that was there before us stays.
    IF EXISTS (
        SELECT FROM pg_catalog.pg_extension
        WHERE extname = 'btree_gin'
          AND extnamespace = 'ovasabi'::regnamespace
    ) THEN
        DROP EXTENSION btree_gin;
    END IF;
END
$$;
-- +goose StatementEnd
