package jsonline_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ovasabi/ovasabi/internal/load/jsonline"
)

func TestScanRefusesWithThePathOfTheValue(t *testing.T) {
	deep := strings.Repeat("[", jsonline.MaxDepth)
	for _, c := range []struct{ line, path, reason string }{
		{``, "", "is empty"},
		{`[{"a":1}]`, "", "not an array"},
		{`"text"`, "", "not a string"},
		{`17`, "", "not a number"},
		{`{"a":1} {"b":2}`, "", "more than one JSON object: something follows at byte 9"},
		{`{"a":1}x`, "", "byte 8"},
		{`{"a":1,}`, "", "name of a field"},
		{`{"a" 1}`, "a", "a colon"},
		{`{"a":1`, "", "ends where a comma or }"},
		{`{"a":"b`, "a", "ends where the quote"},
		{`{"a":tru}`, "a", "true"},
		{`{"a":01}`, "", "a comma or }"},
		{`{"a":1.}`, "a", "a digit"},
		{`{"a":1e}`, "a", "a digit"},
		{`{"a":[1,2}`, "a", "a comma or ]"},
		{`{"a":'b'}`, "a", "a value"},
		{"{\"a\":{\"b\":[1,\"x\\u0000\"]}}", "a.b[1]", `\u0000`},
		{"{\"a\":\"x\x00\"}", "a", "U+0000"},
		{"{\"a\":\"x\ty\"}", "a", "control character"},
		{"{\"a\":{\"b\":\"\xff\"}}", "a.b", "valid UTF-8"},
		{"{\"a\":\"\xed\xa0\x80\"}", "a", "valid UTF-8"},
		{`{"a":"\ud83d"}`, "a", "surrogate"},
		{`{"a":"\ud83d\u0041"}`, "a", "surrogate"},
		{`{"a":"\ude00"}`, "a", "surrogate"},
		{`{"a":"\x41"}`, "a", "an escape"},
		{`{"a":1,"b":2,"a":3}`, "a", "twice"},
		{`{"a":{"b":1,"\u0062":2}}`, "a.b", "twice"},
		{`{"a":` + deep + strings.Repeat("]", jsonline.MaxDepth) + `}`, "a" + strings.Repeat("[0]", 66), "deeper than 500"},
	} {
		var s jsonline.Scanner
		_, err := s.Scan(c.line)
		var e *jsonline.Error
		if !errors.As(err, &e) || !strings.HasPrefix(e.Path, c.path) || c.path == "" && e.Path != "" || !strings.Contains(e.Reason, c.reason) {
			t.Errorf("%.60s: got %v, want path %q and %q", c.line, err, c.path, c.reason)
		}
	}
}

func TestScanFindsANameThatStandsTwiceAmongMany(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"0":0`)
	for i := 1; i < 100; i++ {
		b.WriteString(`,"` + strings.Repeat("x", i) + `":{"same":1}`)
	}
	var s jsonline.Scanner
	if fields, err := s.Scan(b.String() + "}"); err != nil || len(fields) != 100 {
		t.Fatalf("%d fields, %v", len(fields), err)
	}
	if _, err := s.Scan(b.String() + `,"xxx":1}`); err == nil || err.Error() != "xxx: stands twice; give it once" {
		t.Fatalf("got %v", err)
	}
}

func TestFieldsStandAsInTheText(t *testing.T) {
	line := ` { "a" : "שלום \"%\" \u00e9\ud83d\ude00\n" , "b":[1, {"c":[]}], "\u0064":-1.5e+3,"e":null,"f":true } `
	var s jsonline.Scanner
	fields, err := s.Scan(line)
	if err != nil {
		t.Fatal(err)
	}
	want := []jsonline.Field{
		{"a", jsonline.String, `"שלום \"%\" \u00e9\ud83d\ude00\n"`}, {"b", jsonline.Array, `[1, {"c":[]}]`},
		{"d", jsonline.Number, "-1.5e+3"}, {"e", jsonline.Null, "null"}, {"f", jsonline.Bool, "true"},
	}
	if !reflect.DeepEqual(fields, want) {
		t.Fatalf("got %+v", fields)
	}
	if got := fields[0].Text(); got != "שלום \"%\" é😀\n" {
		t.Fatalf("text %q", got)
	}
	var elements []string
	if err := jsonline.Elements(fields[1].Raw, func(f jsonline.Field) error { elements = append(elements, f.Raw); return nil }); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(elements, []string{"1", `{"c":[]}`}) {
		t.Fatalf("elements %q", elements)
	}
}

func TestScanOfAPlainLineDoesNotAllocate(t *testing.T) {
	line := `{"specversion":"1.0","id":"1","data":{"message":"é","paths":["a","b"],"n":[1,2,{"x":null}]}}`
	var s jsonline.Scanner
	if n := testing.AllocsPerRun(100, func() {
		if _, err := s.Scan(line); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

// FuzzScan: whatever Scan takes encoding/json takes too, with the same fields
// and texts; and what Scan refuses is refused there, or for one of our reasons.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":1}`, `{"a":[1,2.5e-3,"x",{"b":null}],"c":true}`, `{"a":"\ud83d\ude00\u00e9\/"}`, `{"a":"b"`, `{"a":"\u0000"}`,
		`{"a":1,"a":2}`, "{\"a\":\"\xff\"}", `{"":{"":[]}}`, `[1]`, `{"a":-0}`, `{"a":- 1}`, "\ufeff{}", `{"a":1}{}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		var s jsonline.Scanner
		fields, err := s.Scan(line)
		var theirs map[string]json.RawMessage
		theirErr := json.Unmarshal([]byte(line), &theirs)
		if err != nil {
			ours := []string{"UTF-8", "U+0000", `\u0000`, "surrogate", "twice", "deeper", "must be a JSON object"}
			if theirErr == nil && !containsAny(err.Error(), ours) {
				t.Fatalf("%q: refused with %v, but it is JSON", line, err)
			}
			return
		}
		if theirErr != nil || len(theirs) != len(fields) {
			t.Fatalf("%q: taken with %d fields; encoding/json: %v, %d", line, len(fields), theirErr, len(theirs))
		}
		for _, field := range fields {
			if !bytes.Equal(theirs[field.Name], []byte(field.Raw)) {
				t.Fatalf("field %q is %q, encoding/json has %q", field.Name, field.Raw, theirs[field.Name])
			}
			if field.Kind != jsonline.String {
				continue
			}
			var text string
			if err := json.Unmarshal([]byte(field.Raw), &text); err != nil || text != field.Text() || !utf8.ValidString(text) {
				t.Fatalf("%q is read as %q, encoding/json reads %q (%v)", field.Raw, field.Text(), text, err)
			}
			var again string
			if err := json.Unmarshal([]byte(jsonline.Quote(text)), &again); err != nil || again != text {
				t.Fatalf("%q quoted is %s (%v)", text, jsonline.Quote(text), err)
			}
		}
	})
}

func containsAny(s string, parts []string) bool {
	for _, p := range parts {
		if strings.Contains(s, p) {
			return true
		}
	}
	return false
}

func BenchmarkScan(b *testing.B) {
	line := `{"specversion": "1.0", "id": "08e345f42639f67d99282813247ac670dc6e87cb", "source": "git/tldr", "type": "repo:commit:v1:success", "time": "2026-08-23T01:37:43+09:00", "subject": "author-3cec2c9e5123", "datacontenttype": "application/json", "data": {"message": "typos, tzconfig, unhash, unity, unsetopt: add Korean translation (#23644)", "files": 5, "added": 116, "deleted": 0, "paths": ["pages.ko/common/typos.md", "pages.ko/common/tzconfig.md"]}}`
	var s jsonline.Scanner
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Scan(line); err != nil {
			b.Fatal(err)
		}
	}
}
