package campaign_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// A campaign is parsed once, where it enters the program.
func ExampleParseID() {
	id, err := campaign.ParseID("7")
	fmt.Println(id, err)
	for _, text := range []string{"", "0", "-1", "seven"} {
		_, err := campaign.ParseID(text)
		fmt.Println(fault.KindOf(err))
	}
	// Output:
	// 7 <nil>
	// invalid
	// invalid
	// invalid
	// invalid
}

// A statement through a scope sees its own campaign's rows, in one round trip.
// Without a campaign there is an error before any SQL.
func ExampleScope() {
	t, end := pgtest.Example()
	defer end()
	scope := campaign.NewScope(pgtest.New(t).App(t)) // in a service: database.Open(…).Pool
	ids := exampleCampaigns(t, scope)

	for _, id := range ids {
		ctx := campaign.NewContext(context.Background(), id)
		var documents int
		err := scope.QueryRow(ctx, `SELECT count(*) FROM ovasabi.service_content_main`).Scan(&documents)
		fmt.Println(documents, err)
	}
	_, err := scope.Exec(context.Background(), `DELETE FROM ovasabi.service_content_main`)
	fmt.Println(fault.KindOf(err))
	// Output:
	// 1 <nil>
	// 2 <nil>
	// no_campaign
}

// Looking at all campaigns takes a reason, a role of its own, and leaves a row.
func ExampleScope_AcrossCampaigns() {
	t, end := pgtest.Example()
	defer end()
	db := pgtest.New(t)
	scope := campaign.NewScope(db.App(t))
	exampleCampaigns(t, scope)

	var documents int
	err := scope.AcrossCampaigns(context.Background(), "monthly count of documents", database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `SELECT count(*) FROM ovasabi.service_content_main`).Scan(&documents)
	})
	fmt.Println(documents, err)
	var reason string
	err = db.Owner(t).QueryRow(context.Background(), `SELECT reason FROM ovasabi.campaign_crossing ORDER BY id DESC LIMIT 1`).Scan(&reason)
	fmt.Println(reason, err)
	// Output:
	// 3 <nil>
	// monthly count of documents <nil>
}

// Reads of one campaign that meet share round trips; each is asked for by itself.
func ExamplePipeline() {
	t, end := pgtest.Example()
	defer end()
	scope := campaign.NewScope(pgtest.New(t).App(t))
	ids := exampleCampaigns(t, scope)
	reads, err := campaign.NewPipeline(scope, campaign.PipelineOptions{})
	if err != nil {
		panic(err)
	}
	defer reads.Close()

	ctx := campaign.NewContext(context.Background(), ids[1])
	var title string
	err = reads.QueryRow(ctx, `SELECT c.title FROM ovasabi.service_content_main AS c WHERE c.slug = $1`, "b1").Scan(&title)
	fmt.Println(title, err)
	err = reads.QueryRow(ctx, `DELETE FROM ovasabi.service_content_main AS c WHERE c.slug = $1 RETURNING c.title`, "b1").Scan(&title)
	fmt.Println(err)
	// Output:
	// b1 <nil>
	// the statement writes in a transaction that may only read
}

// exampleCampaigns makes two campaigns, one with a document and one with two.
func exampleCampaigns(t testing.TB, scope *campaign.Scope) []campaign.ID {
	var ids []campaign.ID
	for n, slug := range []string{"a", "b"} {
		id := newCampaign(t, scope, slug)
		ctx := campaign.NewContext(t.Context(), id)
		for i := range n + 1 {
			if _, err := scope.Exec(ctx, insertContent, id.Int64(), fmt.Sprint(slug, i)); err != nil {
				panic(err)
			}
		}
		ids = append(ids, id)
	}
	return ids
}
