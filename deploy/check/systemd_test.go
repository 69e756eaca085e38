package check

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// units copies the units and points them to a program that is there: systemd asks for it.
func units(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "systemd", "*.service"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	to := t.TempDir()
	program, err := os.Executable()
	require.NoError(t, err)
	var list []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Contains(t, string(text), "/usr/local/bin/ovasabi ")
		path := filepath.Join(to, filepath.Base(file))
		require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "/usr/local/bin/ovasabi ", program+" ")), 0o644))
		list = append(list, path)
	}
	return list
}

func TestSystemdTakesTheUnits(t *testing.T) {
	analyze := program(t, "systemd-analyze", "systemd")
	list := units(t)
	verify := exec.Command(analyze, append([]string{"verify", "--man=no"}, list...)...)
	out, err := verify.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Empty(t, string(out), "a line that systemd does not understand it only warns of")
}

// systemd's own measure of what a service may do to its machine, 0 (nothing) to 10.
func TestTheUnitsAreHardened(t *testing.T) {
	analyze := program(t, "systemd-analyze", "systemd")
	for _, unit := range units(t) {
		out, err := exec.Command(analyze, "security", "--offline=true", "--no-pager", "--threshold=15", unit).CombinedOutput() // tenths
		require.NoError(t, err, "%s", out)
	}
}
