package pgtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ovasabi/ovasabi/internal/pgtest"
)

// scriptVariable makes this test binary play another test process.
const scriptVariable = "PGTEST_SCRIPT"

func TestMain(m *testing.M) {
	if name := os.Getenv(scriptVariable); name != "" {
		scripts[name]()
		os.Exit(0)
	}
	pgtest.Main(m)
}

// scripts are what the other test processes do.
var scripts = map[string]func(){
	// once asks for a database, says which server it is on, and ends.
	"once": func() { fmt.Println(serverOf(&script{})) },
	// hold does the same and goes on until its input ends.
	"hold": func() {
		fmt.Println(serverOf(&script{}))
		_, _ = io.Copy(io.Discard, os.Stdin)
	},
	// panic ends by a panic in a goroutine, with the database still there.
	"panic": func() {
		fmt.Println(serverOf(&script{}))
		go panic("as a test might")
		select {}
	},
	// die ends in the middle of building a template.
	"die": func() {
		pgtest.New(&script{}, pgtest.WithTemplate(os.Getenv("PGTEST_TEMPLATE"), func(ctx context.Context, ownerURL string) error {
			if err := createTable(ctx, ownerURL, "left"); err != nil {
				return err
			}
			os.Exit(3)
			return nil
		}))
	},
}

// A script is the testing.TB of a process that runs no tests. Nothing is cleaned
// up: these processes end the hard way.
type script struct{ testing.TB }

func (s *script) Helper()        {}
func (s *script) Cleanup(func()) {}
func (s *script) Fatalf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

// serverOf is the pid of the postmaster and the start time of the server.
func serverOf(t testing.TB) string {
	t.Helper()
	db := pgtest.New(t, pgtest.Empty())
	var line string
	err := db.Owner(t).QueryRow(context.Background(), `
		SELECT split_part(pg_catalog.pg_read_file('postmaster.pid'), E'\n', 1) || ' ' || pg_catalog.pg_postmaster_start_time()`).Scan(&line)
	if err != nil {
		t.Fatalf("ask the server who it is: %v", err)
	}
	return line
}

// ownPlace gives the children of this test a server of their own, so that its end
// can be seen. t.TempDir would be closed to the user whom PostgreSQL runs as when
// the tests run as root.
func ownPlace(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ovasabi-pgtest-own-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		awaitEmpty(t, dir)
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

// child prepares this test binary to run a script; place is from ownPlace, or empty
// for the server that this test uses.
func child(t *testing.T, place, name string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), scriptVariable+"="+name)
	if place != "" {
		cmd.Env = append(cmd.Env, "TMPDIR="+place, pgtest.DirVariable+"="+place)
	}
	cmd.Stderr = &strings.Builder{}
	return cmd
}

// runChild runs a script to its end and returns what it printed.
func runChild(t *testing.T, place, name string) string {
	t.Helper()
	cmd := child(t, place, name)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("script %s: %v: %s", name, err, cmd.Stderr)
	}
	return strings.TrimSpace(string(out))
}

// awaitEmpty waits until nothing is left in the place: neither files nor, where the
// system shows it, a process that runs in it.
func awaitEmpty(t *testing.T, place string) {
	t.Helper()
	var left []string
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		files, err := filepath.Glob(filepath.Join(place, "ovasabi-*"))
		if err != nil {
			t.Fatal(err)
		}
		if left = slices.Concat(files, processesAbout(place)); len(left) == 0 {
			return
		}
	}
	t.Errorf("left behind after the tests: %v", left)
}

// processesAbout lists the processes whose folder, arguments or environment name
// the place: PostgreSQL, its keeper and the supervisor.
func processesAbout(place string) []string {
	var found []string
	entries, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		if filepath.Base(entry) == fmt.Sprint(os.Getpid()) {
			continue
		}
		cwd, errDir := os.Readlink(filepath.Join(entry, "cwd"))
		arguments, errArguments := os.ReadFile(filepath.Join(entry, "cmdline"))
		environment, errEnvironment := os.ReadFile(filepath.Join(entry, "environ"))
		if errors.Join(errDir, errArguments, errEnvironment) != nil {
			continue // it has ended, or it is not ours to see
		}
		if strings.Contains(cwd+string(arguments)+string(environment), place) {
			found = append(found, filepath.Base(entry)+" "+strings.ReplaceAll(string(arguments), "\x00", " "))
		}
	}
	return found
}
