package campaign_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/query"
	"github.com/ovasabi/ovasabi/pkg/repository"
)

// TestCampaignsNeverMeet runs random programs of several campaigns at once on a
// shared pool of few connections. Every campaign keeps a model of its own rows
// and compares after each step; no row of another may be seen or changed.
//
// It runs twice: with statements as the builder makes them, and with the same
// statements after every condition on the campaign was cut out of them, so that
// the policies stand alone.
func TestCampaignsNeverMeet(t *testing.T) {
	for name, guarded := range map[string]bool{"with the builder's condition": true, "by the policies alone": false} {
		t.Run(name, func(t *testing.T) {
			db := pgtest.New(t)
			pool := pgtest.Pool(t, db.AppURL, 3, nil)
			admission, err := campaign.NewAdmission(campaign.AdmissionConfig{Capacity: 3}, campaign.RowLimits{Pool: pool})
			require.NoError(t, err)
			t.Cleanup(admission.Close)
			scope := campaign.NewScope(pool, campaign.WithAdmission(admission))
			pipeline, err := campaign.NewPipeline(scope, campaign.PipelineOptions{Apart: 1, Trip: 3})
			require.NoError(t, err)
			t.Cleanup(pipeline.Close)
			signer, err := query.NewCursorSigner(make([]byte, 32))
			require.NoError(t, err)
			var tenants []*tenant
			for i := range 4 {
				id := newCampaign(t, scope, fmt.Sprintf("c%d", i))
				tenants = append(tenants, &tenant{scope: scope, pipeline: pipeline, id: id, guarded: guarded, signer: signer, ctx: campaign.NewContext(t.Context(), id)})
			}
			for i, c := range tenants {
				c.others = slices.Delete(slices.Clone(tenants), i, i+1)
			}
			rapid.Check(t, func(rt *rapid.T) { runPrograms(rt, tenants) })
			require.Positive(t, pipeline.Stats().Shared, "reads that shared trips")
			givenBack(t, pool)
		})
	}
}

func runPrograms(rt *rapid.T, tenants []*tenant) {
	programs := make([][]step, len(tenants))
	for i := range tenants {
		programs[i] = rapid.SliceOfN(stepGen, 1, 12).Draw(rt, fmt.Sprintf("program %d", i))
	}
	errs := make([]error, len(tenants))
	var group sync.WaitGroup
	for i, tenant := range tenants {
		group.Go(func() { errs[i] = tenant.run(programs[i]) })
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		rt.Fatal(err)
	}
}

type step struct {
	Do  string
	Key int
}

var stepGen = rapid.Custom(func(t *rapid.T) step {
	return step{
		Do:  rapid.SampledFrom(slices.Sorted(maps.Keys(actions))).Draw(t, "do"),
		Key: rapid.IntRange(0, 5).Draw(t, "key"),
	}
})

// tenant is one campaign with the rows that it should have: slug to title.
type tenant struct {
	scope    *campaign.Scope
	pipeline *campaign.Pipeline
	id       campaign.ID
	ctx      context.Context
	guarded  bool
	signer   *query.CursorSigner
	others   []*tenant
	rows     map[string]string
	writes   int
}

func (c *tenant) run(program []step) error {
	if _, err := c.exec(c.ctx, c.scope, c.query().Delete().AllRows()); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	c.rows = map[string]string{}
	for i, s := range program {
		if err := actions[s.Do](c, fmt.Sprintf("k%d", s.Key)); err != nil {
			return fmt.Errorf("campaign %s, step %d %s: %w", c.id, i, s.Do, err)
		}
		if err := c.compare(); err != nil {
			return fmt.Errorf("campaign %s, after step %d %s: %w", c.id, i, s.Do, err)
		}
	}
	return nil
}

// The tables as a service declares them.
var (
	content         = query.NewTable("ovasabi", "service_content_main")
	contentID       = content.Bigint("id").NotNull()
	contentCampaign = content.Bigint("campaign_id").NotNull()
	contentSlug     = content.Text("slug").NotNull()
	contentTitle    = content.Text("title").NotNull()
	contentStatus   = content.Text("status").NotNull()

	contentRows = repository.MustTable(repository.TableSpec{
		Name:    pgx.Identifier{"ovasabi", "service_content_main"},
		ID:      "id",
		Columns: []repository.Column{{Name: "slug", Type: "text", NotNull: true}, {Name: "title", Type: "text", NotNull: true}},
		Key:     []string{"slug"},
	})
)

func (c *tenant) query() *query.CampaignQueryBuilder {
	return query.NewCampaignQuery(c.id).WithTable(content)
}

// upsert writes a row as the campaign given, whoever the tenant is.
func upsert(id campaign.ID, slug, title string) *query.CampaignQueryBuilder {
	return query.NewCampaignQuery(id).WithTable(content).
		Insert(contentSlug.Set(slug), contentTitle.Set(title)).
		OnConflict(contentSlug).DoUpdate(contentTitle.SetExcluded())
}

// guards are what the builder says of the campaign in joins and conditions.
var guards = regexp.MustCompile(`"\w+"\."campaign_id" = (\$1::bigint|"\w+"\."campaign_id")`)

// sql is the builder's statement, with or without its guards.
func (c *tenant) sql(b *query.CampaignQueryBuilder) (string, []any, error) {
	text, args, err := b.SQL()
	if !c.guarded {
		text = guards.ReplaceAllString(text, "$$1::bigint IS NOT NULL")
	}
	return text, args, err
}

func (c *tenant) exec(ctx context.Context, q database.Querier, b *query.CampaignQueryBuilder) (int64, error) {
	text, args, err := c.sql(b)
	if err != nil {
		return 0, err
	}
	tag, err := q.Exec(ctx, text, args...)
	return tag.RowsAffected(), err
}

func (c *tenant) read(b *query.CampaignQueryBuilder) (pgx.Rows, error) {
	return c.readThrough(c.ctx, c.scope, b)
}

func (c *tenant) readThrough(ctx context.Context, q database.Querier, b *query.CampaignQueryBuilder) (pgx.Rows, error) {
	text, args, err := c.sql(b)
	if err != nil {
		return nil, err
	}
	return q.Query(ctx, text, args...)
}

// title marks who wrote a row, and when.
func (c *tenant) title() string {
	c.writes++
	return fmt.Sprintf("%s/%d", c.id, c.writes)
}

func (c *tenant) compare() error { return c.compareThrough(c.scope) }

func (c *tenant) compareThrough(q database.Querier) error {
	rows, err := c.readThrough(c.ctx, q, c.query().Columns(contentSlug, contentTitle).Unlimited())
	if err != nil {
		return err
	}
	seen := map[string]string{}
	var slug, title string
	if _, err := pgx.ForEachRow(rows, []any{&slug, &title}, func() error {
		seen[slug] = title
		return nil
	}); err != nil {
		return err
	}
	if !maps.Equal(seen, c.rows) {
		return fmt.Errorf("sees %v, should see %v", seen, c.rows)
	}
	return nil
}

// TestTheGuardsAreCutOut keeps the second half of TestCampaignsNeverMeet honest.
func TestTheGuardsAreCutOut(t *testing.T) {
	other := content.As("other")
	for _, b := range []*query.CampaignQueryBuilder{
		query.NewCampaignQuery(7).WithTable(content).Columns(contentSlug).Join(other, contentSlug.Of(other).EqualColumn(contentSlug)),
		query.NewCampaignQuery(7).WithTable(content).Update(contentTitle.Set("x")).AllRows(),
		query.NewCampaignQuery(7).WithTable(content).Delete().AllRows(),
	} {
		whole, _, err := (&tenant{guarded: true}).sql(b)
		require.NoError(t, err)
		require.Contains(t, whole, `"campaign_id" = `)
		cut, _, err := (&tenant{}).sql(b)
		require.NoError(t, err)
		require.NotContains(t, cut, `"campaign_id" = `)
	}
}
