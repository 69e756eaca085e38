package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultSuperuser is the role that owns the platform's schema on one machine.
const DefaultSuperuser = "ovasabi_owner"

// Options says which server to run, and where. The zero value runs the default
// data folder with settings for one machine.
type Options struct {
	// DataDir holds the cluster, its log, the passwords and the lock, and keeps them
	// between runs. It must be new, empty or made by Start: who puts files of his own
	// there does it after Start. [DefaultDataDir] if empty.
	DataDir string
	// BinDir and CacheDir are as in [FindOptions].
	BinDir, CacheDir string
	// Superuser is the role that initdb makes; [DefaultSuperuser] if empty. A cluster
	// keeps the one that it was made with.
	Superuser string
	// Port is the port on 127.0.0.1 to listen on. 0 takes a free one: the one that
	// the folder had at its last run, if nobody has it.
	Port int
	// Settings are added to those for one machine and win over them; ALTER SYSTEM
	// wins over both. listen_addresses, port and the like are refused.
	Settings map[string]string
	// Ephemeral is for tests: no fsync, no checksums, and the cluster is removed
	// when the server ends, in whichever way. DataDir itself stays.
	Ephemeral bool
	// Progress is called with one line before anything that takes seconds; may be nil.
	Progress func(string)
	// Log is told of the server's start and end; slog.Default() if nil.
	Log *slog.Logger
}

// A Server is a running PostgreSQL. Its methods are safe for concurrent use.
type Server struct {
	installation Installation
	superuser    string
	port         int
	ephemeral    bool
	log          *slog.Logger
	folder       *dataFolder
	keeper       *keeper

	mu          sync.Mutex
	credentials credentials

	asked atomic.Bool   // a stop was asked for
	done  chan struct{} // closed when the server has ended and the folder is free
}

// shutdownTime bounds the fast shutdown after the context's end.
const shutdownTime = 60 * time.Second

// Start runs a server on the data folder until ctx ends or [Server.Stop] is called,
// and returns when it accepts connections. Where there is no PostgreSQL 18 the
// error wraps a [*NotFoundError], where another process has the folder a
// [*HeldError]. Nothing is left running when Start fails.
func Start(ctx context.Context, o Options) (*Server, error) {
	if errPlatform != nil {
		return nil, errPlatform
	}
	if err := o.complete(); err != nil {
		return nil, err
	}
	folder, err := claim(ctx, o.DataDir, o.Progress)
	if err != nil {
		return nil, err
	}
	s := &Server{
		superuser: o.Superuser, ephemeral: o.Ephemeral, log: o.Log, folder: folder, done: make(chan struct{}),
	}
	if err := s.run(ctx, o); err != nil {
		if ctx.Err() != nil {
			err = errors.Join(context.Cause(ctx), err)
		}
		return nil, errors.Join(err, folder.release())
	}
	go s.watch(ctx)
	return s, nil
}

func (o *Options) complete() error {
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Superuser == "" {
		o.Superuser = DefaultSuperuser
	}
	if o.Port < 0 || o.Port > 65535 {
		return fmt.Errorf("port %d: must be from 1 to 65535, or 0 for a free one", o.Port)
	}
	if err := checkSettings(o.Settings); err != nil {
		return err
	}
	if o.DataDir == "" {
		dir, err := DefaultDataDir()
		if err != nil {
			return err
		}
		o.DataDir = dir
	}
	abs, err := filepath.Abs(o.DataDir)
	if err != nil {
		return fmt.Errorf("resolve the data folder %s: %w", o.DataDir, err)
	}
	o.DataDir = abs
	return nil
}

func (s *Server) run(ctx context.Context, o Options) error {
	var err error
	s.installation, err = find(ctx, FindOptions{BinDir: o.BinDir, CacheDir: o.CacheDir, Progress: o.Progress}, s.folder.who)
	if err != nil {
		return err
	}
	if err := s.folder.endOrphan(ctx, o.Progress); err != nil {
		return err
	}
	if s.credentials, err = s.folder.credentials(); err != nil {
		return err
	}
	if err := s.prepareCluster(ctx, o); err != nil {
		return err
	}
	if err := s.folder.writeSettings(o); err != nil {
		return err
	}
	if err := s.launch(ctx, o); err != nil {
		return err
	}
	s.log.Info("PostgreSQL runs", "version", s.installation.Version, "found", s.installation.Origin,
		"port", s.port, "pid", s.keeper.server, "data", s.folder.path)
	return nil
}

// prepareCluster makes the cluster or, where its passwords were lost, a new one
// for the superuser. The password is kept before anything asks for it.
func (s *Server) prepareCluster(ctx context.Context, o Options) error {
	_, err := os.Stat(filepath.Join(s.folder.cluster(), "PG_VERSION"))
	exists := err == nil
	known := s.credentials[s.superuser] != ""
	if exists && known {
		return nil
	}
	if !known {
		s.credentials[s.superuser] = newPassword()
		if err := s.folder.write(credentialsName, s.credentials); err != nil {
			return err
		}
	}
	if exists {
		o.Progress("making a new password for " + s.superuser + ", because " + s.folder.file(credentialsName) + " holds none")
		return s.folder.resetPassword(ctx, s.installation, s.superuser, s.credentials[s.superuser])
	}
	o.Progress("making a new cluster of PostgreSQL " + s.installation.Version + " in " + s.folder.path)
	return s.folder.create(ctx, s.installation, s.superuser, s.credentials[s.superuser], o)
}

// watch ends the server with the context and frees the folder when it has ended.
func (s *Server) watch(ctx context.Context) {
	select {
	case <-s.keeper.exited:
	case <-ctx.Done():
		s.asked.Store(true)
		bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
		if err := s.keeper.stopAndWait(bound, s.stopSignal()); err != nil {
			s.log.Error("PostgreSQL was stopped at once", "error", err)
		}
		cancel()
	}
	s.release()
	close(s.done)
}

func (s *Server) release() {
	if s.ephemeral {
		if err := os.RemoveAll(s.folder.cluster()); err != nil {
			s.log.Error("the ephemeral cluster was not removed", "error", err)
		}
	}
	if err := s.folder.release(); err != nil {
		s.log.Error("the data folder was not released", "error", err)
	}
}

func (s *Server) stopSignal() string {
	if s.ephemeral {
		return "QUIT"
	}
	return "INT"
}

// Stop ends the server by a fast shutdown and returns when it has ended and the
// folder is free. When ctx ends first the server is stopped at once, which loses
// nothing that was committed, and the error says so. Further calls wait likewise.
func (s *Server) Stop(ctx context.Context) error {
	s.asked.Store(true)
	err := s.keeper.stopAndWait(ctx, s.stopSignal())
	<-s.done
	return err
}

// Done is closed when the server has ended, for whatever reason.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err says why the server ended without being asked to: nil while it runs and
// after Stop or the context's end.
func (s *Server) Err() error {
	select {
	case <-s.done:
	default:
		return nil
	}
	if s.asked.Load() {
		return nil
	}
	ended := s.keeper.err
	if ended == nil {
		ended = errors.New("somebody shut it down")
	}
	return fmt.Errorf("PostgreSQL ended by itself (%w); what it said last is in %s", ended, s.folder.file(logName))
}

// Installation is the PostgreSQL that runs.
func (s *Server) Installation() Installation { return s.installation }

// DataDir is the data folder, absolute.
func (s *Server) DataDir() string { return s.folder.path }

// Port is the port on 127.0.0.1.
func (s *Server) Port() int { return s.port }

// PID is the process id of the postmaster.
func (s *Server) PID() int { return s.keeper.server }

// Superuser is the role that owns the cluster.
func (s *Server) Superuser() string { return s.superuser }

// URL is the address of a database for a role, with the role's password where this
// package made it: for the superuser, and for roles given to [Server.EnsureLogin].
func (s *Server) URL(role, database string) string {
	s.mu.Lock()
	password := s.credentials[role]
	s.mu.Unlock()
	u := url.URL{
		Scheme: "postgres", User: url.User(role), Path: "/" + database, RawQuery: "sslmode=disable",
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
	}
	if password != "" {
		u.User = url.UserPassword(role, password)
	}
	return u.String()
}
