package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the list of variables in docs/configuration.md")

const (
	variablesBegin = "<!-- variables: go test ./cmd/ovasabi -run TestThePage -update -->\n"
	variablesEnd   = "<!-- /variables -->\n"
)

// The page lists what `serve` can be told, as its flags say it.
func TestThePageListsEveryVariableOfServe(t *testing.T) {
	parser, err := kong.New(new(cli), kong.Name("ovasabi"))
	require.NoError(t, err)
	var serve *kong.Node
	for _, child := range parser.Model.Children {
		if child.Name == "serve" {
			serve = child
		}
	}
	require.NotNil(t, serve)
	var list strings.Builder
	list.WriteString("\n| variable | flag | default | |\n| --- | --- | --- | --- |\n")
	row := func(f *kong.Flag) {
		if len(f.Envs) == 0 {
			return
		}
		value := "`" + f.Default + "`"
		switch {
		case f.Required:
			value = "required"
		case f.Default == "":
			value = ""
		}
		fmt.Fprintf(&list, "| `%s` | `--%s` | %s | %s |\n", f.Envs[0], f.Name, value, f.Help)
	}
	for _, f := range serve.Flags {
		row(f)
	}
	for _, f := range parser.Model.Flags {
		row(f)
	}
	list.WriteString("\n")
	path := filepath.Join("..", "..", "docs", "configuration.md")
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(page), variablesBegin)
	require.True(t, found)
	committed, after, found := strings.Cut(rest, variablesEnd)
	require.True(t, found)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(before+variablesBegin+list.String()+variablesEnd+after), 0o600))
		return
	}
	require.Equal(t, list.String(), committed, "the list in docs/configuration.md is stale: go test ./cmd/ovasabi -run TestThePage -update")
}
