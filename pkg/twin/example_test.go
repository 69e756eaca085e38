package twin_test

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// Both sides answer the same; the optimised one wants what a migration may take away.
var exampleTitle = twin.Declare("example.title", twin.Pair{
	Plain: `
SELECT c.title
FROM ovasabi.service_content_main AS c
WHERE c.campaign_id = $1::bigint`,
	Optimised: `
SELECT c.short_title
FROM ovasabi.service_content_main AS c
WHERE c.campaign_id = $1::bigint`,
})

// A flag picks the side for each campaign. Where the optimised side meets a
// schema without what it wants, the plain one answers the same call.
func ExampleRunner() {
	t, end := pgtest.Example()
	defer end()
	db := pgtest.New(t)
	exec := func(sql string) {
		if _, err := db.Owner(t).Exec(context.Background(), sql); err != nil {
			panic(err)
		}
	}
	exec(`
INSERT INTO ovasabi.service_campaign_main (id, slug, name) VALUES (7, 'harbour', 'Harbour');
INSERT INTO ovasabi.service_content_main (campaign_id, slug, title) VALUES (7, 'lantern', 'A lantern');
ALTER TABLE ovasabi.service_content_main ADD COLUMN short_title text GENERATED ALWAYS AS (left(title, 9)) VIRTUAL`)

	pool := db.App(t)
	ctx := campaign.NewContext(context.Background(), 7)
	if err := twin.Set(ctx, db.Owner(t), twin.Flag{Campaign: 7, Twin: exampleTitle.Name(), Percentage: 100, Reason: "tried on one campaign first"}); err != nil {
		panic(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	flags, err := twin.NewFlags(ctx, pool, twin.FlagOptions{Log: quiet})
	if err != nil {
		panic(err)
	}
	defer flags.Close()
	runner, err := twin.NewRunner(flags, twin.Options{Log: quiet})
	if err != nil {
		panic(err)
	}
	defer runner.Close()

	scope := campaign.NewScope(pool)
	ask := func() {
		rows, err := runner.Query(ctx, scope, exampleTitle, int64(7))
		if err != nil {
			panic(err)
		}
		title, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[string])
		fmt.Println(title, err)
	}
	fmt.Println(flags.Choose(ctx, exampleTitle))
	ask()
	exec(`ALTER TABLE ovasabi.service_content_main DROP COLUMN short_title`)
	ask()
	for _, f := range runner.Figures() {
		fmt.Println(f.Side, f.Calls, f.Fallbacks)
	}
	// Output:
	// optimised
	// A lantern <nil>
	// A lantern <nil>
	// plain 1 0
	// optimised 1 1
}
