//go:build unix

package embedded_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/ovasabi/ovasabi/internal/embedded"
	"github.com/ovasabi/ovasabi/internal/pgtest"
)

// serving starts a child that runs a server, and returns the postmaster's pid and
// its keeper's.
func serving(t *testing.T, name, dir string) (cmd *exec.Cmd, postmaster, keeper int) {
	t.Helper()
	cmd = child(t, name, dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%v: %s", err, cmd.Stderr)
	}
	if postmaster, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
		t.Fatal(err)
	}
	// The keeper leads the postmaster's process group.
	if keeper, err = syscall.Getpgid(postmaster); err != nil {
		t.Fatal(err)
	}
	if !running(postmaster) || !running(keeper) || keeper == postmaster {
		t.Fatalf("postmaster %d and keeper %d do not run", postmaster, keeper)
	}
	return cmd, postmaster, keeper
}

// However the process ends, neither the server nor what watches over it is left,
// and the server was shut down in order: the next start has nothing to recover.
func TestServerEndsWithItsProcess(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		end    func(pid int) error
	}{
		"SIGKILL":           {"hold", func(pid int) error { return syscall.Kill(pid, syscall.SIGKILL) }},
		"SIGTERM":           {"hold", func(pid int) error { return syscall.Kill(pid, syscall.SIGTERM) }},
		"SIGTERM, handled":  {"polite", func(pid int) error { return syscall.Kill(pid, syscall.SIGTERM) }},
		"Ctrl-C, handled":   {"polite", func(pid int) error { return syscall.Kill(-pid, syscall.SIGINT) }},
		"terminal hangs up": {"hold", func(pid int) error { return syscall.Kill(-pid, syscall.SIGHUP) }},
		"panic":             {"panic", func(int) error { return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(pgtest.Folder(t), "data")
			cmd, postmaster, keeper := serving(t, c.script, dir)
			if err := c.end(cmd.Process.Pid); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // most were killed
			awaitEnd(t, "PostgreSQL", postmaster)
			awaitEnd(t, "its keeper", keeper)
			// Once our process is dead nobody reads what the server says, so only the
			// next start tells whether it was shut down in order.
			s := start(t, quiet(dir))
			stop(t, s)
			log, err := os.ReadFile(filepath.Join(dir, "postgresql.log"))
			if err != nil || strings.Contains(string(log), "automatic recovery") || !strings.Contains(string(log), "was shut down at") {
				t.Errorf("the next start had to recover (%v):\n%s", err, log)
			}
		})
	}
}

func TestServerEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	dir := pgtest.Folder(t)
	s, err := embedded.Start(ctx, quiet(dir))
	if err != nil {
		t.Fatal(err)
	}
	keeper, err := syscall.Getpgid(s.PID())
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	<-s.Done()
	if running(s.PID()) || running(keeper) {
		t.Error("PostgreSQL or its keeper still runs when Done says that it has ended")
	}
	if s.Err() != nil {
		t.Errorf("an end that was asked for is told as %v", s.Err())
	}
}

func TestServerThatDiesByItselfIsTold(t *testing.T) {
	o := quiet(pgtest.Folder(t))
	o.Ephemeral = true
	s := start(t, o)
	if s.Err() != nil {
		t.Errorf("while it runs: %v", s.Err())
	}
	if err := syscall.Kill(s.PID(), syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	wantError(t, s.Err(), "PostgreSQL ended by itself", "postgresql.log")
}

func TestStopPastItsDeadlineStopsAtOnceAndLosesNothing(t *testing.T) {
	dir := pgtest.Folder(t)
	s := start(t, quiet(dir))
	conn := connect(t, s.URL(s.Superuser(), "postgres"))
	if _, err := conn.Exec(t.Context(), `CREATE TABLE public.kept AS SELECT 7 AS n`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("no patience"))
	// A server that is stopped in its tracks cannot shut down in order.
	if err := syscall.Kill(s.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Stop(ctx), "did not stop in time", "no patience")
	if running(s.PID()) {
		t.Error("PostgreSQL still runs")
	}
	s = start(t, quiet(dir))
	if n := ask[int](t, connect(t, s.URL(s.Superuser(), "postgres")), `SELECT n FROM public.kept`); n != 7 {
		t.Errorf("what was committed reads as %d", n)
	}
}

func TestEphemeralClusterIsRemoved(t *testing.T) {
	dir := pgtest.Folder(t)
	o := quiet(dir)
	o.Ephemeral = true
	s := start(t, o)
	stop(t, s)
	if _, err := os.Stat(filepath.Join(dir, "postgresql")); !os.IsNotExist(err) {
		t.Errorf("the cluster is left: %v", err)
	}
}

// The process died, and its keeper was killed before it could stop the server.
func TestOrphanedServerIsStoppedByTheNextStart(t *testing.T) {
	dir := pgtest.Folder(t)
	cmd, postmaster, keeper := serving(t, "hold", dir)
	killGuards(t, postmaster, keeper)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	if !running(postmaster) {
		t.Fatal("PostgreSQL ended without its keeper: there is no orphan to find")
	}
	s := start(t, quiet(dir))
	if running(postmaster) {
		t.Error("the orphan still runs")
	}
	if s.PID() == postmaster {
		t.Error("the orphan was taken for the new server")
	}
}

// killGuards kills every process of the keeper's group but the postmaster.
func killGuards(t *testing.T, postmaster, keeper int) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ps", "-A", "-o", "pid=,pgid=").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		pid, errPID := strconv.Atoi(fields[0])
		group, errGroup := strconv.Atoi(fields[1])
		if errPID != nil || errGroup != nil || group != keeper || pid == postmaster {
			continue
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
}
