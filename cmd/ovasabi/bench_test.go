package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// runBench runs the verb in this process and returns its code and what it wrote.
func runBench(t *testing.T, args ...string) (code int, out, err string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), append([]string{"bench"}, args...), terminal{strings.NewReader(""), &o, &e})
	return code, o.String(), e.String()
}

func TestBenchListsItsScenarios(t *testing.T) {
	code, out, _ := runBench(t, "--list")
	require.Equal(t, exitDone, code)
	for _, name := range []string{"query_response", "bulk_insert", "concurrency", "index_scan"} {
		require.Contains(t, out, name)
	}
}

func TestBenchRefusesWhatItCannotRun(t *testing.T) {
	for want, args := range map[string][]string{
		`"query" is not one of`:  {"query"},
		"rounds":                 {"--rounds", "1"},
		"without --database-url": {"bulk_insert", "--database-url", "postgres://127.0.0.1:1/nobody"},
		"needs --json FILE":      {"--add"},
		"make peers":             {"--peers"},
	} {
		code, out, err := runBench(t, args...)
		require.Equal(t, exitUsage, code, args)
		require.Contains(t, err, want)
		require.Empty(t, out)
	}
}

// TestThePublishedBenchmarksAreOfTheirFile holds docs/benchmarks.md and the README's table to what the command makes.
func TestThePublishedBenchmarksAreOfTheirFile(t *testing.T) {
	docs := filepath.Join("..", "..", "docs")
	code, out, err := runBench(t, "report", filepath.Join(docs, "benchmarks.json"))
	require.Equal(t, exitDone, code, err)
	require.Equal(t, readFile(t, filepath.Join(docs, "benchmarks.md")), out, "run: make benchmarks")

	copied := filepath.Join(t.TempDir(), "README.md")
	readme := readFile(t, filepath.Join("..", "..", "README.md"))
	require.NoError(t, os.WriteFile(copied, []byte(strings.Replace(readme, "times better", "times worse", 1)), 0o600))
	code, _, err = runBench(t, "report", "--into", copied, filepath.Join(docs, "benchmarks.json"))
	require.Equal(t, exitDone, code, err)
	require.Equal(t, readme, readFile(t, copied), "run: make benchmarks")

	code, out, err = runBench(t, "compare", filepath.Join(docs, "benchmarks.json"), filepath.Join(docs, "benchmarks.json"))
	require.Equal(t, exitDone, code, err)
	require.Contains(t, out, "0 worse of")
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}
