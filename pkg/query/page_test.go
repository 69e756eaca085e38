package query_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"pgregory.net/rapid"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/query"
)

// A table with a column of every kind that a list may be ordered by, made for
// these tests beside the schema's own and guarded as they are.
var (
	paged       = query.NewTable("ovasabi", "paged")
	pagedID     = paged.Bigint("id").NotNull()
	pagedSure   = paged.Bigint("sure").NotNull()
	pagedOther  = query.NewTable("ovasabi", "paged_other")
	pagedOtherP = pagedOther.Bigint("paged_id").NotNull()
	pagedOtherN = pagedOther.Text("note").NotNull()
)

// ordered are the orders to draw from.
var ordered = []struct {
	name      string
	asc, desc query.Order
}{
	{"sure", pagedSure.Asc(), pagedSure.Desc()},
	{"num", paged.Bigint("num").Asc(), paged.Bigint("num").Desc()},
	{"txt", paged.Text("txt").Asc(), paged.Text("txt").Desc()},
	{"at", paged.Timestamptz("at").Asc(), paged.Timestamptz("at").Desc()},
	{"dbl", paged.Double("dbl").Asc(), paged.Double("dbl").Desc()},
	{"dec", paged.Numeric("dec").Asc(), paged.Numeric("dec").Desc()},
	{"flag", paged.Boolean("flag").Asc(), paged.Boolean("flag").Desc()},
	{"uid", paged.Column("uid").Asc(), paged.Column("uid").Desc()},
	{"on_day", paged.Column("on_day").Asc(), paged.Column("on_day").Desc()},
	{"small", paged.Integer("small").Asc(), paged.Integer("small").Desc()},
	{"key", paged.JSON("doc").Key("k").Asc(), paged.JSON("doc").Key("k").Desc()},
	{"id", pagedID.Asc(), pagedID.Desc()},
}

var orderedFields = map[string]query.Field{
	"sure": pagedSure, "num": paged.Bigint("num"), "txt": paged.Text("txt"), "at": paged.Timestamptz("at"),
	"dbl": paged.Double("dbl"), "dec": paged.Numeric("dec"), "flag": paged.Boolean("flag"), "uid": paged.Column("uid"),
	"on_day": paged.Column("on_day"), "small": paged.Integer("small"), "key": paged.JSON("doc").Key("k"), "id": pagedID,
}

func makePaged(ctx context.Context, t testing.TB, db *pgtest.DB) {
	t.Helper()
	text := `CREATE TABLE ovasabi.paged (
		campaign_id bigint NOT NULL, id bigint NOT NULL, sure bigint NOT NULL,
		num bigint, txt text, at timestamptz, dbl double precision, dec numeric, flag boolean, uid uuid, on_day date, small integer, doc jsonb,
		PRIMARY KEY (campaign_id, id));
	CREATE TABLE ovasabi.paged_other (
		campaign_id bigint NOT NULL, id bigint NOT NULL, paged_id bigint NOT NULL, note text NOT NULL,
		PRIMARY KEY (campaign_id, id));`
	for _, table := range []string{"paged", "paged_other"} {
		text += `ALTER TABLE ovasabi.` + table + ` ENABLE ROW LEVEL SECURITY;
		CREATE POLICY campaign_scope ON ovasabi.` + table + `
			USING (campaign_id = NULLIF(current_setting('app.campaign_id', true), '')::bigint);
		GRANT SELECT, INSERT, DELETE ON ovasabi.` + table + ` TO ovasabi_app;`
	}
	if _, err := db.Owner(t).Exec(ctx, text); err != nil {
		t.Fatal(err)
	}
}

// addRows adds rows of few distinct values, so that there are ties and NULLs in every column.
func addRows(ctx context.Context, owner *pgxpool.Pool, id campaign.ID, rows [][]int) error {
	if len(rows) == 0 {
		return nil
	}
	values := make([]string, 0, len(rows))
	for _, r := range rows {
		v := func(i int, choices ...string) string { return choices[r[i]%len(choices)] }
		values = append(values, fmt.Sprintf(`(%d, %d, %d, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)`,
			id, r[0], r[1]%3,
			v(2, "NULL", "0", "-1", "9223372036854775807"),
			v(3, "NULL", "''", "'a'", "'B'", "'ä'", "'a b'"),
			v(4, "NULL", "'2024-01-01Z'", "'2024-01-01 00:00:00.000001Z'", "'1900-05-05Z'", "'infinity'"),
			v(5, "NULL", "0", "'-0'", "'NaN'", "'-Infinity'", "0.1"),
			v(6, "NULL", "0", "0.1", "1e30", "'NaN'", "-3.333333333333333333333"),
			v(7, "NULL", "true", "false"),
			v(8, "NULL", "'00000000-0000-0000-0000-000000000001'", "'ffffffff-0000-0000-0000-000000000001'"),
			v(9, "NULL", "'2024-02-29'", "'0001-01-01'"),
			v(10, "NULL", "1", "-2147483648"),
			v(11, "NULL", `'{"k": "x"}'`, `'{"k": ""}'`, "'[]'")))
	}
	_, err := owner.Exec(ctx, "INSERT INTO ovasabi.paged VALUES "+strings.Join(values, ", "))
	return err
}

func drawRows(t *rapid.T, label string, ids []int) [][]int {
	rows := make([][]int, 0, len(ids))
	for _, id := range ids {
		rows = append(rows, append([]int{id}, rapid.SliceOfN(rapid.IntRange(0, 11), 11, 11).Draw(t, label)...))
	}
	return rows
}

type listing struct {
	campaign campaign.ID
	signer   *query.CursorSigner
	orders   []query.Order
	names    []string // of the ordered columns, the key included
	least    int64    // the filter: sure >= least
	joined   bool
}

func (l *listing) query(token string) *query.CampaignQueryBuilder {
	fields := []query.Field{pagedID}
	for _, name := range l.names {
		if name == "other id" {
			fields = append(fields, pagedOther.Bigint("id"))
		} else {
			fields = append(fields, orderedFields[name])
		}
	}
	b := query.NewCampaignQuery(l.campaign).WithTable(paged).Columns(fields...)
	if l.joined {
		b.LeftJoin(pagedOther, pagedOtherP.EqualColumn(pagedID), pagedOtherN.NotEqual("none"))
	}
	b.Where(pagedSure.AtLeast(l.least)).OrderBy(l.orders...)
	return b.After(l.signer, token)
}

// page reads one page: for each row its identity, and the values of the order.
func (l *listing) page(ctx context.Context, pool *pgxpool.Pool, token string, limit int) (seen []string, last []any, err error) {
	text, args, err := l.query(token).Limit(limit).SQL()
	if err != nil {
		return nil, nil, err
	}
	err = within(ctx, pool, l.campaign, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, text, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			values, err := rows.Values()
			if err != nil {
				return err
			}
			last = values[1:]
			identity := fmt.Sprint(values[0])
			if l.joined {
				identity += fmt.Sprint("/", values[len(values)-1])
			}
			seen = append(seen, identity)
		}
		return rows.Err()
	})
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, text)
	}
	return seen, last, err
}

func drawListing(t *rapid.T, id campaign.ID, signer *query.CursorSigner) *listing {
	l := &listing{campaign: id, signer: signer, least: rapid.Int64Range(0, 1).Draw(t, "least")}
	l.joined = rapid.IntRange(0, 3).Draw(t, "joined") == 0
	for i := range rapid.IntRange(0, 4).Draw(t, "columns") {
		o := rapid.SampledFrom(ordered).Draw(t, fmt.Sprint("column ", i))
		if slices.Contains(l.names, o.name) {
			continue
		}
		order := o.asc
		if rapid.Bool().Draw(t, "descending") {
			order = o.desc
		}
		if rapid.Bool().Draw(t, "nulls first") {
			order = order.NullsFirst()
		}
		l.orders, l.names = append(l.orders, order), append(l.names, o.name)
	}
	if !slices.Contains(l.names, "id") {
		l.names = append(l.names, "id")
	}
	if l.joined {
		l.names = append(l.names, "other id")
	}
	return l
}

// Pages visit every row that was there from the beginning exactly once and in
// the list's order, over any order, ties, NULLs, joins and page sizes, while
// rows are inserted between the pages and other campaigns hold rows too.
func TestPagesVisitEveryRowOnce(t *testing.T) {
	ctx, db := deadline(t), pgtest.New(t)
	makePaged(ctx, t, db)
	owner, pool, signer := db.Owner(t), db.App(t), newSigner(t)
	campaigns := campaign.ID(1)
	rapid.Check(t, func(t *rapid.T) {
		campaigns += 2
		id := campaigns
		count := rapid.IntRange(0, 14).Draw(t, "rows")
		ids := make([]int, count)
		for i := range ids {
			ids[i] = 2 * (i + 1)
		}
		for _, c := range []campaign.ID{id, id + 1} { // the same ids in two campaigns
			if err := addRows(ctx, owner, c, drawRows(t, "row", ids)); err != nil {
				t.Fatal(err)
			}
			if _, err := owner.Exec(ctx, `INSERT INTO ovasabi.paged_other
				SELECT $1, p * 10 + n, p, CASE WHEN n = 2 THEN 'none' ELSE 'some' END
				FROM generate_series(4, 20, 4) AS p, generate_series(0, 2) AS n`, c); err != nil {
				t.Fatal(err)
			}
		}
		l := drawListing(t, id, signer)

		all, _, err := l.page(ctx, pool, "", query.MaxLimit)
		if err != nil {
			t.Fatal(err)
		}
		initial := map[string]bool{}
		for _, row := range all {
			initial[row] = true
		}
		var seen []string
		inserted, token := map[int]bool{}, ""
		for pages := 0; ; pages++ {
			if pages > 100 {
				t.Fatal("the list does not end")
			}
			limit := rapid.IntRange(1, 5).Draw(t, "limit")
			rows, last, err := l.page(ctx, pool, token, limit)
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range rows {
				if slices.Contains(seen, row) {
					t.Fatalf("row %s came twice", row)
				}
				seen = append(seen, row)
			}
			if len(rows) < limit {
				break
			}
			b := l.query(token)
			if token, err = b.NextCursor(last...); err != nil {
				t.Fatal(err)
			}
			between := 2*rapid.IntRange(0, count).Draw(t, "inserted id") + 1 // its other columns put it anywhere
			if !inserted[between] {
				inserted[between] = true
				if err := addRows(ctx, owner, id, drawRows(t, "inserted", []int{between})); err != nil {
					t.Fatal(err)
				}
			}
		}
		before := slices.DeleteFunc(seen, func(row string) bool { return !initial[row] })
		if strings.Join(before, " ") != strings.Join(all, " ") {
			t.Fatalf("pages visited %v, the list is %v", before, all)
		}
	})
}
