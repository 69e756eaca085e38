package twin_test

import (
	"strings"
	"testing"

	"github.com/ovasabi/ovasabi/pkg/twin"
)

// A bad declaration stops the program at its start, and says why.
func TestDeclareRefuses(t *testing.T) {
	good := twin.Pair{Plain: `SELECT 1`, Optimised: `SELECT 2`}
	before := len(twin.Declared())
	for _, c := range []struct {
		name string
		pair twin.Pair
		want string
	}{
		{"", good, "must be words"},
		{"content", good, "must be words"},
		{"Content.find", good, "must be words"},
		{"content.find-by", good, "must be words"},
		{"content..find", good, "must be words"},
		{"content.find ", good, "must be words"},
		{"content.1find", good, "must be words"},
		{"content.*", good, "must be words"},
		{"a." + strings.Repeat("b", 99), good, "at most 100"},
		{"content.find", twin.Pair{Plain: `SELECT 1`}, "needs both"},
		{"content.find", twin.Pair{Optimised: `SELECT 1`, Plain: " \n"}, "needs both"},
		{"content.find", twin.Pair{Plain: `SELECT 1`, Optimised: `SELECT 1`}, "the same text"},
		{"content.find", twin.Pair{Plain: `SELECT 1`, Optimised: `SELECT 2`, PlanMode: 3}, "no plan mode"},
		{shout.Name(), good, "declared twice, before in github.com/ovasabi/ovasabi/pkg/twin_test"},
	} {
		func() {
			defer func() {
				if said, _ := recover().(string); !strings.Contains(said, c.want) {
					t.Errorf("%q: said %q, want %q", c.name, said, c.want)
				}
			}()
			twin.Declare(c.name, c.pair)
		}()
	}
	if after := len(twin.Declared()); after != before {
		t.Errorf("%d refused twins are registered", after-before)
	}
}

func TestDeclaredTwinsAreListed(t *testing.T) {
	all := twin.Declared()
	for i, tw := range all {
		if i > 0 && all[i-1].Name() >= tw.Name() {
			t.Errorf("%s stands before %s", all[i-1].Name(), tw.Name())
		}
		if got, ok := twin.Lookup(tw.Name()); !ok || got != tw {
			t.Errorf("%s is listed and not found", tw.Name())
		}
		if !strings.HasPrefix(tw.Package(), "github.com/ovasabi/ovasabi/pkg/twin") {
			t.Errorf("%s was declared in %s", tw.Name(), tw.Package())
		}
	}
	if _, ok := twin.Lookup("test.nobody"); ok {
		t.Error("found a twin that nobody declared")
	}
	if shout.SQL(twin.Plain) == shout.SQL(twin.Optimised) || !strings.Contains(shout.SQL(twin.Plain), "upper(word)") {
		t.Error("the sides are mixed up")
	}
}
