package query_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/query"
)

func deadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// within runs f in a transaction that is scoped to the campaign and rolled back.
func within(ctx context.Context, pool *pgxpool.Pool, id campaign.ID, f func(pgx.Tx) error) error {
	tx, err := pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if _, err := tx.Exec(ctx, "SELECT set_config('app.campaign_id', $1, true)", id.String()); err != nil {
		return err
	}
	return f(tx)
}

// answer runs a statement and writes its rows as shape.want has them.
func answer(ctx context.Context, tx pgx.Tx, text string, args []any) (string, error) {
	rows, err := tx.Query(ctx, text, args...)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return "", err
		}
		one := make([]string, len(values))
		for i, v := range values {
			one[i] = fmt.Sprint(v)
		}
		all = append(all, strings.Join(one, "|"))
	}
	return strings.Join(all, ";"), rows.Err()
}

// seed gives campaigns 7 and 8 rows with the same ids.
func seed(ctx context.Context, t testing.TB, db *pgtest.DB) {
	t.Helper()
	owner := db.Owner(t)
	for _, text := range []string{
		`INSERT INTO ovasabi.service_campaign_main (id, slug, name) VALUES (7, 'seven', 'seven'), (8, 'eight', 'eight')`,
		`INSERT INTO ovasabi.service_content_main (campaign_id, id, slug, title, status, tags, metadata, version, created_at)
		 SELECT c, v.* FROM (VALUES (7), (8)) AS campaigns (c), (VALUES
			(1, 'a', 'Apple pie', 'published', '["x"]'::jsonb, '{"kind": "news", "n": 5}'::jsonb, 1, timestamptz '2024-01-01Z'),
			(2, 'b', 'Banana bread', 'draft', '["y"]', '{"kind": "blog", "deep": {"a''\\b": "z"}}', 2, '2024-01-02Z'),
			(3, 'c', 'Cherry cake', 'review', '[]', '{}', 3, '2024-01-03Z'),
			(4, 'd', 'Apple cake', 'published', '[]', '{"kind": "news", "n": 1}', 4, '2024-01-04Z')) AS v`,
		`INSERT INTO ovasabi.service_user_main (campaign_id, id, email, username, first_name, last_login_at)
		 SELECT c, v.* FROM (VALUES (7), (8)) AS campaigns (c), (VALUES
			(1, 'one@x', 'One', 'First', timestamptz '2024-02-01Z'),
			(2, 'two@x', NULL, NULL, NULL),
			(3, 'three@x', 'Three', NULL, '2024-02-03Z')) AS v`,
		`INSERT INTO ovasabi.service_product_main (campaign_id, id, sku, name, price, stock)
		 SELECT c, v.* FROM (VALUES (7), (8)) AS campaigns (c), (VALUES
			(1, 'p1', 'One', 9.99, 5), (2, 'p2', 'Two', 19.99, 0), (3, 'p3', 'Three', 100, 3)) AS v`,
		`ALTER TABLE ovasabi.service_content_main ALTER COLUMN id RESTART WITH 100`,
		`ALTER TABLE ovasabi.service_user_main ALTER COLUMN id RESTART WITH 100`,
	} {
		if _, err := owner.Exec(ctx, text); err != nil {
			t.Fatal(err)
		}
	}
}

// Every shape runs on the server as the application's role, in all the ways in
// which pgx can send it, and answers rows of its campaign only.
func TestEveryShapeOnTheServer(t *testing.T) {
	ctx, db := deadline(t), pgtest.New(t)
	seed(ctx, t, db)
	pool := db.App(t)
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
	} {
		for _, s := range shapes(t) {
			text, args, err := s.build(7)
			if err != nil {
				t.Errorf("%s: %v", s.name, err)
				continue
			}
			err = within(ctx, pool, 7, func(tx pgx.Tx) error {
				got, err := answer(ctx, tx, text, append([]any{mode}, args...))
				if err == nil && got != s.want {
					t.Errorf("%s: answered %q, want %q\n%s", s.name, got, s.want, text)
				}
				return err
			})
			if err != nil {
				t.Errorf("%s, %s: %v\n%s", s.name, mode, err, text)
			}
		}
	}
}

// The builder's own guard: as a superuser, whom no policy binds, every shape
// still answers and touches rows of its campaign only.
func TestEveryShapeWithoutPolicies(t *testing.T) {
	ctx, db := deadline(t), pgtest.New(t)
	seed(ctx, t, db)
	owner := db.Owner(t)
	for _, s := range shapes(t) {
		text, args, err := s.build(7)
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		tx, err := owner.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		got, err := answer(ctx, tx, text, args)
		if err != nil || got != s.want {
			t.Errorf("%s: answered %q, %v; want %q\n%s", s.name, got, err, s.want, text)
		}
		var strange int
		if err == nil {
			err = tx.QueryRow(ctx, `
				SELECT (SELECT count(*) FROM ovasabi.service_content_main WHERE campaign_id = 8 AND xmin::text = pg_current_xact_id()::xid::text)
				     + (SELECT 4 - count(*) FROM ovasabi.service_content_main WHERE campaign_id = 8)
				     + (SELECT 3 - count(*) FROM ovasabi.service_product_main WHERE campaign_id = 8)
				     + (SELECT count(*) FROM ovasabi.service_product_main WHERE campaign_id = 8 AND xmin::text = pg_current_xact_id()::xid::text)
				     + (SELECT count(*) FROM ovasabi.service_user_main WHERE campaign_id = 8 AND xmin::text = pg_current_xact_id()::xid::text)`).Scan(&strange)
			if err != nil || strange != 0 {
				t.Errorf("%s: touched %d rows of the other campaign, %v", s.name, strange, err)
			}
		}
		if err := tx.Rollback(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

// The scope of one campaign and the query of another see nothing: the two guards agree or there are no rows.
func TestScopeAndBuilderMustAgree(t *testing.T) {
	ctx, db := deadline(t), pgtest.New(t)
	seed(ctx, t, db)
	text, args, err := query.NewCampaignQuery(7).WithTable(content).Columns(contentID).SQL()
	if err != nil {
		t.Fatal(err)
	}
	err = within(ctx, db.App(t), 8, func(tx pgx.Tx) error {
		got, err := answer(ctx, tx, text, args)
		if got != "" {
			t.Errorf("campaign 7's query answered %q in campaign 8's scope", got)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A key with a backslash means the same whatever standard_conforming_strings says.
func TestLiteralsUnderEitherSetting(t *testing.T) {
	ctx, db := deadline(t), pgtest.New(t)
	seed(ctx, t, db)
	text, args, err := query.NewCampaignQuery(7).WithTable(content).Columns(contentID).
		Where(contentMetadata.Key("deep", `a'\b`).Equal("z")).SQL()
	if err != nil {
		t.Fatal(err)
	}
	for _, setting := range []string{"on", "off"} {
		err := within(ctx, db.App(t), 7, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SET LOCAL standard_conforming_strings = "+setting); err != nil {
				return err
			}
			// Parsed anew: a statement that was prepared before keeps its old meaning.
			got, err := answer(ctx, tx, text, append([]any{pgx.QueryExecModeDescribeExec}, args...))
			if got != "2" {
				t.Errorf("with standard_conforming_strings %s: answered %q, want 2", setting, got)
			}
			return err
		})
		if err != nil {
			t.Errorf("with standard_conforming_strings %s: %v", setting, err)
		}
	}
}
