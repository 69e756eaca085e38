-- Each of these is the beginning of one of the skip indexes, which serves every
-- query that it served. Those on (campaign_id, created_at, id) and their like stay:
-- they alone give an order over all values of status or type.
-- +goose NO TRANSACTION
-- +goose Up
DROP INDEX CONCURRENTLY IF EXISTS ovasabi.idx_content_campaign_status;
DROP INDEX CONCURRENTLY IF EXISTS ovasabi.idx_events_campaign_type;
DROP INDEX CONCURRENTLY IF EXISTS ovasabi.idx_users_campaign_status;

-- +goose Down
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_users_campaign_status
ON ovasabi.service_user_main (campaign_id, status);

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_events_campaign_type
ON ovasabi.service_event (campaign_id, event_type);

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_content_campaign_status
ON ovasabi.service_content_main (campaign_id, status);
