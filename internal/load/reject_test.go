package load_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ovasabi/ovasabi/internal/load"
	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
)

// ev is a good event whose fields are replaced or added by the given JSON.
func ev(change string) string {
	fields := map[string]string{"specversion": `"1.0"`, "id": `"1"`, "source": `"/shop"`, "type": `"a:b:v1:success"`}
	order := []string{"specversion", "id", "source", "type"}
	if name, value, ok := strings.Cut(change, "="); ok {
		if _, known := fields[name]; !known {
			order = append(order, name)
		}
		fields[name] = value
	}
	parts := make([]string, 0, len(order))
	for _, name := range order {
		if fields[name] != "" {
			parts = append(parts, fmt.Sprintf("%q:%s", name, fields[name]))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

type refusal struct{ line, field, reason string }

var refusals = map[load.Kind][]refusal{
	load.Events: {
		{`{"specversion":"1.0","id":`, "id", "is not whole"},
		{`[` + ev("") + `]`, "", "the line must be a JSON object, one on each line, not an array"},
		{`17`, "", "not a number"},
		{ev("") + ev(""), "", "more than one JSON object"},
		{ev("") + " x", "", "more than one JSON object"},
		{strings.Replace(ev(""), `"id"`, `"id":"0","id"`, 1), "id", "stands twice"},
		{ev(`data={"a":[1,{"b":"x\u0000y"}]}`), "data.a[1].b", `\u0000`},
		{ev("data={\"a\":\"\xff\xfe\"}"), "data.a", "valid UTF-8"},
		{ev(`data={"a":"\ud800"}`), "data.a", "surrogate"},
		{ev(`data={"a":1,"a":2}`), "data.a", "stands twice"},
		{ev(`time="2026-08-23T01:37:43"`), "time", "has no zone: it must end with Z or an offset such as +05:30"},
		{ev(`time="2026-08-23 01:37:43.5"`), "time", "has no zone"},
		{ev(`time="yesterday"`), "time", "RFC 3339"},
		{ev(`time="2026-02-30T00:00:00Z"`), "time", "RFC 3339"},
		{ev(`time=1766480263`), "time", "not a number"},
		{ev(`specversion="0.3"`), "specversion", `must be "1.0"`},
		{ev(`specversion=`), "specversion", `must be "1.0"`},
		{ev(`id=`), "id", "must have a value"},
		{ev(`id=""`), "id", "must not be empty"},
		{ev(`id=7`), "id", "must be a string, not a number"},
		{ev(`id="` + strings.Repeat("x", 256) + `"`), "id", "at most 255 characters long, not 256"},
		{ev(`id="a\nb"`), "id", "control characters"},
		{ev(`source=""`), "source", "not be empty"},
		{ev(`source="%zz"`), "source", "must be a URI"},
		{ev(`type="order placed"`), "type", "four parts"},
		{ev(`type="order:place:v1:done"`), "type", "state"},
		{ev(`type=`), "type", "{service}:{action}:v{N}:{state}"},
		{ev(`subject=""`), "subject", "not be empty"},
		{ev(`subject="` + strings.Repeat("木", 256) + `"`), "subject", "255"},
		{ev(`datacontenttype="json;;"`), "datacontenttype", "media type"},
		{ev(`Extension="x"`), "Extension", "lower-case letters and digits"},
		{ev(`ext_a="x"`), "ext_a", "lower-case letters and digits"},
		{ev(`ext={"a":1}`), "ext", "put structure into data"},
		{ev(`ext=1.5`), "ext", "whole number"},
		{ev(`data_base64="a"`), "data_base64", "base64"},
		{strings.Replace(ev(`data=1`), "}", `,"data_base64":"eA=="}`, 1), "data_base64", "must not stand beside data"},
		{ev(`data="` + strings.Repeat("x", 262_144) + `"`), "data", "at most 262144 bytes as JSON, not 262146"},
		{ev(`ext="` + strings.Repeat("x", 65_536) + `"`), "attributes", "at most 65536 bytes"},
		{ev(`data=` + strings.Repeat("[", 600) + strings.Repeat("]", 600)), "data[0][0]", "deeper than 500"},
	},
	load.Content: {
		{`{"title":"T"}`, "slug", "must have a value"},
		{`{"slug":"s"}`, "title", "must have a value"},
		{`{"slug":"s","title":null}`, "title", "must have a value"},
		{`{"slug":"s","titel":"T"}`, "titel", "is no field of content: those are slug, title,"},
		{`{"slug":"s","title":["T"]}`, "title", "must be a string, not an array"},
		{`{"slug":"s","title":"` + strings.Repeat("é", 501) + `"}`, "title", "at most 500 characters long, not 501"},
		{`{"slug":"s","title":"T","body":"` + strings.Repeat("x", 1<<20+1) + `"}`, "body", "at most 1048576 bytes"},
		{`{"slug":"s","title":"T","tags":"a,b"}`, "tags", "must be an array of strings, not a string"},
		{`{"slug":"s","title":"T","tags":["a",2]}`, "tags[1]", "must be a string, not a number"},
		{`{"slug":"s","title":"T","tags":["a","b","\u0061"]}`, "tags[2]", "twice"},
		{`{"slug":"s","title":"T","tags":["a",""]}`, "tags[1]", "1 to 100 characters"},
		{`{"slug":"s","title":"T","tags":[` + manyTags(101) + `]}`, "tags", "at most 100"},
		{`{"slug":"s","title":"T","status":"live"}`, "status", "must be draft, review, published or archived"},
		{`{"slug":"s","title":"T","metadata":[]}`, "metadata", "must be an object, not an array"},
		{`{"slug":"s","title":"T","source":"a","metadata":{"source":"b"}}`, "source", "stands in metadata too"},
	},
	load.Users: {
		{`{"username":"ada"}`, "email", "must have a value"},
		{`{"email":"ada"}`, "email", "one @ within"},
		{`{"email":"ada@b@c"}`, "email", "one @ within"},
		{`{"email":"a da@b"}`, "email", "no white space"},
		{`{"email":"ada@b","last_login_at":"2026-01-01T00:00:00"}`, "last_login_at", "has no zone"},
		{`{"email":"ada@b","status":"gone"}`, "status", "must be active, invited, suspended or deleted"},
		{`{"email":"ada@b","password":"x"}`, "password", "is no field of users"},
		{`{"email":"ada@b","username":"` + strings.Repeat("x", 101) + `"}`, "username", "at most 100"},
	},
	load.Products: {
		{`{"name":"N","price":1}`, "sku", "must have a value"},
		{`{"sku":"s","price":1}`, "name", "must have a value"},
		{`{"sku":"s","name":"N"}`, "price", "99999999.99"},
		{`{"sku":"s","name":"N","price":-1}`, "price", "from 0"},
		{`{"sku":"s","name":"N","price":1.005}`, "price", "two after the point"},
		{`{"sku":"s","name":"N","price":"1,50"}`, "price", "in digits"},
		{`{"sku":"s","name":"N","price":1e2}`, "price", "in digits"},
		{`{"sku":"s","name":"N","price":"100000000"}`, "price", "99999999.99"},
		{`{"sku":"s","name":"N","price":true}`, "price", "in digits"},
		{`{"sku":"s","name":"N","price":"."}`, "price", "in digits"},
		{`{"sku":"s","name":"N","price":1,"currency":"eur"}`, "currency", "three capitals"},
		{`{"sku":"s","name":"N","price":1,"stock":1.5}`, "stock", "whole number"},
		{`{"sku":"s","name":"N","price":1,"stock":2147483648}`, "stock", "2147483647"},
		{`{"sku":"s","name":"N","price":1,"metadata":{"tax_rate":"abc"}}`, "metadata.tax_rate", "from 0 to 10"},
		{`{"sku":"s","name":"N","price":1,"metadata":{"t\u0061x_rate":11}}`, "metadata.tax_rate", "from 0 to 10"},
	},
}

func manyTags(n int) string {
	tags := make([]string, n)
	for i := range tags {
		tags[i] = fmt.Sprintf(`"t%d"`, i)
	}
	return strings.Join(tags, ",")
}

var goodLines = map[load.Kind]string{
	load.Events:   ev(`data={"ok":true}`),
	load.Content:  `{"slug":"s","title":"T"}`,
	load.Users:    `{"email":"ada@example.org"}`,
	load.Products: `{"sku":"s","name":"N","price":1}`,
}

func TestEachRefusedLineIsToldWithNumberFieldAndReason(t *testing.T) {
	db := pgtest.New(t)
	scope := campaign.NewScope(db.App(t))
	makeCampaign(t, db, "shop", "Shop")
	for kind, cases := range refusals {
		t.Run(string(kind), func(t *testing.T) {
			var text strings.Builder
			for _, c := range cases {
				text.WriteString(c.line + "\n")
			}
			text.WriteString(goodLines[kind] + "\n")
			s, refused := loadText(t, scope, load.Options{Kind: kind, Campaign: "shop"}, text.String())
			n := int64(len(cases))
			wantCounts(t, s, n+1, 1, 0, n)
			if len(refused) != len(cases) {
				t.Fatalf("%d rejections for %d bad lines", len(refused), len(cases))
			}
			for i, c := range cases {
				got := refused[i]
				where := fmt.Sprintf("line %d %.80q", i+1, c.line)
				if got.File != "test" || got.Line != int64(i+1) || !strings.HasPrefix(got.Field, c.field) || c.field == "" && got.Field != "" {
					t.Errorf("%s: told as %s line %d field %q, want field %q", where, got.File, got.Line, got.Field, c.field)
				}
				if !strings.Contains(got.Reason, c.reason) || !strings.HasPrefix(got.Reason, got.Field) {
					t.Errorf("%s: reason %q should begin with the field and say %q", where, got.Reason, c.reason)
				}
				if want := strings.ToValidUTF8(c.line, "\uFFFD\uFFFD"); !strings.HasPrefix(want, got.Text) || got.Truncated != (len(got.Text) < len(want)) {
					t.Errorf("%s: text %.80q, truncated %v", where, got.Text, got.Truncated)
				}
			}
		})
	}
}

// What only the server can judge comes back as a rejection of the one line.
func TestARowThatTheServerRefusesIsRejectedAlone(t *testing.T) {
	db := pgtest.New(t)
	scope := campaign.NewScope(db.App(t))
	makeCampaign(t, db, "shop", "Shop")

	lines := strings.Split(strings.TrimSpace(events("/shop", 200)), "\n")
	lines[120] = ev(`data={"too":1e999999}`)
	s, refused := loadText(t, scope, load.Options{Kind: load.Events, Campaign: "shop"}, strings.Join(lines, "\n"))
	wantCounts(t, s, 200, 199, 0, 1)
	if len(refused) != 1 || refused[0].Line != 121 || refused[0].Field != "data" || !strings.Contains(refused[0].Text, "1e999999") {
		t.Errorf("refused: %+v", refused)
	}

	users := `{"email":"ada@example.org","username":"Ada"}
{"email":"other@example.org","username":"aDA"}
{"email":"ADA@example.org","username":"third"}
{"email":"grace@example.org"}
`
	s, refused = loadText(t, scope, load.Options{Kind: load.Users, Campaign: "shop"}, users)
	wantCounts(t, s, 4, 2, 1, 1)
	if len(refused) != 1 || refused[0].Line != 2 || refused[0].Field != "username" || !strings.Contains(refused[0].Reason, "another row of the campaign") {
		t.Errorf("refused: %+v", refused)
	}
	if got := count(t, db, "service_user_main"); got != 2 {
		t.Errorf("%d users", got)
	}
}
