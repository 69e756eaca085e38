package pgtest_test

import (
	"bufio"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ovasabi/ovasabi/internal/pgtest"
)

func TestProcessesShareOneServer(t *testing.T) {
	mine := serverOf(t)
	if other := runChild(t, "", "once"); other != mine {
		t.Errorf("this process uses the server %q and another one %q", mine, other)
	}
}

func TestGivenServerIsUsedInstead(t *testing.T) {
	place := ownPlace(t)
	cmd := child(t, place, "once")
	cmd.Env = append(cmd.Env, pgtest.DatabaseVariable+"="+pgtest.New(t, pgtest.Empty()).OwnerURL)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, cmd.Stderr)
	}
	if got, mine := strings.TrimSpace(string(out)), serverOf(t); got != mine {
		t.Errorf("the tests ran on %q, not on the server that was given, %q", got, mine)
	}
	if files, err := os.ReadDir(place); err != nil || len(files) != 0 {
		t.Errorf("a server was prepared all the same: %v, %v", files, err)
	}
}

func TestTemplateOfADeadProcessIsBuiltAnew(t *testing.T) {
	// The server outlives this process where others use it, and keeps its templates.
	name := "interrupted " + rand.Text()
	cmd := child(t, "", "die")
	cmd.Env = append(cmd.Env, "PGTEST_TEMPLATE="+name)
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != 3 {
		t.Fatalf("the child was to die while building: %v: %s", err, cmd.Stderr)
	}
	db := pgtest.New(t, pgtest.WithTemplate(name, noTables))
	if n := one[int](t, db.Owner(t), `SELECT count(*) FROM pg_catalog.pg_class WHERE relname = 'left'`); n != 0 {
		t.Error("the template holds what the dead process had made of it")
	}
}

// holding starts a child that holds the server of the place, and returns it once it
// has a database.
func holding(t *testing.T, place, name string) (*exec.Cmd, string) {
	t.Helper()
	cmd := child(t, place, name)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait() // most tests have ended it in their own way
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("script %s: %v: %s", name, err, cmd.Stderr)
	}
	return cmd, strings.TrimSpace(line)
}

func TestNothingIsLeftAfterAKilledTest(t *testing.T) {
	place := ownPlace(t)
	cmd, _ := holding(t, place, "hold")
	if len(processesAbout(place)) < 3 && isLinux {
		t.Fatal("the supervisor, the keeper and PostgreSQL are not seen while they run: their end would not be either")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	awaitEmpty(t, place)
}

func TestNothingIsLeftAfterAPanic(t *testing.T) {
	place := ownPlace(t)
	cmd, _ := holding(t, place, "panic")
	if err := cmd.Wait(); err == nil {
		t.Fatal("the child did not panic")
	}
	awaitEmpty(t, place)
}

// A server whose supervisor is killed stops all the same; the next process finds
// what is left of it and starts another.
func TestNextProcessReplacesAKilledSupervisor(t *testing.T) {
	place := ownPlace(t)
	_, before := holding(t, place, "hold")
	supervisor := supervisorOf(t, place)
	if err := supervisor.Kill(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); pgtest.Lives(supervisor.Pid); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the killed supervisor still runs")
		}
	}
	if after := runChild(t, place, "once"); after == before {
		t.Errorf("after the supervisor's death the server is still %q", after)
	}
}

func TestJoiningWhileTheServerEnds(t *testing.T) {
	place := ownPlace(t)
	// The supervisor looks every 100 ms: these waits walk over its decision.
	for round := range 3 {
		runChild(t, place, "once")
		time.Sleep(time.Duration(60+40*round) * time.Millisecond)
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				cmd := child(t, place, "once")
				if out, err := cmd.Output(); err != nil {
					t.Errorf("round %d: %v: %s%s", round, err, out, cmd.Stderr)
				}
			})
		}
		all.Wait()
	}
	awaitEmpty(t, place)
}

// One go command runs two packages, one after the other: the server must outlive
// the pause between them, and end with the command.
func TestPackagesOfOneGoCommandShareOneServer(t *testing.T) {
	place := ownPlace(t)
	saw := filepath.Join(place, "saw")
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-p=1", "./testdata/first", "./testdata/second")
	cmd.Env = append(os.Environ(), "TMPDIR="+place, pgtest.DirVariable+"="+place, "PGTEST_SAW="+saw)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go test: %v\n%s", err, out)
	}
	awaitEmpty(t, place)
	content, err := os.ReadFile(saw)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	if len(lines) != 2 || lines[0] != lines[1] {
		t.Errorf("the two packages saw the servers %q", lines)
	}
}
