package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// DatabaseVariable names a server to use instead of one of our own, by the address
// of a superuser.
const DatabaseVariable = "OVASABI_TEST_DATABASE_URL"

// A server is the PostgreSQL that the tests of this process use.
type server struct {
	owner *url.URL // of the superuser, for the database postgres

	idle chan *pgx.Conn // for CREATE and DROP DATABASE; an idle one has no goroutine

	mu        sync.Mutex
	templates map[string]*builtTemplate
}

var (
	sharedLock   sync.Mutex
	sharedServer *server
	errShared    error
)

// shared returns the server of this process, which the first call finds or starts.
func shared(ctx context.Context) (*server, error) {
	sharedLock.Lock()
	defer sharedLock.Unlock()
	if sharedServer != nil || errShared != nil {
		return sharedServer, errShared
	}
	address := os.Getenv(DatabaseVariable)
	if address == "" {
		if address, errShared = join(ctx); errShared != nil {
			return nil, errShared
		}
	}
	sharedServer, errShared = newServer(address)
	return sharedServer, errShared
}

func newServer(address string) (*server, error) {
	owner, err := url.Parse(address)
	if err != nil || owner.Host == "" || owner.User == nil {
		return nil, fmt.Errorf("%s is no address such as postgres://user:password@host:5432/postgres", DatabaseVariable)
	}
	const idle = 4
	return &server{owner: owner, idle: make(chan *pgx.Conn, idle), templates: map[string]*builtTemplate{}}, nil
}

// url is the address of a database for a role, or for the superuser if it is empty.
func (s *server) url(database, role, password string) string {
	u := *s.owner
	u.Path = "/" + database
	if role != "" {
		u.User = url.UserPassword(role, password)
	}
	return u.String()
}

// exec runs one statement as the superuser.
func (s *server) exec(ctx context.Context, statement string, args ...any) error {
	return s.with(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, statement, args...)
		return err
	})
}

func (s *server) with(ctx context.Context, do func(*pgx.Conn) error) error {
	conn, err := s.take(ctx)
	if err != nil {
		return err
	}
	if err := do(conn); err != nil {
		return errors.Join(err, conn.Close(ctx))
	}
	select {
	case s.idle <- conn:
		return nil
	default:
		return conn.Close(ctx)
	}
}

func (s *server) take(ctx context.Context) (*pgx.Conn, error) {
	select {
	case conn := <-s.idle:
		return conn, nil
	default:
	}
	config, err := pgx.ParseConfig(s.owner.String())
	if err != nil {
		return nil, fmt.Errorf("read the address of the test server: %w", err)
	}
	config.RuntimeParams["application_name"] = "pgtest"
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // each statement is new
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to the test server: %w", err)
	}
	return conn, nil
}

// clone copies the template's files: less than half the time of the default
// strategy, which writes every page to the log, and the checkpoints that it needs
// cost little without fsync.
func (s *server) clone(ctx context.Context, from *builtTemplate, name string) error {
	err := s.exec(ctx, fmt.Sprintf(`CREATE DATABASE %s TEMPLATE %s STRATEGY FILE_COPY`, identifier(name), identifier(from.database)))
	if err != nil {
		return fmt.Errorf("clone %s: %w", from.database, err)
	}
	for _, statement := range from.rights {
		if err := s.exec(ctx, strings.ReplaceAll(statement, "\x01", identifier(name))); err != nil {
			return fmt.Errorf("give %s the rights and settings of %s: %w", name, from.database, err)
		}
	}
	return nil
}

// drop waits a moment for the connections that were just closed, because DROP
// DATABASE sleeps for 100 ms where it meets one. The server keeps a few thousand
// statements, with those of databases that are gone: they are forgotten, because it
// would make room for them by forgetting what a test of statistics has just run.
func (s *server) drop(ctx context.Context, name string) error {
	return s.with(ctx, func(conn *pgx.Conn) error {
		const tries = 20
		for range tries {
			var connected int
			err := conn.QueryRow(ctx, `
				SELECT count(*)
				FROM pg_catalog.pg_stat_activity
				WHERE datname = $1`, name).Scan(&connected)
			if err != nil {
				return fmt.Errorf("look who is connected to %s: %w", name, err)
			}
			if connected == 0 {
				break
			}
			time.Sleep(time.Millisecond)
		}
		_, err := conn.Exec(ctx, `
			SELECT pg_stat_statements_reset(dbid => d.oid)
			FROM pg_catalog.pg_database AS d
			WHERE d.datname IN ($1, current_database())`, name)
		if err != nil {
			return fmt.Errorf("forget the statements of %s: %w", name, err)
		}
		if _, err := conn.Exec(ctx, fmt.Sprintf(`DROP DATABASE IF EXISTS %s WITH (FORCE)`, identifier(name))); err != nil {
			return fmt.Errorf("drop %s: %w", name, err)
		}
		return nil
	})
}
