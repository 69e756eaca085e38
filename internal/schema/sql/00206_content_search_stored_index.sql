-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_content_search_stored
ON ovasabi.service_content_main USING gin (campaign_id, search_vector_stored);

-- +goose Down
DROP INDEX CONCURRENTLY IF EXISTS ovasabi.idx_content_search_stored;
