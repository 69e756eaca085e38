package check

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the files that are made from others")

// cleanup runs when all tests have ended.
var cleanup []func()

func TestMain(m *testing.M) {
	code := m.Run()
	for _, f := range cleanup {
		f()
	}
	os.Exit(code)
}

// root is the tree, and dir the folder deploy in it.
var (
	root = filepath.Join("..", "..")
	dir  = filepath.Join(root, "deploy")
)

func read(t *testing.T, parts ...string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{dir}, parts...)...))
	require.NoError(t, err)
	return text
}

// made compares a file with what it is made from, or writes it with -update.
func made(t *testing.T, text string, parts ...string) {
	t.Helper()
	path := filepath.Join(append([]string{dir}, parts...)...)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return
	}
	committed, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, text, string(committed), "%s is stale: go test -C deploy/check . -run %s -update", path, t.Name())
}

// program finds a program of the machine. A CI must have it.
func program(t *testing.T, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is not on the PATH: the CI must install it (apt-get install %s)", name, debian)
	}
	t.Skipf("%s is not on the PATH: apt-get install %s", name, debian)
	return ""
}

// moduleDir is where the Go module that these tests are pinned to was unpacked.
func moduleDir(t *testing.T, module string) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	require.NoError(t, err)
	return string(out[:len(out)-1])
}
