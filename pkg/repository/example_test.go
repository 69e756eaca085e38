package repository_test

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/repository"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// What a service's repository.go holds: where it writes, what it asks, and a
// struct around the interface.

var written = repository.MustTable(repository.TableSpec{
	Name: pgx.Identifier{"ovasabi", "service_content_main"},
	ID:   "id",
	Columns: []repository.Column{
		{Name: "slug", Type: "text", NotNull: true},
		{Name: "title", Type: "text", NotNull: true},
	},
	Key: []string{"slug"},
})

var (
	titleOf = repository.Declare("example.title_of", `
SELECT c.title
FROM ovasabi.service_content_main AS c
WHERE c.campaign_id = $1::bigint
  AND c.slug = $2::text`)

	// The optimised side asks for what a later migration of the example adds.
	bySlug = repository.DeclareTwin(twin.Declare("example.by_slug", twin.Pair{
		Plain: `
SELECT c.slug, c.title
FROM ovasabi.service_content_main AS c
WHERE c.campaign_id = $1::bigint
ORDER BY c.slug`,
		Optimised: `
SELECT c.slug, c.title_of_later
FROM ovasabi.service_content_main AS c
WHERE c.campaign_id = $1::bigint
ORDER BY c.slug`,
	}))
)

type contents struct{ repository.Repository }

type content struct{ Slug, Title string }

func (r contents) add(ctx context.Context, list ...content) ([]int64, error) {
	batch, err := r.NewBatch(written, repository.OnConflict(repository.Skip))
	if err != nil {
		return nil, err
	}
	for _, c := range list {
		if err := batch.AddRow(c.Slug, c.Title); err != nil {
			return nil, err
		}
	}
	if err := batch.Execute(ctx); err != nil {
		return nil, err
	}
	return batch.GetInsertedIDs(), nil
}

func (r contents) titleOf(ctx context.Context, id campaign.ID, slug string) (title string, err error) {
	err = r.QueryRow(ctx, titleOf, id.Int64(), slug).Scan(&title)
	return title, err
}

func (r contents) bySlug(ctx context.Context, id campaign.ID) ([]content, error) {
	rows, err := r.Query(ctx, bySlug, id.Int64())
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[content])
	return list, fault.FromPostgres(err)
}

// A service moves by changing the line that makes its repository; what it
// answers stays the same.
func ExampleNewEnhancedBaseRepository() {
	ctx, pool, statements, twins, done := exampleDatabase()
	defer done()
	scope := campaign.NewScope(pool)
	metrics, err := repository.NewRepositoryMetrics()
	if err != nil {
		panic(err)
	}

	plain := contents{repository.NewBaseRepository(scope)}
	enhanced := contents{repository.NewEnhancedBaseRepository(scope, repository.Enhancements{
		Statements: statements, Metrics: metrics, Twins: twins,
	})}

	for _, r := range []contents{plain, enhanced} {
		ids, err := r.add(ctx, content{"lantern", "A lantern"}, content{"harbour", "The harbour"})
		fmt.Println(ids, err)
		title, err := r.titleOf(ctx, 1, "harbour")
		fmt.Println(title, err)
		list, err := r.bySlug(ctx, 1)
		fmt.Println(list, err)
		_, err = r.titleOf(ctx, 1, "nowhere")
		fmt.Println(fault.KindOf(err))
	}
	// Output:
	// [1 2] <nil>
	// The harbour <nil>
	// [{harbour The harbour} {lantern A lantern}] <nil>
	// not_found
	// [1 2] <nil>
	// The harbour <nil>
	// [{harbour The harbour} {lantern A lantern}] <nil>
	// not_found
}

// exampleDatabase is a database with campaign 1, in which every twin is to take
// its optimised side.
func exampleDatabase() (context.Context, *pgxpool.Pool, *repository.PreparedStatementPool, *twin.Runner, func()) {
	t, end := pgtest.Example()
	f := newFixture(t)
	statements, pool := openWatched(t, f, 4)
	f.exec(t, `INSERT INTO ovasabi.twin_flag (campaign_id, twin, percentage) VALUES (1, 'example.by_slug', 100)`)
	flags, err := twin.NewFlags(f.one, pool, twin.FlagOptions{Log: quiet})
	if err != nil {
		panic(err)
	}
	t.Cleanup(flags.Close)
	runner, err := twin.NewRunner(flags, twin.Options{Log: quiet})
	if err != nil {
		panic(err)
	}
	t.Cleanup(runner.Close)
	return f.one, pool, statements, runner, end
}

// quiet is no log: the fall to the plain side is told in the metrics as well.
var quiet = slog.New(slog.DiscardHandler)
