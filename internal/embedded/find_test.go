//go:build unix

package embedded_test

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ovasabi/ovasabi/internal/embedded"
	"github.com/ovasabi/ovasabi/internal/pgtest"
)

func TestWishThatIsNoPostgreSQL18IsAnError(t *testing.T) {
	for name, c := range map[string]struct{ dir, says string }{
		"empty folder":  {pgtest.Folder(t), "holds no postgres"},
		"no folder":     {"/does/not/exist", "holds no postgres"},
		"older version": {fakePostgreSQL(t, "15.13 (Debian 15.13-0+deb12u1)", ""), "is PostgreSQL 15.13, and 18 is needed"},
		"newer version": {fakePostgreSQL(t, "19.1", ""), "is PostgreSQL 19.1"},
		"other program": {fakePostgreSQL(t, "'; exit 4; '", ""), "cannot be run"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(embedded.BinDirVariable, c.dir)
			_, err := embedded.Find(t.Context(), embedded.FindOptions{})
			wantError(t, err, embedded.BinDirVariable+"="+c.dir, c.says)
		})
	}
}

func TestWishIsTaken(t *testing.T) {
	dir := fakePostgreSQL(t, "18.6", "")
	t.Setenv(embedded.BinDirVariable, dir)
	found, err := embedded.Find(t.Context(), embedded.FindOptions{})
	if want := (embedded.Installation{BinDir: dir, Version: "18.6", Origin: embedded.BinDirVariable}); err != nil || found != want {
		t.Errorf("found %+v, %v", found, err)
	}
}

func TestInstalledPostgreSQLIsFoundByPgConfig(t *testing.T) {
	path := emptyMachine(t)
	dir := fakePostgreSQL(t, "18.4", "")
	program(t, filepath.Join(path, "pg_config"), "echo "+dir)
	found, err := embedded.Find(t.Context(), embedded.FindOptions{NoFetch: true})
	if err != nil || found.BinDir != dir || found.Origin != "pg_config" {
		t.Errorf("found %+v, %v", found, err)
	}
}

func TestNothingFoundListsEveryWay(t *testing.T) {
	path := emptyMachine(t)
	old := fakePostgreSQL(t, "15.13", "")
	program(t, filepath.Join(path, "pg_config"), "echo "+old)
	_, err := embedded.Find(t.Context(), embedded.FindOptions{})
	wantError(t, err, "DATABASE_URL", embedded.BinDirVariable, "apt install postgresql-18", old+" is PostgreSQL 15.13",
		"not fetched yet", "npm is not on the PATH: install Node.js")
	var none *embedded.NotFoundError
	if !errors.As(err, &none) || len(none.Attempts) != 5 {
		t.Errorf("%d ways are listed: %v", len(none.Attempts), err)
	}
}

func TestFailingNpmIsToldWithItsWords(t *testing.T) {
	path := emptyMachine(t)
	program(t, filepath.Join(path, "npm"), "echo 'npm error code EINTEGRITY' >&2; exit 1")
	_, err := embedded.Find(t.Context(), embedded.FindOptions{})
	wantError(t, err, "npm ci failed", "EINTEGRITY", "none installed")
}

func TestPlatformWithoutAPackageIsToldSo(t *testing.T) {
	path := emptyMachine(t)
	program(t, filepath.Join(path, "npm"), "exit 0") // npm leaves out optional packages for other platforms
	_, err := embedded.Find(t.Context(), embedded.FindOptions{})
	wantError(t, err, "there is no package "+embedded.NPMPackage()+" for this platform")
}

// Two processes on an empty cache: one fetches and the other takes what it fetched.
func TestTwoProcessesFetchOnce(t *testing.T) {
	cache := filepath.Join(pgtest.Folder(t), "cache")
	var all []*exec.Cmd
	var said []*strings.Builder
	for range 2 {
		cmd := child(t, "fetch", cache)
		out := &strings.Builder{}
		cmd.Stdout = out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all, said = append(all, cmd), append(said, out)
	}
	fetches := 0
	for i, cmd := range all {
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v: %s", err, cmd.Stderr)
		}
		fetches += strings.Count(said[i].String(), "fetching ")
		if !strings.Contains(said[i].String(), "found 18.4") {
			t.Errorf("process %d said %q", i, said[i])
		}
	}
	if fetches != 1 {
		t.Errorf("%d of two processes fetched", fetches)
	}
	left, err := filepath.Glob(filepath.Join(cache, "postgresql", "unfinished-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left in the cache: %v, %v", left, err)
	}
}
