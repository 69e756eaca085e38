// Package docblock keeps lists on the pages of docs/ equal to the code that they
// are made from. It is for tests.
package docblock

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what is made from the code into the pages of docs/")

// Check fails unless the block of the page at path is what the code says. A block stands
// between the lines <!-- NAME: COMMAND --> and <!-- /NAME -->; command is the one
// that writes it: with -update the page is written instead.
func Check(t *testing.T, path, name, command, block string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	begins, ends := "<!-- "+name+": "+command+" -->\n", "<!-- /"+name+" -->\n"
	before, rest, found := strings.Cut(string(text), begins)
	if !found {
		t.Fatalf("%s has no line %s", path, begins)
	}
	committed, after, found := strings.Cut(rest, ends)
	if !found {
		t.Fatalf("%s has no line %s", path, ends)
	}
	block = "\n" + block + "\n"
	switch {
	case *update:
		if err := os.WriteFile(path, []byte(before+begins+block+ends+after), 0o600); err != nil {
			t.Fatal(err)
		}
	case block != committed:
		t.Errorf("the list of %s in %s is stale: %s", name, path, command)
	}
}
