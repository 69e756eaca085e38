package query_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/query"
)

// tokens takes a statement apart as PostgreSQL's lexer does: the quoted names and
// literals with their quoting undone, and the text around them with each replaced by a mark.
func tokens(text string) (skeleton string, names, literals []string, ok bool) {
	var rest strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c != '"' && c != '\'' {
			rest.WriteByte(c)
			continue
		}
		escapes := c == '\'' && i > 0 && text[i-1] == 'E'
		var inner strings.Builder
		for i++; ; i++ {
			if i >= len(text) {
				return "", nil, nil, false // a quote that does not end
			}
			if text[i] == c && i+1 < len(text) && text[i+1] == c || escapes && text[i] == '\\' {
				i++
				if i >= len(text) {
					return "", nil, nil, false
				}
			} else if text[i] == c {
				break
			}
			inner.WriteByte(text[i])
		}
		if c == '"' {
			names = append(names, inner.String())
			rest.WriteString("<name>")
		} else {
			literals = append(literals, inner.String())
			kept := strings.TrimSuffix(rest.String(), "E")
			rest.Reset()
			rest.WriteString(kept + "<literal>")
		}
	}
	return rest.String(), names, literals, true
}

func named(schema, table, alias, column, key, config string) (string, []any, error) {
	t := query.NewTable(schema, table)
	as := t.As(alias)
	c, j := t.Text(column), t.JSON(column).Key(key)
	return query.NewCampaignQuery(7).WithTable(t).
		Columns(c, j).
		Join(as, c.Of(as).EqualColumn(c), t.Column("id").Of(as).Equal(1)).
		Where(c.Equal("v"), j.Equal("w"), t.TSVector(column, config).Matches("x"), query.Lower(c).Equal("l")).
		OrderBy(j.Desc()).
		SQL()
}

// No name, key or configuration gets out of its quotes: the statement around
// them stays the same, and the server reads exactly the names that were given.
func FuzzNamesStayInsideTheirQuotes(f *testing.F) {
	f.Add("ovasabi", "service_content_main", "c", "title", "kind", "english")
	f.Add(`o"v`, `"; DROP TABLE x; --`, `""`, `a""b"`, `k'; --`, `e\'`)
	f.Add("s", "t", "a", "\\", "\\'", "'\\")
	f.Add("s", "t\x00", "a", "c", "k", "x")
	f.Add("ſ", "é", "\xff", "c", "$1", "$$")
	f.Add("s", "t", "t", "id", "E'", "")
	want, names, literals, ok := func() (string, []string, []string, bool) {
		text, _, err := named("s", "t", "a", "c", "k", "x")
		if err != nil {
			f.Fatal(err)
		}
		return tokens(text)
	}()
	if !ok || len(names) < 20 || len(literals) < 4 {
		f.Fatalf("the test does not understand the statement: %q, %q", names, literals)
	}
	f.Fuzz(func(t *testing.T, schema, table, alias, column, key, config string) {
		text, args, err := named(schema, table, alias, column, key, config)
		if err != nil {
			if !errors.Is(err, fault.Internal) || text != "" || args != nil {
				t.Fatalf("got %q, %v, %v", text, args, err)
			}
			return
		}
		skeleton, gotNames, gotLiterals, ok := tokens(text)
		if !ok || skeleton != want {
			t.Fatalf("the names changed the statement:\n%s", text)
		}
		meaning := map[string]string{"s": schema, "t": table, "a": alias, "c": column, "k": key, "x": config, "id": "id", "campaign_id": "campaign_id"}
		for i, name := range names {
			if gotNames[i] != meaning[name] {
				t.Fatalf("name %d is read as %q, want %q:\n%s", i, gotNames[i], meaning[name], text)
			}
		}
		for i, literal := range literals {
			if gotLiterals[i] != meaning[literal] {
				t.Fatalf("literal %d is read as %q, want %q:\n%s", i, gotLiterals[i], meaning[literal], text)
			}
		}
	})
}

func valued(id campaign.ID, s string, n int64, at time.Time, limit int) (string, []any, error) {
	return query.NewCampaignQuery(id).WithTable(content).Columns(contentID).
		Where(
			contentTitle.Equal(s), contentSlug.NotEqual(s), contentStatus.In(s, s), contentBody.Between(s, s), contentKind.AtMost(s),
			contentID.In(n, n), contentVersion.GreaterThan(n), contentCreatedAt.Between(at, at),
			contentMetadata.Contains(s), contentMetadata.PathExists(s, map[string]any{s: n}), contentTitleWords.Matches(s),
			query.AnyOf(content.Column("title").Equal(s), content.Column("title").In(s)),
		).Limit(limit).SQL()
}

// Whatever the values are, the text is the same: no part of it comes from them.
func FuzzValuesNeverReachTheText(f *testing.F) {
	f.Add(int64(7), "plain", int64(1), int64(0), 1)
	f.Add(int64(math.MaxInt64), `'; DROP TABLE x; --`, int64(math.MinInt64), int64(-1), 1000)
	f.Add(int64(1), "$1 \x00 \xff \"", int64(0), int64(math.MaxInt64), 0)
	want, _, err := valued(7, "v", 1, time.Unix(0, 0), 1)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, id int64, s string, n, at int64, limit int) {
		text, args, err := valued(campaign.ID(id), s, n, time.Unix(at, 0), limit)
		switch {
		case id <= 0:
			if !errors.Is(err, fault.NoCampaign) || text != "" {
				t.Fatalf("campaign %d: got %q, %v", id, text, err)
			}
		case limit < 0 || limit > query.MaxLimit:
			if !errors.Is(err, fault.Invalid) || text != "" {
				t.Fatalf("limit %d: got %q, %v", limit, text, err)
			}
		case err != nil:
			t.Fatal(err)
		case text != want:
			t.Fatalf("the values changed the text:\n%s\nwant\n%s", text, want)
		case args[0] != id || args[1] != s:
			t.Fatalf("the parameters are %#v", args)
		}
	})
}

// Whatever a client sends as a cursor, nothing panics, and only what was signed
// for this campaign and list is accepted.
func FuzzCursor(f *testing.F) {
	signer := newSigner(f, 'a', 'b')
	type list struct {
		id    int64
		order bool
	}
	page := func(id int64, ordered bool, token string) *query.CampaignQueryBuilder {
		b := query.NewCampaignQuery(campaign.ID(id)).WithTable(content).Columns(contentID)
		if ordered {
			b.OrderBy(contentCreatedAt.Desc())
		}
		return b.After(signer, token)
	}
	signed := map[string]list{}
	for _, l := range []list{{7, true}, {7, false}, {8, true}, {8, false}} {
		values := []any{int64(math.MaxInt64)}
		if l.order {
			values = []any{day(1), int64(1)}
		}
		token, err := page(l.id, l.order, "").NextCursor(values...)
		if err != nil {
			f.Fatal(err)
		}
		signed[token] = l
		f.Add(l.id, l.order, token)
		f.Add(l.id, !l.order, token)
		f.Add(l.id+1, l.order, token)
		f.Add(l.id, l.order, token+"\n")
		f.Add(l.id, l.order, token[:len(token)-1])
	}
	f.Add(int64(7), true, "AQ")
	f.Add(int64(7), true, strings.Repeat("A", 8193))
	f.Fuzz(func(t *testing.T, id int64, ordered bool, token string) {
		text, args, err := page(id, ordered, token).SQL()
		l, known := signed[token]
		switch {
		case id <= 0:
			if !errors.Is(err, fault.NoCampaign) {
				t.Fatalf("campaign %d: got %v", id, err)
			}
		case token == "" || known && l.id == id && l.order == ordered:
			if err != nil || args[0] != id {
				t.Fatalf("a cursor of the list is refused: %v", err)
			}
		case !refusedCursor(err) || text != "" || args != nil:
			t.Fatalf("accepted %q, which was never signed for this list: %v", token, err)
		}
	})
}
