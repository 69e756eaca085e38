package query_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/query"
)

// node is what the tests read of EXPLAIN (FORMAT JSON).
//
//nolint:tagliatelle // EXPLAIN's own names
type node struct {
	Type      string  `json:"Node Type"`
	Index     string  `json:"Index Name"`
	Condition string  `json:"Index Cond"`
	Rows      float64 `json:"Actual Rows"`
	Removed   float64 `json:"Rows Removed by Filter"`
	Hit       int64   `json:"Shared Hit Blocks"`
	Read      int64   `json:"Shared Read Blocks"`
	Plans     []node  `json:"Plans"`
}

func (n node) walk(visit func(node)) {
	visit(n)
	for _, child := range n.Plans {
		child.walk(visit)
	}
}

func explain(ctx context.Context, tx pgx.Tx, options, text string, args []any) (node, error) {
	var raw []byte
	if err := tx.QueryRow(ctx, "EXPLAIN ("+options+", FORMAT JSON) "+text, args...).Scan(&raw); err != nil {
		return node{}, err
	}
	return topNode(raw)
}

// explainGeneric is the plan for whatever values, as a prepared statement keeps it.
func explainGeneric(ctx context.Context, tx pgx.Tx, text string) (node, error) {
	results, err := tx.Conn().PgConn().Exec(ctx, "EXPLAIN (GENERIC_PLAN, FORMAT JSON) "+text).ReadAll()
	if err != nil {
		return node{}, err
	}
	return topNode(results[0].Rows[0][0])
}

func topNode(raw []byte) (node, error) {
	var plans []struct{ Plan node }
	if err := json.Unmarshal(raw, &plans); err != nil {
		return node{}, err
	}
	return plans[0].Plan, nil
}

const planRows = 20_000

// seedPlans gives campaign 7 many rows with ties in created_at, and campaign 8 more of the same times.
func seedPlans(ctx context.Context, t testing.TB, db *pgtest.DB) {
	t.Helper()
	owner := db.Owner(t)
	for _, text := range []string{
		`INSERT INTO ovasabi.service_campaign_main (id, slug, name) VALUES (7, 'seven', 'seven'), (8, 'eight', 'eight')`,
		fmt.Sprintf(`INSERT INTO ovasabi.service_content_main (campaign_id, id, slug, title, created_at)
			SELECT c, n, 'slug-' || n, 'Title', timestamptz '2024-01-01Z' + (n / 4) * interval '1 second'
			FROM generate_series(7, 8) AS c, generate_series(1, %d) AS n`, planRows),
		fmt.Sprintf(`INSERT INTO ovasabi.service_user_main (campaign_id, id, email, last_login_at)
			SELECT 7, n, n || '@x', CASE WHEN n %% 10 > 0 THEN timestamptz '2024-01-01Z' + n * interval '1 second' END
			FROM generate_series(1, %d) AS n`, planRows),
		`VACUUM ANALYZE ovasabi.service_content_main`,
		`VACUUM ANALYZE ovasabi.service_user_main`,
	} {
		if _, err := owner.Exec(ctx, text); err != nil {
			t.Fatal(err)
		}
	}
}

// A page anywhere in a list starts at its cursor in the index and reads its own
// rows: no sort, no rows thrown away, as many blocks as the first page needs.
func TestPagesReadOnlyTheirRows(t *testing.T) {
	ctx, db := deadline(t), pgtest.New(t)
	seedPlans(ctx, t, db)
	pool, signer := db.App(t), newSigner(t)
	middle := time.Date(2024, 1, 1, 0, 0, planRows/8, 0, time.UTC)
	const limit = 20
	contents := func(orders ...query.Order) func() *query.CampaignQueryBuilder {
		return func() *query.CampaignQueryBuilder {
			return query.NewCampaignQuery(7).WithTable(content).Columns(contentID, contentTitle).OrderBy(orders...)
		}
	}
	users := func(orders ...query.Order) func() *query.CampaignQueryBuilder {
		return func() *query.CampaignQueryBuilder {
			return query.NewCampaignQuery(7).WithTable(user).Columns(userID).OrderBy(orders...)
		}
	}
	for _, c := range []struct {
		name  string
		build func() *query.CampaignQueryBuilder
		last  []any
		index string
		spare float64 // rows with the same first column, which a mixed order reads and sorts
	}{
		{"newest first", contents(contentCreatedAt.Desc()), []any{middle, int64(planRows / 2)}, "idx_content_campaign_created", 0},
		{"oldest first", contents(contentCreatedAt.Asc()), []any{middle, int64(planRows / 2)}, "idx_content_campaign_created", 0},
		{"by key", contents(contentID.Desc()), []any{int64(planRows / 2)}, "service_content_main_pkey", 0},
		{"last login first, nulls first", users(userLastLoginAt.Desc().NullsFirst()), []any{middle, int64(planRows / 2)}, "idx_users_campaign_login", 0},
		{"newest first, then oldest key", contents(contentCreatedAt.Desc(), contentID.Asc()), []any{middle, int64(planRows / 2)}, "idx_content_campaign_created", 12},
		{"among those without login", users(userLastLoginAt.Asc()), []any{nil, int64(planRows / 2)}, "idx_users_campaign_login", 0},
	} {
		first := c.build().After(signer, "").Limit(limit)
		token, err := first.NextCursor(c.last...)
		if err != nil {
			t.Fatal(err)
		}
		blocks := map[string]int64{}
		for page, b := range map[string]*query.CampaignQueryBuilder{"first": first, "middle": c.build().After(signer, token).Limit(limit)} {
			text, args, err := b.SQL()
			if err != nil {
				t.Fatal(err)
			}
			err = within(ctx, pool, 7, func(tx pgx.Tx) error {
				// Once before, so that the catalogue's own blocks are not counted.
				if _, err := answer(ctx, tx, text, args); err != nil {
					return err
				}
				plan, err := explain(ctx, tx, "ANALYZE, BUFFERS", text, args)
				if err != nil {
					return err
				}
				blocks[page] = plan.Hit + plan.Read
				scans := 0
				plan.walk(func(n node) {
					if n.Index != "" {
						scans++
					}
					if n.Index != "" && n.Index != c.index || n.Type == "Sort" || c.spare == 0 && n.Type == "Incremental Sort" || n.Type == "Seq Scan" {
						t.Errorf("%s, %s page: the plan has %s %s", c.name, page, n.Type, n.Index)
					}
					if n.Rows > limit+c.spare || n.Removed > c.spare {
						t.Errorf("%s, %s page: %s read %v rows and threw away %v for a page of %d\n%s\n%s", c.name, page, n.Type, n.Rows, n.Removed, limit, n.Condition, text)
					}
				})
				if scans != 1 || plan.Rows != limit {
					t.Errorf("%s, %s page: %d index scans gave %v rows, want one and %d", c.name, page, scans, plan.Rows, limit)
				}
				generic, err := explainGeneric(ctx, tx, text)
				if err != nil {
					return err
				}
				generic.walk(func(n node) {
					if n.Index != "" && n.Index != c.index || n.Type == "Sort" || n.Type == "Seq Scan" {
						t.Errorf("%s, %s page: the generic plan has %s %s", c.name, page, n.Type, n.Index)
					}
				})
				return nil
			})
			if err != nil {
				t.Fatalf("%s, %s page: %v\n%s", c.name, page, err, text)
			}
		}
		// A row is a block of the table at worst, and the way down the index a few.
		if most := int64(limit + 16); blocks["first"] > most || blocks["middle"] > most {
			t.Errorf("%s: %d blocks for the first page and %d for one in the middle, want at most %d", c.name, blocks["first"], blocks["middle"], most)
		}
		t.Logf("%s: blocks %v", c.name, blocks)
	}
}

// A bounded count reads one row more than its bound, not the campaign.
func TestCountReadsNoMoreThanItsBound(t *testing.T) {
	ctx, db := deadline(t), pgtest.New(t)
	seedPlans(ctx, t, db)
	text, args, err := query.NewCampaignQuery(7).WithTable(content).CountSQL(100)
	if err != nil {
		t.Fatal(err)
	}
	err = within(ctx, db.App(t), 7, func(tx pgx.Tx) error {
		plan, err := explain(ctx, tx, "ANALYZE, BUFFERS", text, args)
		if err != nil {
			return err
		}
		plan.walk(func(n node) {
			if n.Rows > 101 {
				t.Errorf("%s read %v rows for a bound of 100", n.Type, n.Rows)
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
