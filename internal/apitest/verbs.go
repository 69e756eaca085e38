package apitest

// Verb is a call and what its answer must hold.
type Verb struct {
	// Procedure is its name below "ovasabi.".
	Procedure string
	// Body is one message as JSON, or for a stream of messages several.
	Body string
	// Want stands in the answer, in which blanks are left out.
	Want string
}

// Verbs are all calls of all services. They work one after the other, on a
// database whose only campaign has the id 1 and no rows.
var Verbs = []Verb{
	{"campaign.v1.CampaignService/CreateCampaign", `{"slug": "second", "name": "Second"}`, `"slug":"second"`},
	{"campaign.v1.CampaignService/ListCampaigns", `{"all": true}`, `"slug":"second"`},
	{"campaign.v1.CampaignService/GetCampaign", `{}`, `"slug":"one"`},
	{"campaign.v1.CampaignService/UpdateCampaign", `{"version": 1, "name": "New"}`, `"name":"New"`},
	{"campaign.v1.CampaignService/SetCampaignLimits", `{"campaign_id": 1, "version": "2", "limits": {"max_rate": 1000}}`, `"maxRate":1000`},
	{"campaign.v1.CampaignService/ArchiveCampaign", `{"campaign_id": 2}`, `"status":"archived"`},
	{"campaign.v1.CampaignService/RestoreCampaign", `{"campaign_id": 2}`, `"status":"active"`},
	{"campaign.v1.CampaignService/GetCampaignUsage", `{}`, `"table":"service_user_main"`},

	{"content.v1.ContentService/CreateContent", `{"content": {"slug": "a", "title": "Rows", "body": "security", "tags": ["x"]}}`, `"id":"1"`},
	{"content.v1.ContentService/BatchCreateContent", `{"contents": [{"slug": "a", "title": "a"}, {"slug": "b", "title": "b"}]}`, `"created":1`},
	{"content.v1.ContentService/GetContent", `{"slug": "a"}`, `"body":"security"`},
	{"content.v1.ContentService/BatchGetContent", `{"ids": [1, 99]}`, `"missingIds":["99"]`},
	{"content.v1.ContentService/UpdateContent", `{"id": 1, "version": 1, "status": "published"}`, `"status":"published"`},
	{"content.v1.ContentService/ListContent", `{"statuses": ["published"]}`, `"slug":"a"`},
	{"content.v1.ContentService/SearchContent", `{"query": "securities"}`, `"match":true`},
	{"content.v1.ContentService/ListContentTags", `{}`, `"tag":"x"`},
	{"content.v1.ContentService/DeleteContent", `{"id": 1}`, `{}`},

	{"user.v1.UserService/CreateUser", `{"user": {"email": "a@example.org", "first_name": "Ada", "last_name": "Lovelace"}}`, `"displayName":"Ada Lovelace"`},
	{"user.v1.UserService/BatchCreateUsers", `{"users": [{"email": "b@example.org"}]}`, `"created":1`},
	{"user.v1.UserService/GetUser", `{"email": "A@EXAMPLE.ORG"}`, `"displayName":"Ada Lovelace"`},
	{"user.v1.UserService/BatchGetUsers", `{"ids": ["1"]}`, `"displayName":"Ada Lovelace"`},
	{"user.v1.UserService/UpdateUser", `{"id": 1, "version": 1, "username": "ada"}`, `"username":"ada"`},
	{"user.v1.UserService/RecordLogin", `{"id": 1, "at": "2026-01-02T03:04:05Z"}`, `"lastLoginAt":"2026-01-02T03:04:05Z"`},
	{"user.v1.UserService/ListActiveUsers", `{"since": "2026-01-01T00:00:00Z"}`, `"username":"ada"`},
	{"user.v1.UserService/ListUsers", `{}`, `"email":"b@example.org"`},
	{"user.v1.UserService/DeleteUser", `{"id": 1, "version": 2}`, `{}`},

	{"product.v1.ProductService/CreateProduct", `{"product": {"sku": "a", "name": "A", "price": "10", "metadata": {"tax_rate": 0.19}}}`, `"priceWithTax":"11.90"`},
	{"product.v1.ProductService/BatchUpsertProducts", `{"products": [{"sku": "b", "name": "B", "price": "1"}]}`, `"OUTCOME_CREATED"`},
	{"product.v1.ProductService/GetProduct", `{"sku": "a"}`, `"priceWithTax":"11.90"`},
	{"product.v1.ProductService/BatchGetProducts", `{"ids": [1]}`, `"priceWithTax":"11.90"`},
	{"product.v1.ProductService/UpdateProduct", `{"id": 1, "version": 1, "price": "20.00"}`, `"priceWithTax":"23.80"`},
	{"product.v1.ProductService/ListProducts", `{"order": "PRODUCT_ORDER_PRICE_DESC"}`, `"sku":"b"`},
	{"product.v1.ProductService/DeleteProduct", `{"id": 1}`, `{}`},

	{"nexus.v1.NexusService/EmitEvent", `{"event": {"event_id": "e1", "event_type": "shop:order:v1:success", "payload": {"n": 1}}}`, `"outcome":"EVENT_OUTCOME_ACCEPTED"`},
	{"nexus.v1.NexusService/EmitEvents", `{"events": [{"event_id": "e1", "event_type": "shop:order:v1:success"}, {"event_id": "e2", "event_type": "Shop"}]}`, `"duplicates":1`},
	{"nexus.v1.NexusService/ListEvents", `{"event_types": ["shop:order:v1:success"]}`, `"eventId":"e1"`},
	{"nexus.v1.NexusService/IngestEvents", `{"events": [{"event_id": "e3", "event_type": "shop:order:v1:failed"}]} {"events": [{"event_id": "e1", "event_type": "shop:order:v1:success"}]}`, `"EVENT_OUTCOME_DUPLICATE"`},
	{"nexus.v1.NexusService/SubscribeEvents", `{"from_start": true, "type_patterns": ["shop:*:v1:failed"]}`, `"eventId":"e3"`},
}
