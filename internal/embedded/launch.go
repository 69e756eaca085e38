package embedded

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// startTime bounds a start; recovery after a crash can take minutes.
	startTime = 5 * time.Minute
	// portTries bounds the race with others for a port that was free.
	portTries = 10
)

var (
	errPortTaken = errors.New("the port is in use")
	// errStillInUse passes: the children of a postmaster that was killed outlive it for
	// a moment.
	errStillInUse = errors.New("processes of the last PostgreSQL still use the data folder")
)

// launch starts the server on the port asked for, on the last one, or on a free one.
func (s *Server) launch(ctx context.Context, o Options) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTime, fmt.Errorf("PostgreSQL did not accept connections within %v", startTime))
	defer cancel()
	if o.Port != 0 {
		err := s.launchPatiently(ctx, o, o.Port)
		if errors.Is(err, errPortTaken) {
			return fmt.Errorf("port %d on 127.0.0.1 is in use by another process: choose another one, or 0 for any that is free", o.Port)
		}
		return err
	}
	port := s.folder.port
	for range portTries {
		if port == 0 || !free(port) {
			var err error
			if port, err = freePort(); err != nil {
				return err
			}
		}
		err := s.launchPatiently(ctx, o, port)
		if !errors.Is(err, errPortTaken) {
			return err
		}
		port = 0
	}
	return fmt.Errorf("no free port on 127.0.0.1: %d were taken by others before PostgreSQL could listen", portTries)
}

func free(port int) bool {
	listener, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))) //nolint:noctx // loopback answers at once
	if err != nil {
		return false
	}
	return listener.Close() == nil
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0") //nolint:noctx // as above
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	port := listener.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // a TCP listener has a TCP address
	if err := listener.Close(); err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return port, nil
}

func (s *Server) launchPatiently(ctx context.Context, o Options, port int) error {
	deadline := time.Now().Add(handoverTime)
	for {
		err := s.launchOn(ctx, o, port)
		if !errors.Is(err, errStillInUse) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("start PostgreSQL: %w", context.Cause(ctx))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (s *Server) launchOn(ctx context.Context, o Options, port int) error {
	k, err := launch(s.folder, s.installation, o, port)
	if err != nil {
		return err
	}
	s.keeper, s.port = k, port
	err = s.waitReady(ctx, o)
	if err == nil {
		return s.folder.say(holder{PID: os.Getpid(), Since: time.Now(), Port: port})
	}
	bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	return errors.Join(err, k.stopAndWait(bound, s.stopSignal()))
}

// waitReady follows the server's pid file, as pg_ctl does, and then connects once:
// the role and the password are part of what Start promises.
func (s *Server) waitReady(ctx context.Context, o Options) error {
	told := time.Now().Add(2 * time.Second)
	for {
		select {
		case <-s.keeper.exited:
			return s.explainExit()
		case <-ctx.Done():
			return fmt.Errorf("start PostgreSQL: %w", context.Cause(ctx))
		case <-time.After(5 * time.Millisecond):
		}
		if s.folder.status(s.keeper.server) == "ready" {
			break
		}
		if time.Now().After(told) {
			o.Progress("waiting for PostgreSQL to recover from its last end; the log is " + s.folder.file(logName))
			told = time.Now().Add(startTime)
		}
	}
	conn, err := s.connect(ctx)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL, which has just started: %w", err)
	}
	return conn.Close(ctx)
}

func (s *Server) connect(ctx context.Context) (*pgx.Conn, error) {
	return pgx.Connect(ctx, s.URL(s.superuser, "postgres"))
}

func (s *Server) explainExit() error {
	said := s.keeper.log.Tail()
	switch text := string(said); {
	case strings.Contains(text, "Address already in use"):
		return errPortTaken
	case strings.Contains(text, "pre-existing shared memory block"):
		return errStillInUse
	case saysFullDisk(text):
		return s.folder.fullDisk()
	case strings.Contains(text, `could not access file "pg_stat_statements"`):
		return fmt.Errorf("the PostgreSQL in %s has no pg_stat_statements: install the contrib package that belongs to it", s.installation.BinDir)
	}
	return fmt.Errorf("PostgreSQL ended while starting (%w); it said:%s", s.keeper.err, indent(said))
}

// pidFile is what the postmaster writes: pid, data folder, start time, port,
// socket folder, address, shared memory, status.
func (f *dataFolder) pidFile() (pid int, status string, found bool) {
	content, err := os.ReadFile(f.pidFilePath())
	if err != nil {
		return 0, "", false
	}
	const statusLine = 8
	lines := bufio.NewScanner(bytes.NewReader(content))
	for n := 1; lines.Scan(); n++ {
		switch n {
		case 1:
			if pid, err = strconv.Atoi(strings.TrimSpace(lines.Text())); err != nil {
				return 0, "", true
			}
		case statusLine:
			status = strings.TrimSpace(lines.Text())
		}
	}
	return pid, status, true
}

// status is what the postmaster of this pid says of itself; an older file, which
// it has not replaced yet, says nothing.
func (f *dataFolder) status(server int) string {
	pid, status, found := f.pidFile()
	if !found || pid != server {
		return ""
	}
	return status
}
