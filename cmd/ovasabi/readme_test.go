package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
)

var tourBlock = regexp.MustCompile("(?s)<!-- tour -->\n```sh\n(.*?)```")

// TestTheREADMEsTourWorksWhenPasted runs every block of the tour as it stands,
// but for the port, against a fresh `up --demo`.
func TestTheREADMEsTourWorksWhenPasted(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	var script strings.Builder
	for _, block := range tourBlock.FindAllStringSubmatch(string(text), -1) {
		script.WriteString(block[1])
	}
	require.Equal(t, 6, strings.Count(string(text), "<!-- tour -->"))

	data := filepath.Join(pgtest.Folder(t), "data")
	_, ready := upOn(t, data, "--demo")
	dir := t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "bin"), 0o755))
	require.NoError(t, os.Symlink(self, filepath.Join(dir, "bin", "ovasabi")))
	tour := exec.Command("bash", "-euo", "pipefail", "-c", strings.ReplaceAll(script.String(), "http://127.0.0.1:8080", ready.APIURL))
	tour.Dir = dir
	tour.Env = append(os.Environ(), asBinary+"=1", "OVASABI_DATA="+data)
	out, err := tour.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, want := range []string{
		`"slug":"harbour-coffee"`, `"match":true`, `"nextPageToken"`, // lists and searches
		`"code":"permission_denied"`, `does not hold this campaign`, // the campaign that is not in the token
		"2 read, 1 accepted, 0 duplicates, 1 rejected", `"line":2`, `"title":"Hello"`, // the load and its reject
		"phase ", // the schema
	} {
		require.Contains(t, string(out), want)
	}
}
