package doctor_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/doctor"
)

var update = flag.Bool("update", false, "write the list of checks in docs/doctor.md")

const (
	listBegins = "<!-- checks: go test ./internal/doctor -run TestThePage -update -->\n"
	listEnds   = "<!-- /checks -->\n"
)

func TestThePageListsEveryCheck(t *testing.T) {
	var list strings.Builder
	list.WriteString("\n| check | looks for | because |\n| --- | --- | --- |\n")
	for _, c := range doctor.Checks() {
		fmt.Fprintf(&list, "| [`%s`](%s) | %s | %s |\n", c.ID, c.Link, c.Finds, c.Why)
	}
	list.WriteString("\n")
	path := filepath.Join("..", "..", "docs", "doctor.md")
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(page), listBegins)
	require.True(t, found)
	committed, after, found := strings.Cut(rest, listEnds)
	require.True(t, found)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(before+listBegins+list.String()+listEnds+after), 0o600))
		return
	}
	require.Equal(t, list.String(), committed, "the list in docs/doctor.md is stale: go test ./internal/doctor -run TestThePage -update")
}
