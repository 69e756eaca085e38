-- One index a table that serves a filter by its second column, an order by its
-- third within one value of the second, and, since PostgreSQL 18 skips, a range
-- of the third without any value of the second.
-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_content_campaign_skip
ON ovasabi.service_content_main (campaign_id, status, created_at, id);

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_events_campaign_skip
ON ovasabi.service_event (campaign_id, event_type, occurred_at, entity_id);

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_users_campaign_skip
ON ovasabi.service_user_main (campaign_id, status, last_login_at, id);

-- +goose Down
DROP INDEX CONCURRENTLY IF EXISTS ovasabi.idx_users_campaign_skip;
DROP INDEX CONCURRENTLY IF EXISTS ovasabi.idx_events_campaign_skip;
DROP INDEX CONCURRENTLY IF EXISTS ovasabi.idx_content_campaign_skip;
