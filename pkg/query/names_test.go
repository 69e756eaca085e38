package query_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/query"
)

// The server itself makes tables of any name (quoted by its own format), and the
// builder reads and writes them: both mean the same names.
func TestAnyNameOnTheServer(t *testing.T) {
	ctx, db := deadline(t), pgtest.New(t)
	owner := db.Owner(t)
	taken := map[string]bool{"": true, "id": true, "campaign_id": true}
	for _, system := range []string{"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"} {
		taken[system] = true
	}
	name := rapid.Custom(func(t *rapid.T) string {
		return rapid.OneOf(
			rapid.StringOfN(rapid.SampledFrom([]rune("\"'\\$; -.ABab\n%é$1")), 1, 20, 63),
			rapid.StringN(1, 30, 63),
		).Draw(t, "name")
	}).Filter(func(s string) bool {
		return !taken[s] && utf8.ValidString(s) && !strings.Contains(s, "\x00")
	})
	rapid.Check(t, func(t *rapid.T) {
		table, column, alias := name.Draw(t, "table"), name.Draw(t, "column"), name.Draw(t, "alias")
		tx, err := owner.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback(ctx) }()
		var create string
		err = tx.QueryRow(ctx, `SELECT format('CREATE SCHEMA odd CREATE TABLE odd.%I (campaign_id bigint, id bigint DEFAULT 1, %I jsonb)', $1::text, $2::text)`, table, column).Scan(&create)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(ctx, create); err != nil {
			t.Fatal(err)
		}
		odd := query.NewTable("odd", table)
		oddColumn := odd.JSON(column)
		key := name.Draw(t, "key")
		run := func(b *query.CampaignQueryBuilder, want string) {
			text, args, err := b.SQL()
			if err != nil {
				t.Fatal(err)
			}
			got, err := answer(ctx, tx, text, args)
			if err != nil || got != want {
				t.Fatalf("answered %q, %v; want %q\n%s", got, err, want, text)
			}
		}
		run(query.NewCampaignQuery(7).WithTable(odd).Insert(oddColumn.Set(map[string]string{key: "v"})).Returning(oddColumn.Key(key)), "v")
		as := odd.As(alias)
		asColumn := as.JSON(column)
		if alias == table {
			run(query.NewCampaignQuery(7).WithTable(odd).Columns(oddColumn.Key(key)).Where(oddColumn.Key(key).Equal("v")), "v")
			return
		}
		run(query.NewCampaignQuery(7).WithTable(odd).Columns(asColumn.Key(key)).
			Join(as, asColumn.EqualColumn(oddColumn.Column)).
			Where(oddColumn.Key(key).Equal("v")).OrderBy(asColumn.Key(key).Asc()), "v")
		run(query.NewCampaignQuery(7).WithTable(as).Update(asColumn.Merge(map[string]string{key: "w"})).AllRows().Returning(asColumn.Key(key)), "w")
	})
}
