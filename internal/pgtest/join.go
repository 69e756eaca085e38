package pgtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ovasabi/ovasabi/internal/embedded"
)

// The names in the meeting place, the folder where test processes and the
// supervisor find each other.
const (
	lockName    = "lock"           // held while joining, starting and ending
	readyName   = "ready.json"     // the running server
	failureName = "failure"        // why the supervisor could not start it
	usersName   = "users"          // a file for each process that needs the server
	outputName  = "supervisor.log" // what the supervisor printed
)

const tick = 5 * time.Millisecond

// A ready file is what the supervisor writes when the server accepts connections.
type ready struct {
	Supervisor process `json:"supervisor"`
	URL        string  `json:"url"`
}

// A place is the meeting place of one user's test processes in one checkout.
type place struct{ dir string }

func (p place) file(name string) string { return filepath.Join(p.dir, name) }

// meetingPlace is the same for all packages of a checkout, and another for every
// user and checkout.
func meetingPlace() (place, error) {
	root, err := moduleRoot()
	if err != nil {
		return place{}, err
	}
	sum := sha256.Sum256([]byte(root))
	return place{filepath.Join(os.TempDir(), fmt.Sprintf("ovasabi-pgtest-%d-%s", os.Getuid(), hex.EncodeToString(sum[:6])))}, nil
}

// moduleRoot is the folder of go.mod above the package under test, in which the go
// command runs every test.
func moduleRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the checkout: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return start, nil
		}
	}
}

// join registers this process with the supervisor, which it starts where there is
// none, and returns the server's address.
func join(ctx context.Context) (string, error) {
	p, err := meetingPlace()
	if err != nil {
		return "", err
	}
	lock, err := p.enter(ctx)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := p.register(); err != nil {
		return "", err
	}
	if running, ok := p.ready(); ok {
		return running.URL, nil
	}
	return p.startSupervisor(ctx)
}

// enter makes the meeting place and locks it. The supervisor removes the place
// under the lock, so that a lock whose file is gone is worth nothing.
func (p place) enter(ctx context.Context) (*os.File, error) {
	for {
		lock, err := p.tryEnter()
		if err != nil || lock != nil {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the other test processes in %s: %w", p.dir, context.Cause(ctx))
		case <-time.After(tick):
		}
	}
}

// tryEnter returns nil where another process has the lock.
func (p place) tryEnter() (*os.File, error) {
	// As root the server runs under another user, who must pass through.
	if err := os.MkdirAll(p.dir, 0o711); err != nil { //nolint:gosec // what is secret in it has its own mode
		return nil, fmt.Errorf("make a folder for the test server: %w", err)
	}
	if err := checkOwner(p.dir); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(p.file(lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil //nolint:nilnil // removed between the two calls: try again
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", p.dir, err)
	}
	taken, err := embedded.TryLock(lock)
	if err == nil && taken {
		mine, errMine := lock.Stat()
		current, errCurrent := os.Stat(p.file(lockName))
		if errMine == nil && errCurrent == nil && os.SameFile(mine, current) {
			return lock, nil
		}
	}
	return nil, errors.Join(err, lock.Close())
}

// register names the processes that need the server: this one, and the go command
// that runs it, so that the server outlives the pause between two packages.
func (p place) register() error {
	if err := os.MkdirAll(p.file(usersName), 0o700); err != nil {
		return fmt.Errorf("register with the test server: %w", err)
	}
	for _, pid := range []int{os.Getpid(), os.Getppid()} {
		if pid != os.Getpid() && !isGoCommand(pid) {
			continue
		}
		start, alive := startOf(pid)
		if !alive {
			continue
		}
		name := strconv.Itoa(pid)
		if err := os.WriteFile(filepath.Join(p.file(usersName), name), []byte(start), 0o600); err != nil {
			return fmt.Errorf("register with the test server: %w", err)
		}
	}
	return nil
}

// users counts the registered processes that live. It is asked without the lock
// too, and so leaves every file as it is: one that is being written at this moment
// looks like that of a process which has ended.
func (p place) users() int {
	entries, err := os.ReadDir(p.file(usersName))
	if err != nil {
		return 0
	}
	living := 0
	for _, entry := range entries {
		pid, errPID := strconv.Atoi(entry.Name())
		start, errStart := os.ReadFile(filepath.Join(p.file(usersName), entry.Name()))
		if errPID == nil && errStart == nil && (process{pid, string(start)}).lives() {
			living++
		}
	}
	return living
}

func (p place) ready() (ready, bool) {
	content, err := os.ReadFile(p.file(readyName))
	if err != nil {
		return ready{}, false
	}
	var r ready
	if json.Unmarshal(content, &r) != nil || !r.Supervisor.lives() {
		return ready{}, false
	}
	return r, true
}

// startSupervisor runs this very binary again, in a session of its own: its init
// sees the variable and supervises instead of testing. It must not inherit our
// output, or the go command would wait for it. The place is locked.
func (p place) startSupervisor(ctx context.Context) (string, error) {
	for _, name := range []string{readyName, failureName} {
		if err := os.Remove(p.file(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("prepare the test server: %w", err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the test's own binary: %w", err)
	}
	output, err := os.OpenFile(p.file(outputName), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return "", fmt.Errorf("prepare the test server: %w", err)
	}
	defer output.Close()
	cmd := exec.Command(self) //nolint:noctx // it is to outlive this process
	cmd.Env = append(os.Environ(), supervisorVariable+"="+p.dir)
	cmd.Dir = string(os.PathSeparator)
	cmd.Stdout, cmd.Stderr = output, output
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("start the supervisor of the test server: %w", err)
	}
	for {
		if running, ok := p.ready(); ok {
			return running.URL, cmd.Process.Release()
		}
		if hasEnded(cmd.Process.Pid) {
			return "", p.failure()
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("wait for the test server: %w", context.Cause(ctx))
		case <-time.After(tick):
		}
	}
}

func (p place) failure() error {
	for _, name := range []string{failureName, outputName} {
		if said, err := os.ReadFile(p.file(name)); err == nil && len(said) > 0 {
			return errors.New(strings.TrimSpace(string(said)))
		}
	}
	return errors.New("the supervisor of the test server ended without a word")
}
