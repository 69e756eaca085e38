//go:build unix

package embedded_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ovasabi/ovasabi/internal/embedded"
	"github.com/ovasabi/ovasabi/internal/pgtest"
)

func pidText(pid int) string { return strconv.Itoa(pid) + "\n" }

// refused starts a server that must not start.
func refused(t *testing.T, o embedded.Options) error {
	t.Helper()
	s, err := embedded.Start(context.Background(), o)
	if err == nil {
		stop(t, s)
		t.Fatal("the server started")
	}
	return err
}

func TestSecondStartSaysWhoHoldsTheFolder(t *testing.T) {
	dir := pgtest.Folder(t)
	before := time.Now().Add(-time.Second)
	cmd, _, _ := serving(t, "polite", dir)
	err := refused(t, quiet(dir))
	wantError(t, err, dir, "in use by process "+strconv.Itoa(cmd.Process.Pid)+" since "+before.Format("2006-"), "--data")
	var held *embedded.HeldError
	if !errors.As(err, &held) || held.PID != cmd.Process.Pid || held.Since.Before(before) || held.Since.After(time.Now()) {
		t.Errorf("%+v", held)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the first one did not end well: %v", err)
	}
	start(t, quiet(dir)) // and then the folder is free
}

// A process that was killed leaves a server that is still shutting down: the next
// start waits for it.
func TestStartRightAfterAKillWaits(t *testing.T) {
	dir := pgtest.Folder(t)
	cmd, _, _ := serving(t, "hold", dir)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	start(t, quiet(dir))
}

func TestFolderOfAnotherMajorVersionIsRefused(t *testing.T) {
	dir := pgtest.Folder(t)
	stop(t, start(t, quiet(dir)))
	version := filepath.Join(dir, "postgresql", "PG_VERSION")
	if err := os.WriteFile(version, []byte("17\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantError(t, refused(t, quiet(dir)), dir, "PostgreSQL 17", "PostgreSQL 18", "pg_upgrade", "pg_dumpall", "--data")
}

func TestFolderThatIsNotOursIsRefused(t *testing.T) {
	dir := pgtest.Folder(t)
	letter := filepath.Join(dir, "letter.txt")
	if err := os.WriteFile(letter, []byte("dear"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantError(t, refused(t, quiet(dir)), dir, "letter.txt", "--data")
	wantError(t, refused(t, quiet(letter)), letter, "is a file")
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the refused folder now holds %v, %v", entries, err)
	}

	half := pgtest.Folder(t)
	stop(t, start(t, quiet(half)))
	if err := os.Remove(filepath.Join(half, "postgresql", "PG_VERSION")); err != nil {
		t.Fatal(err)
	}
	wantError(t, refused(t, quiet(half)), "no PG_VERSION", "move it away")
}

func TestFolderThatCannotBeMadeOrReadIsRefused(t *testing.T) {
	wantError(t, refused(t, quiet("/proc/ovasabi")), "/proc/ovasabi", "--data") // for root too
	dir := pgtest.Folder(t)
	closed := filepath.Join(dir, "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	inside := filepath.Join(closed, "data")
	if os.Geteuid() == 0 {
		// Root passes everywhere; the user whom PostgreSQL runs as does not.
		wantError(t, refused(t, quiet(inside)), "may not enter "+closed, "--data", "chmod o+x "+closed)
		return
	}
	if err := os.Chmod(closed, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(closed, 0o700) })
	wantError(t, refused(t, quiet(closed)), closed, "permission denied", "--data")
	wantError(t, refused(t, quiet(inside)), inside, "permission denied", "--data")
}

// A folder from mktemp is closed to others. It becomes ours, so root opens it.
func TestClosedFolderOfOurOwnIsOpened(t *testing.T) {
	dir := filepath.Join(pgtest.Folder(t), "closed")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	o := quiet(dir)
	o.Ephemeral = true
	start(t, o)
}

func TestFullDiskIsToldInOneSentence(t *testing.T) {
	dir := filepath.Join(pgtest.Folder(t), "small")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	o := quiet(dir)
	if mountSmall(t, dir) {
		wantError(t, refused(t, o), "no space is left on the disk of "+dir, "MB free", "--data")
		return
	}
	// Where nothing can be mounted: in the words of the real initdb.
	o.BinDir = fakePostgreSQL(t, "18.4",
		`echo 'initdb: error: could not write to file "global/1": No space left on device' >&2; exit 1`)
	wantError(t, refused(t, o), "no space is left on the disk of "+dir, "MB free", "--data")
}

func TestBusyPortIsTold(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	o := quiet(pgtest.Folder(t))
	o.Ephemeral = true
	o.Port = listener.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // a TCP listener
	wantError(t, refused(t, o), "port "+strconv.Itoa(o.Port)+" on 127.0.0.1 is in use")
	o.Port = 65536
	wantError(t, refused(t, o), "port 65536: must be from 1 to 65535")
}

func TestBadSettingsAreNamed(t *testing.T) {
	dir := pgtest.Folder(t)
	for setting, says := range map[[2]string]string{
		{"no such\nthing", "1"}:                `setting "no such\nthing": not the name`,
		{"listen_addresses", "*"}:              "setting listen_addresses: is fixed",
		{"Port", "1"}:                          "setting Port: is fixed",
		{"work_mem", "1MB'\nlisten_addresses"}: "setting work_mem: the value holds a line break",
		{"work_mem", "plenty"}:                 `invalid value for parameter "work_mem": "plenty"`,
		{"log_lock_failure", "on"}:             `unrecognized configuration parameter "log_lock_failure"`,
	} {
		o := quiet(dir)
		o.Settings = map[string]string{setting[0]: setting[1]}
		wantError(t, refused(t, o), says)
	}
	start(t, quiet(dir)) // none of them is kept
}

func TestDamagedPasswordsAreTold(t *testing.T) {
	dir := pgtest.Folder(t)
	stop(t, start(t, quiet(dir)))
	if err := os.WriteFile(filepath.Join(dir, "credentials.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantError(t, refused(t, quiet(dir)), "credentials.json is damaged: remove it")
}

func TestCancelledStartLeavesNothing(t *testing.T) {
	dir := pgtest.Folder(t)
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("the user changed his mind"))
	_, err := embedded.Start(ctx, quiet(dir))
	wantError(t, err, "the user changed his mind")
	if entries, errRead := os.ReadDir(dir); errRead != nil || strings.Contains(strings.Join(names(entries), " "), "postgresql") {
		t.Errorf("left behind: %v, %v", names(entries), errRead)
	}
}

func names(entries []os.DirEntry) []string {
	var all []string
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	return all
}
