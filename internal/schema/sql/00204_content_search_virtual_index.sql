-- An index on a virtual column is refused, and so is one whose expression names
-- it: the expression is repeated, and the planner finds it when a query names the column.
-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_content_search_virtual
ON ovasabi.service_content_main USING gin (
    campaign_id,
    (
        setweight(to_tsvector('english', coalesce(title, '')), 'A')
        || setweight(to_tsvector('english', left(coalesce(body, ''), 100000)), 'B')
        || setweight(
            CASE
                WHEN length(tags::text) <= 10000 THEN to_tsvector('english', coalesce(tags, '[]'::jsonb))
                ELSE to_tsvector('english', left(tags::text, 10000))
            END,
            'C'
        )
    )
);

-- +goose Down
DROP INDEX CONCURRENTLY IF EXISTS ovasabi.idx_content_search_virtual;
