package onemachine

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/internal/embedded"
	"github.com/ovasabi/ovasabi/internal/platform"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// ground is the PostgreSQL that everything stands on: our own, or one that was named.
type ground interface {
	ownerURL() string
	// logins makes sure that the application's and the monitor's roles can log in. The migrations have made them.
	logins(ctx context.Context) (platform.Addresses, error)
	// done is closed when the server has ended unasked; ended says why.
	done() <-chan struct{}
	ended() error
	stop(ctx context.Context) error
}

const (
	appRole     = "ovasabi_app"
	monitorRole = "ovasabi_monitor"
	databaseOf  = "ovasabi"
)

func startDatabase(ctx context.Context, o Options) (ground, error) {
	if o.DatabaseURL != "" {
		if err := os.MkdirAll(o.DataDir, 0o700); err != nil {
			return nil, &fault.Error{Kind: fault.Unavailable, Field: "data", Message: "cannot make the folder " + o.DataDir + ": name another with --data", Err: err}
		}
		return named{o}, nil
	}
	server, err := embedded.Start(ctx, embedded.Options{DataDir: o.DataDir, BinDir: o.BinDir, Progress: o.Progress, Log: o.Log})
	if err != nil {
		return nil, err
	}
	own := &ownServer{server}
	if err := own.ensureDatabase(ctx); err != nil {
		return nil, errors.Join(err, server.Stop(context.WithoutCancel(ctx)))
	}
	return own, nil
}

// ownServer is a PostgreSQL that this process started.
type ownServer struct{ *embedded.Server }

func (s *ownServer) ownerURL() string               { return s.URL(s.Superuser(), databaseOf) }
func (s *ownServer) done() <-chan struct{}          { return s.Done() }
func (s *ownServer) ended() error                   { return s.Err() }
func (s *ownServer) stop(ctx context.Context) error { return s.Stop(ctx) }

func (s *ownServer) logins(ctx context.Context) (platform.Addresses, error) {
	if err := s.EnsureLogin(ctx, appRole, monitorRole); err != nil {
		return platform.Addresses{}, err
	}
	return platform.Addresses{App: s.URL(appRole, databaseOf), Monitor: s.URL(monitorRole, databaseOf)}, nil
}

func (s *ownServer) ensureDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.URL(s.Superuser(), "postgres"))
	if err != nil {
		return fault.FromPostgres(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var exists bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = $1)`, databaseOf).Scan(&exists); err != nil || exists {
		return fault.FromPostgres(err)
	}
	_, err = conn.Exec(ctx, `CREATE DATABASE `+pgx.Identifier{databaseOf}.Sanitize())
	return fault.FromPostgres(err)
}

// named is a PostgreSQL that somebody else runs.
type named struct{ o Options }

func (n named) ownerURL() string           { return n.o.DatabaseURL }
func (n named) done() <-chan struct{}      { return nil }
func (n named) ended() error               { return nil }
func (n named) stop(context.Context) error { return nil }

// passwordsFile keeps the passwords that were set on a server that somebody else runs.
const passwordsFile = "passwords.json"

// logins gives the roles passwords that stand in the data folder, so that the
// same folder finds them again. It is for development: in production an operator
// sets them, and serve is given addresses.
func (n named) logins(ctx context.Context) (platform.Addresses, error) {
	passwords, err := n.passwords()
	if err != nil {
		return platform.Addresses{}, err
	}
	conn, err := pgx.Connect(ctx, n.o.DatabaseURL)
	if err != nil {
		return platform.Addresses{}, fault.FromPostgres(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	address := map[string]string{}
	for _, role := range []string{appRole, monitorRole} {
		// The password is of letters and digits only, and travels as a literal because ALTER ROLE takes no parameters.
		if _, err := conn.Exec(ctx, `ALTER ROLE `+pgx.Identifier{role}.Sanitize()+` PASSWORD '`+passwords[role]+`'`); err != nil {
			return platform.Addresses{}, fault.New(fault.Denied, "cannot set a password for role %s: name an owner who may, or set them yourself and use `ovasabi serve`: %w", role, fault.FromPostgres(err))
		}
		u, err := url.Parse(n.o.DatabaseURL)
		if err != nil {
			return platform.Addresses{}, fault.Field("database-url", "must be a URL such as postgres://owner:password@host:5432/database")
		}
		u.User = url.UserPassword(role, passwords[role])
		address[role] = u.String()
	}
	n.o.Progress("roles " + appRole + " and " + monitorRole + " have passwords, kept in " + filepath.Join(n.o.DataDir, passwordsFile))
	return platform.Addresses{App: address[appRole], Monitor: address[monitorRole]}, nil
}

func (n named) passwords() (map[string]string, error) {
	path := filepath.Join(n.o.DataDir, passwordsFile)
	text, err := os.ReadFile(path)
	passwords := map[string]string{}
	switch {
	case err == nil:
		err = json.Unmarshal(text, &passwords)
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	}
	if err != nil {
		return nil, &fault.Error{Kind: fault.Unavailable, Field: path, Message: "cannot be read: mend or remove it", Err: err}
	}
	if passwords[appRole] != "" && passwords[monitorRole] != "" {
		return passwords, nil
	}
	passwords = map[string]string{appRole: rand.Text(), monitorRole: rand.Text()}
	text, err = json.Marshal(passwords)
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		return nil, &fault.Error{Kind: fault.Unavailable, Field: path, Message: "cannot be written", Err: err}
	}
	return passwords, nil
}
