package load

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParse: whatever a parser lets through is what the columns can take.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"specversion":"1.0","id":"1","source":"/s","type":"a:b:v1:success","time":"2026-01-01T00:00:00+05:30","data":{"a":[]},"ext":true}`,
		`{"specversion":"1.0","id":"1","source":"/s","type":"a:b:v1:success","datacontenttype":"application/json","data_base64":"eyJhIjoxfQ=="}`,
		`{"source":"x","slug":"a","title":"T","tags":["a","\u00e9"],"metadata":{"a":1},"status":"draft","body":"\ud83d\ude00"}`,
		`{"email":"a@b","username":"u","last_login_at":"2026-01-01T00:00:00Z"}`,
		`{"sku":"s","name":"n","price":12.50,"stock":3,"currency":"EUR","metadata":{"tax_rate":0.19}}`,
		`{"a":1}`, `[]`, "", "{\"id\":\"\xff\"}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, kind := range Kinds() {
			p := newParser(Options{Kind: kind, CampaignField: "source"})
			r, bad := p.parse(line{number: 1, text: text}, 1<<20)
			if bad != nil {
				if bad.reason == "" || !json.Valid([]byte(encoded(t, reject("f", line{text: text}, bad)))) {
					t.Fatalf("%s: refused without a reason: %+v", kind, bad)
				}
				continue
			}
			columns := tables[kind].Columns()
			if len(r.values) != len(columns) {
				t.Fatalf("%s: %d values for %v", kind, len(r.values), columns)
			}
			for i, v := range r.values {
				s, ok := v.(string)
				if !ok {
					continue
				}
				if !utf8.ValidString(s) || strings.Contains(s, "\x00") {
					t.Fatalf("%s: %s is %q", kind, columns[i], s)
				}
				if c := columns[i]; (c == "metadata" || c == "payload" || c == "tags") && !json.Valid([]byte(s)) {
					t.Fatalf("%s: %s is not JSON: %q", kind, c, s)
				}
			}
		}
	})
}

func encoded(t *testing.T, r Rejection) string {
	t.Helper()
	var b strings.Builder
	w := newRejects(&b)
	if err := w.add(r); err != nil {
		t.Fatal(err)
	}
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
