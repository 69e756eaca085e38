-- The indexes that a campaign schema had before PostgreSQL 18: one for each
-- question. Phase 3 puts fewer and wider ones beside them and measures both.
-- +goose Up
CREATE INDEX idx_content_campaign_status ON ovasabi.service_content_main (campaign_id, status);
CREATE INDEX idx_content_campaign_created ON ovasabi.service_content_main (campaign_id, created_at, id);
CREATE INDEX idx_users_campaign_status ON ovasabi.service_user_main (campaign_id, status);
CREATE INDEX idx_users_campaign_login ON ovasabi.service_user_main (campaign_id, last_login_at, id);
CREATE INDEX idx_products_campaign_status ON ovasabi.service_product_main (campaign_id, status);
CREATE INDEX idx_products_campaign_price ON ovasabi.service_product_main (campaign_id, price, id);
CREATE INDEX idx_events_campaign_type ON ovasabi.service_event (campaign_id, event_type);
CREATE INDEX idx_events_campaign_occurred ON ovasabi.service_event (campaign_id, occurred_at, id);
CREATE INDEX idx_events_campaign_entity ON ovasabi.service_event (campaign_id, entity_id);

-- +goose Down
DROP INDEX ovasabi.idx_events_campaign_entity;
DROP INDEX ovasabi.idx_events_campaign_occurred;
DROP INDEX ovasabi.idx_events_campaign_type;
DROP INDEX ovasabi.idx_products_campaign_price;
DROP INDEX ovasabi.idx_products_campaign_status;
DROP INDEX ovasabi.idx_users_campaign_login;
DROP INDEX ovasabi.idx_users_campaign_status;
DROP INDEX ovasabi.idx_content_campaign_created;
DROP INDEX ovasabi.idx_content_campaign_status;
