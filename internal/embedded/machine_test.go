//go:build unix

package embedded_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/internal/embedded"
	"github.com/ovasabi/ovasabi/internal/pgtest"
)

func quiet(dir string) embedded.Options {
	return embedded.Options{DataDir: dir, Log: slog.New(slog.DiscardHandler)}
}

func start(t testing.TB, o embedded.Options) *embedded.Server {
	t.Helper()
	s, err := embedded.Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t testing.TB, s *embedded.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func ask[T any](t testing.TB, conn *pgx.Conn, query string, args ...any) T {
	t.Helper()
	var value T
	if err := conn.QueryRow(context.Background(), query, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

// wantError checks that an error is one sentence that says all of these.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, and one with %q was due", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q:\n%v", part, err)
		}
	}
}

// fakePostgreSQL is a folder of programs that say they are of a version. initdb, the
// rest of a script, is what the fake initdb does.
func fakePostgreSQL(t *testing.T, version, initdb string) string {
	t.Helper()
	dir := filepath.Join(pgtest.Folder(t), "bin")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	program(t, filepath.Join(dir, "postgres"), "echo 'postgres (PostgreSQL) "+version+"'")
	program(t, filepath.Join(dir, "initdb"), initdb)
	return dir
}

func program(t *testing.T, path, script string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// emptyMachine has nothing on the PATH but what the test puts there, an empty cache
// and no wishes. It returns the folder on the PATH.
func emptyMachine(t *testing.T) string {
	t.Helper()
	embedded.NoUsualFolders(t)
	dir := pgtest.Folder(t)
	t.Setenv("PATH", dir)
	t.Setenv(embedded.BinDirVariable, "")
	t.Setenv(embedded.CacheDirVariable, filepath.Join(pgtest.Folder(t), "cache"))
	return dir
}

const scriptVariable = "EMBEDDED_SCRIPT"

func TestMain(m *testing.M) {
	if name := os.Getenv(scriptVariable); name != "" {
		scripts[name](os.Getenv("EMBEDDED_DATA"))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child runs this test binary as another process that plays a script on a folder.
func child(t *testing.T, name, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), scriptVariable+"="+name, "EMBEDDED_DATA="+dir)
	cmd.Stderr = &strings.Builder{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's foreground group
	return cmd
}

// running tells whether a process runs, and is more than an entry that nobody has
// asked for yet.
func running(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(stat), ") Z ")
}

func awaitEnd(t *testing.T, what string, pid int) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); running(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s (process %d) still runs", what, pid)
		}
	}
}
