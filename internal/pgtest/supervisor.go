package pgtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/internal/embedded"
)

// supervisorVariable makes a test binary supervise the server of the meeting place
// that it names.
const supervisorVariable = "OVASABI_PGTEST_SUPERVISOR"

// DirVariable names the folder for the test server's data.
const DirVariable = "OVASABI_TEST_DIR"

func init() { //nolint:gochecknoinits // before the tests, whether or not the package has a TestMain
	dir := os.Getenv(supervisorVariable)
	if dir == "" {
		return
	}
	p := place{dir}
	if err := p.supervise(); err != nil {
		_ = os.WriteFile(p.file(failureName), []byte(err.Error()), 0o600) // nobody else is left to tell
		os.Exit(1)
	}
	os.Exit(0)
}

// settings are for many small databases and hundreds of connections.
var settings = map[string]string{
	"max_connections":           "500",
	"shared_buffers":            "256MB",
	"max_prepared_transactions": "10",
	"max_locks_per_transaction": "256",
	"log_min_messages":          "warning",
}

// supervise runs the server until nobody needs it.
func (p place) supervise() error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	data := p.dataDir()
	server, err := embedded.Start(ctx, embedded.Options{
		DataDir: data, Ephemeral: true, Settings: settings, Log: slog.New(slog.DiscardHandler),
		Progress: func(line string) { fmt.Fprintln(os.Stderr, line) },
	})
	if err != nil {
		return errors.Join(err, os.RemoveAll(data))
	}
	url := server.URL(server.Superuser(), "postgres")
	err = prepare(ctx, url)
	if err == nil {
		err = p.announce(url)
	}
	if err != nil {
		return errors.Join(err, stop(server), os.RemoveAll(data))
	}
	lock := p.waitUnused(ctx, server)
	err = errors.Join(stop(server), server.Err(), os.RemoveAll(data))
	if lock == nil || err != nil {
		// Ended from outside: the others must see that it is gone.
		return errors.Join(err, os.Remove(p.file(readyName)))
	}
	return errors.Join(p.remove(), lock.Close())
}

// prepare makes what server.drop needs.
func prepare(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err == nil {
		_, err = conn.Exec(ctx, `CREATE EXTENSION pg_stat_statements`)
		err = errors.Join(err, conn.Close(ctx))
	}
	if err != nil {
		return fmt.Errorf("prepare the test server: %w", err)
	}
	return nil
}

// remove takes the place away; its lock is held. The lock's file goes after all
// else, because from then on another process can make a new one and take it; what
// that process puts into the folder stays, and the folder with it.
func (p place) remove() error {
	for _, name := range []string{readyName, failureName, outputName, usersName} {
		if err := os.RemoveAll(p.file(name)); err != nil {
			return fmt.Errorf("remove the meeting place: %w", err)
		}
	}
	if err := os.Remove(p.file(lockName)); err != nil {
		return fmt.Errorf("remove the meeting place: %w", err)
	}
	_ = os.Remove(p.dir)
	return nil
}

// waitUnused returns the place's lock when no user is left, or nil when the
// supervisor or the server was ended from outside.
func (p place) waitUnused(ctx context.Context, server *embedded.Server) *os.File {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-server.Done():
			return nil
		case <-ticker.C:
		}
		if p.users() > 0 {
			continue
		}
		lock, err := p.tryEnter()
		if err != nil {
			return nil
		}
		if lock == nil {
			continue // somebody joins, and will be found
		}
		if p.users() == 0 {
			return lock
		}
		_ = lock.Close()
	}
}

func stop(server *embedded.Server) error {
	const patience = 30 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return server.Stop(ctx)
}

func (p place) announce(address string) error {
	start, _ := startOf(os.Getpid())
	content, err := json.Marshal(ready{Supervisor: process{os.Getpid(), start}, URL: address})
	if err != nil {
		return fmt.Errorf("announce the server: %w", err)
	}
	temporary := p.file(readyName + ".new")
	if err := os.WriteFile(temporary, content, 0o600); err != nil {
		return fmt.Errorf("announce the server: %w", err)
	}
	if err := os.Rename(temporary, p.file(readyName)); err != nil {
		return fmt.Errorf("announce the server: %w", err)
	}
	return nil
}

// dataDir is in memory where that is large enough for hundreds of databases: a
// clone takes 10 ms there, and from 25 to 200 ms on a busy disk.
func (p place) dataDir() string {
	if dir := os.Getenv(DirVariable); filepath.IsAbs(dir) {
		return filepath.Join(dir, filepath.Base(p.dir)+"-data")
	}
	const memory, enough = "/dev/shm", 4 << 30
	if free, known := freeBytes(memory); known && free >= enough && availableMemory() >= 2*enough {
		return filepath.Join(memory, filepath.Base(p.dir)+"-data")
	}
	return p.file("data")
}
