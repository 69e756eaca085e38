package query_test

import (
	"github.com/ovasabi/ovasabi/pkg/query"
)

// The tables of internal/schema, declared as a repository declares them.
var (
	content          = query.NewTable("ovasabi", "service_content_main")
	contentID        = content.Bigint("id").NotNull()
	contentCampaign  = content.Bigint("campaign_id").NotNull()
	contentSlug      = content.Text("slug").NotNull()
	contentTitle     = content.Text("title").NotNull()
	contentBody      = content.Text("body").NotNull()
	contentTags      = content.JSON("tags").NotNull()
	contentStatus    = content.Text("status").NotNull()
	contentMetadata  = content.JSON("metadata").NotNull()
	contentVersion   = content.Bigint("version").NotNull()
	contentCreatedAt = content.Timestamptz("created_at").NotNull()
	contentUpdatedAt = content.Timestamptz("updated_at").NotNull()

	contentKind       = contentMetadata.Key("kind")
	contentTitleWords = query.ToTSVector(contentTitle, "english")

	user            = query.NewTable("ovasabi", "service_user_main")
	userID          = user.Bigint("id").NotNull()
	userUsername    = user.Text("username")
	userEmail       = user.Text("email").NotNull()
	userFirstName   = user.Text("first_name")
	userStatus      = user.Text("status").NotNull()
	userMetadata    = user.JSON("metadata").NotNull()
	userLastLoginAt = user.Timestamptz("last_login_at")
	userCreatedAt   = user.Timestamptz("created_at").NotNull()

	product      = query.NewTable("ovasabi", "service_product_main")
	productID    = product.Bigint("id").NotNull()
	productPrice = product.Numeric("price").NotNull()
	productStock = product.Integer("stock").NotNull()

	mainCampaign       = query.NewTable("ovasabi", "service_campaign_main", query.CampaignColumn("id"))
	mainCampaignID     = mainCampaign.Bigint("id").NotNull()
	mainCampaignName   = mainCampaign.Text("name").NotNull()
	mainCampaignRate   = mainCampaign.Double("max_rate")
	mainCampaignStatus = mainCampaign.Text("status").NotNull()
)
