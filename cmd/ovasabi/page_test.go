package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/docblock"
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
	list.WriteString("| variable | flag | default | |\n| --- | --- | --- | --- |\n")
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
	docblock.Check(t, "../../docs/configuration.md", "variables", "go test ./cmd/ovasabi -run TestThePage -update", list.String())
}
