package embedded

import (
	"bufio"
	"context"
	_ "embed" // for keeper.sh
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed keeper.sh
var keeperText string

// keeperScript is without its comments, because ps shows it.
var keeperScript = regexp.MustCompile(`(?m)^\s*#.*\n`).ReplaceAllString(keeperText, "")

// A keeper is the shell between us and one run of PostgreSQL. It leads a session
// of its own, so that Ctrl-C in the terminal reaches neither it nor the server.
type keeper struct {
	cmd    *exec.Cmd
	server int // the pid of the postmaster
	log    *serverLog

	order     *os.File // the write end of the pipe; nil once given
	orderLock sync.Mutex

	exited chan struct{} // closed when the server and the shell have ended
	err    error         // how they ended; to be read after exited
}

// launch starts the server. Its goroutines end when it does.
func launch(f *dataFolder, in Installation, o Options, port int) (*keeper, error) {
	loss, remove := "INT", ""
	if o.Ephemeral {
		loss, remove = "QUIT", f.cluster()
	}
	cmd := command(context.Background(), f.who, "/bin/sh", "-c", keeperScript, "ovasabi-postgresql", loss, remove,
		filepath.Join(in.BinDir, executable("postgres")), "-D", f.cluster(),
		"-c", "listen_addresses=127.0.0.1", "-c", "port="+strconv.Itoa(port), "-c", "unix_socket_directories=",
		"-c", "logging_collector=off", "-c", "log_destination=stderr")
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make the pipe that stops PostgreSQL: %w", err)
	}
	defer read.Close()
	cmd.Stdin = read
	cmd.ExtraFiles = []*os.File{f.lock}
	k := &keeper{cmd: cmd, order: write, exited: make(chan struct{})}
	if k.log, err = openServerLog(f, o.Ephemeral); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	cmd.Stderr = k.log
	said, err := cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, write.Close(), k.log.Close())
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start PostgreSQL%s: %w", f.who.as(), err), write.Close(), k.log.Close())
	}
	line, err := bufio.NewReader(said).ReadString('\n')
	if err == nil {
		k.server, err = strconv.Atoi(strings.TrimSpace(line))
	}
	go func() {
		k.err = errors.Join(cmd.Wait(), k.log.Close())
		k.closeOrder()
		close(k.exited)
	}()
	if err != nil {
		k.closeOrder()
		<-k.exited
		return nil, fmt.Errorf("start PostgreSQL%s: the shell that runs it said %q: %w%s", f.who.as(), line, err, indent(k.log.Tail()))
	}
	return k, nil
}

// stop gives the order, once. signal is INT (fast: what runs is rolled back, all is
// written) or QUIT (immediate: the next start recovers).
func (k *keeper) stop(signal string) {
	k.orderLock.Lock()
	defer k.orderLock.Unlock()
	if k.order == nil {
		return
	}
	// An error means that the shell has ended; its end is what is wanted.
	_, _ = k.order.WriteString(signal + "\n")
	_ = k.order.Close()
	k.order = nil
}

func (k *keeper) closeOrder() {
	k.orderLock.Lock()
	defer k.orderLock.Unlock()
	if k.order != nil {
		_ = k.order.Close()
		k.order = nil
	}
}

// stopAndWait returns when the server has ended. Past the context's end it stops
// it the hard way, and still waits for that.
func (k *keeper) stopAndWait(ctx context.Context, signal string) error {
	k.stop(signal)
	select {
	case <-k.exited:
		return nil
	case <-ctx.Done():
	}
	if err := interruptServer(k.server, "QUIT"); err != nil {
		return fmt.Errorf("stop PostgreSQL at once: %w", err)
	}
	select {
	case <-k.exited:
	case <-time.After(5 * time.Second):
		// Not its shell, which ends when it has seen the server end.
		if err := interruptServer(k.server, "KILL"); err != nil {
			return fmt.Errorf("kill PostgreSQL: %w", err)
		}
		<-k.exited
	}
	return fmt.Errorf("PostgreSQL did not stop in time and was stopped at once; its next start will recover: %w", context.Cause(ctx))
}
