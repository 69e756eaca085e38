package query_test

import (
	"fmt"
	"time"

	"github.com/ovasabi/ovasabi/pkg/query"
)

func ExampleNewCampaignQuery() {
	var (
		content   = query.NewTable("ovasabi", "service_content_main")
		id        = content.Bigint("id").NotNull()
		title     = content.Text("title").NotNull()
		status    = content.Text("status").NotNull()
		createdAt = content.Timestamptz("created_at").NotNull()
	)
	text, args, err := query.NewCampaignQuery(7).
		WithTable(content).
		Columns(id, title).
		Where(status.In("published", "review"), createdAt.AtLeast(time.Unix(0, 0).UTC())).
		OrderBy(createdAt.Desc()).
		Limit(20).
		SQL()
	fmt.Println(text)
	fmt.Println(args, err)
	// Output:
	// SELECT "service_content_main"."id", "service_content_main"."title"
	// FROM "ovasabi"."service_content_main"
	// WHERE "service_content_main"."campaign_id" = $1::bigint
	//   AND "service_content_main"."status" = ANY($2)
	//   AND "service_content_main"."created_at" >= $3
	// ORDER BY "service_content_main"."created_at" DESC, "service_content_main"."id" DESC
	// LIMIT $4
	// [7 [published review] 1970-01-01 00:00:00 +0000 UTC 20] <nil>
}

func ExampleCampaignQueryBuilder_Update() {
	account := query.NewTable("ovasabi", "service_user_main").As("u")
	id, name := account.Bigint("id").NotNull(), account.Text("first_name")
	version := account.Bigint("version").NotNull()

	text, args, err := query.NewCampaignQuery(7).
		WithTable(account).
		Update(name.Set("Ada"), query.Add(version, 1)).
		Where(id.Equal(3), version.Equal(12)). // no row comes back where another was faster
		Returning(version).
		SQL()
	fmt.Println(text)
	fmt.Println(args, err)
	// Output:
	// UPDATE "ovasabi"."service_user_main" AS "u"
	// SET "first_name" = $2, "version" = "u"."version" + $3
	// WHERE "u"."campaign_id" = $1::bigint
	//   AND "u"."id" = $4
	//   AND "u"."version" = $5
	// RETURNING "u"."version"
	// [7 Ada 1 3 12] <nil>
}
