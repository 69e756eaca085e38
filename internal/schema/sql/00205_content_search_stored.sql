-- Ranking reads the vector of every match, and a virtual one parses the text anew
-- each time: where results are ranked, the vector is stored. Adding such a column
-- rewrites the table, so it is added to an empty copy, which is filled online.
-- +ovasabi MOVE service_content_main
-- +goose Up
ALTER TABLE ovasabi.service_content_main
    ADD COLUMN search_vector_stored tsvector GENERATED ALWAYS AS (
        setweight(to_tsvector('english', coalesce(title, '')), 'A')
        || setweight(to_tsvector('english', left(coalesce(body, ''), 100000)), 'B')
        || setweight(
            CASE
                WHEN length(tags::text) <= 10000 THEN to_tsvector('english', coalesce(tags, '[]'::jsonb))
                ELSE to_tsvector('english', left(tags::text, 10000))
            END,
            'C'
        )
    ) STORED;

COMMENT ON COLUMN ovasabi.service_content_main.search_vector_stored IS 'The same vector as search_vector_virtual, kept on disk for ranking.';

-- +goose Down
ALTER TABLE ovasabi.service_content_main DROP COLUMN IF EXISTS search_vector_stored;
