-- The orders in which lists are paged, each within one status: a list of several
-- statuses reads one ordered range a status and merges them.
-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_users_campaign_newest
ON ovasabi.service_user_main (campaign_id, status, id);

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_products_campaign_newest
ON ovasabi.service_product_main (campaign_id, status, id);

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_products_campaign_price_skip
ON ovasabi.service_product_main (campaign_id, status, price_hundredths, id);

-- The beginning of the two before it.
DROP INDEX CONCURRENTLY IF EXISTS ovasabi.idx_products_campaign_status;

-- +goose Down
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_products_campaign_status
ON ovasabi.service_product_main (campaign_id, status);

DROP INDEX CONCURRENTLY IF EXISTS ovasabi.idx_products_campaign_price_skip;
DROP INDEX CONCURRENTLY IF EXISTS ovasabi.idx_products_campaign_newest;
DROP INDEX CONCURRENTLY IF EXISTS ovasabi.idx_users_campaign_newest;
