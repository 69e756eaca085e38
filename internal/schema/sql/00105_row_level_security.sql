-- A row is seen and written only inside its campaign. The setting is made by the
-- scope (pkg/campaign) for one statement or transaction; after it reads '', so
-- that the policies compare with NULL and show nothing. FORCE holds the owner too.
-- +goose Up
ALTER TABLE ovasabi.service_campaign_main ENABLE ROW LEVEL SECURITY;
ALTER TABLE ovasabi.service_campaign_main FORCE ROW LEVEL SECURITY;
CREATE POLICY campaign_scope ON ovasabi.service_campaign_main
    USING (id = NULLIF(current_setting('app.campaign_id', true), '')::bigint)
    WITH CHECK (id = NULLIF(current_setting('app.campaign_id', true), '')::bigint);
CREATE POLICY campaign_crossing ON ovasabi.service_campaign_main
    TO ovasabi_crossing
    USING (true)
    WITH CHECK (true);

ALTER TABLE ovasabi.service_content_main ENABLE ROW LEVEL SECURITY;
ALTER TABLE ovasabi.service_content_main FORCE ROW LEVEL SECURITY;
CREATE POLICY campaign_scope ON ovasabi.service_content_main
    USING (campaign_id = NULLIF(current_setting('app.campaign_id', true), '')::bigint)
    WITH CHECK (campaign_id = NULLIF(current_setting('app.campaign_id', true), '')::bigint);
CREATE POLICY campaign_crossing ON ovasabi.service_content_main
    TO ovasabi_crossing
    USING (true)
    WITH CHECK (true);

ALTER TABLE ovasabi.service_user_main ENABLE ROW LEVEL SECURITY;
ALTER TABLE ovasabi.service_user_main FORCE ROW LEVEL SECURITY;
CREATE POLICY campaign_scope ON ovasabi.service_user_main
    USING (campaign_id = NULLIF(current_setting('app.campaign_id', true), '')::bigint)
    WITH CHECK (campaign_id = NULLIF(current_setting('app.campaign_id', true), '')::bigint);
CREATE POLICY campaign_crossing ON ovasabi.service_user_main
    TO ovasabi_crossing
    USING (true)
    WITH CHECK (true);

ALTER TABLE ovasabi.service_product_main ENABLE ROW LEVEL SECURITY;
ALTER TABLE ovasabi.service_product_main FORCE ROW LEVEL SECURITY;
CREATE POLICY campaign_scope ON ovasabi.service_product_main
    USING (campaign_id = NULLIF(current_setting('app.campaign_id', true), '')::bigint)
    WITH CHECK (campaign_id = NULLIF(current_setting('app.campaign_id', true), '')::bigint);
CREATE POLICY campaign_crossing ON ovasabi.service_product_main
    TO ovasabi_crossing
    USING (true)
    WITH CHECK (true);

ALTER TABLE ovasabi.service_event ENABLE ROW LEVEL SECURITY;
ALTER TABLE ovasabi.service_event FORCE ROW LEVEL SECURITY;
CREATE POLICY campaign_scope ON ovasabi.service_event
    USING (campaign_id = NULLIF(current_setting('app.campaign_id', true), '')::bigint)
    WITH CHECK (campaign_id = NULLIF(current_setting('app.campaign_id', true), '')::bigint);
CREATE POLICY campaign_crossing ON ovasabi.service_event
    TO ovasabi_crossing
    USING (true)
    WITH CHECK (true);

GRANT SELECT, UPDATE ON ovasabi.service_campaign_main TO ovasabi_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON
    ovasabi.service_content_main,
    ovasabi.service_user_main,
    ovasabi.service_product_main,
    ovasabi.service_event
TO ovasabi_app;

GRANT SELECT, INSERT, UPDATE ON ovasabi.service_campaign_main TO ovasabi_crossing;
GRANT SELECT, INSERT ON ovasabi.campaign_directory TO ovasabi_crossing;
GRANT SELECT, INSERT ON ovasabi.campaign_crossing TO ovasabi_crossing;
GRANT SELECT ON
    ovasabi.service_content_main,
    ovasabi.service_user_main,
    ovasabi.service_product_main,
    ovasabi.service_event
TO ovasabi_crossing;
GRANT SELECT ON ovasabi.campaign_crossing TO ovasabi_monitor;

-- +goose Down
REVOKE ALL ON ovasabi.campaign_crossing FROM ovasabi_monitor, ovasabi_crossing;
REVOKE ALL ON ovasabi.campaign_directory FROM ovasabi_crossing;
REVOKE ALL ON
    ovasabi.service_campaign_main,
    ovasabi.service_content_main,
    ovasabi.service_user_main,
    ovasabi.service_product_main,
    ovasabi.service_event
FROM ovasabi_app, ovasabi_crossing;

DROP POLICY campaign_crossing ON ovasabi.service_event;
DROP POLICY campaign_scope ON ovasabi.service_event;
ALTER TABLE ovasabi.service_event NO FORCE ROW LEVEL SECURITY;
ALTER TABLE ovasabi.service_event DISABLE ROW LEVEL SECURITY;

DROP POLICY campaign_crossing ON ovasabi.service_product_main;
DROP POLICY campaign_scope ON ovasabi.service_product_main;
ALTER TABLE ovasabi.service_product_main NO FORCE ROW LEVEL SECURITY;
ALTER TABLE ovasabi.service_product_main DISABLE ROW LEVEL SECURITY;

DROP POLICY campaign_crossing ON ovasabi.service_user_main;
DROP POLICY campaign_scope ON ovasabi.service_user_main;
ALTER TABLE ovasabi.service_user_main NO FORCE ROW LEVEL SECURITY;
ALTER TABLE ovasabi.service_user_main DISABLE ROW LEVEL SECURITY;

DROP POLICY campaign_crossing ON ovasabi.service_content_main;
DROP POLICY campaign_scope ON ovasabi.service_content_main;
ALTER TABLE ovasabi.service_content_main NO FORCE ROW LEVEL SECURITY;
ALTER TABLE ovasabi.service_content_main DISABLE ROW LEVEL SECURITY;

DROP POLICY campaign_crossing ON ovasabi.service_campaign_main;
DROP POLICY campaign_scope ON ovasabi.service_campaign_main;
ALTER TABLE ovasabi.service_campaign_main NO FORCE ROW LEVEL SECURITY;
ALTER TABLE ovasabi.service_campaign_main DISABLE ROW LEVEL SECURITY;
