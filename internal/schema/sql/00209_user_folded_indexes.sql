-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_users_campaign_username
ON ovasabi.service_user_main (campaign_id, username_folded);

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_users_campaign_email
ON ovasabi.service_user_main (campaign_id, email_folded);

-- +goose Down
DROP INDEX CONCURRENTLY IF EXISTS ovasabi.idx_users_campaign_email;
DROP INDEX CONCURRENTLY IF EXISTS ovasabi.idx_users_campaign_username;
