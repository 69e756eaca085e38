package verb_test

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/bench/verb"
)

// TestTheEnvironmentCarriesEveryFlag parses what Environ writes.
func TestTheEnvironmentCarriesEveryFlag(t *testing.T) {
	parse := func(args ...string) (f verb.Flags) {
		parser, err := kong.New(&f)
		require.NoError(t, err)
		_, err = parser.Parse(args)
		require.NoError(t, err)
		return f
	}
	given := parse("--database-url", "postgres://a:b c@h/d", "--campaign", "3", "--campaign", "4", "--pg-bin", "/pg", "--work-dir", "/w", "--rounds", "7",
		"--feed-rows", "5000", "--callers", "16,64", "--seed", "9", "--remark", "quiet, alone", "--short", "--json", "/a.json", "--add", "--resume", "--html", "/a.html")
	for _, pair := range given.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
	require.Equal(t, given, parse())
}
