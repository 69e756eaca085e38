package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The login roles that the schema makes. On the test server all have the
// password [Password].
const (
	AppRole      = "ovasabi_app"
	MonitorRole  = "ovasabi_monitor"
	MaintainRole = "ovasabi_maintain"
	Password     = "test"
)

const (
	// startTime bounds the start of the server, a first download included.
	startTime = 5 * time.Minute
	// buildTime bounds the building of a template by another process.
	buildTime = 3 * time.Minute
	// cloneTime bounds the making and the dropping of one database.
	cloneTime = time.Minute
	// poolSize is enough for the concurrency of a test; one that needs more opens a
	// pool of its own on the URL.
	poolSize = 10
)

// A DB is a database of one test. It is safe for concurrent use.
type DB struct {
	// Name is the database's name, unique on the server.
	Name string
	// OwnerURL is the address for the role that owns everything, a superuser. AppURL,
	// MonitorURL and MaintainURL are for the roles that the schema makes: without a
	// schema these roles may not exist. The addresses leave search_path to the role's own setting.
	OwnerURL, AppURL, MonitorURL, MaintainURL string

	server *server
	mu     sync.Mutex
	pools  map[string]*pgxpool.Pool
}

// run tells the databases of this process from those of others.
var run = strings.ToLower(rand.Text()[:8])

var count atomic.Int64

// New clones a database for the test and drops it when the test ends. Without
// options it has the newest phase of the schema.
func New(t testing.TB, options ...Option) *DB {
	t.Helper()
	wanted := Option(newest)
	for _, option := range options {
		wanted = option
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	s, err := shared(ctx)
	if err != nil {
		t.Fatalf("pgtest: no server: %v", err)
	}
	ctx, cancel = context.WithTimeout(context.Background(), buildTime)
	defer cancel()
	template, err := s.template(ctx, wanted())
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	db := &DB{Name: fmt.Sprintf("ovasabi_test_%s_%d", run, count.Add(1)), server: s, pools: map[string]*pgxpool.Pool{}}
	if err := s.clone(ctx, template, db.Name); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		if err := db.close(); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	db.OwnerURL = s.url(db.Name, "", "")
	db.AppURL = s.url(db.Name, AppRole, Password)
	db.MonitorURL = s.url(db.Name, MonitorRole, Password)
	db.MaintainURL = s.url(db.Name, MaintainRole, Password)
	return db
}

// Owner is a pool of the role that owns everything, a superuser: it passes
// row-level security. Like the other pools it is opened at the first call, closed
// when the test ends, and has an empty search_path.
func (db *DB) Owner(t testing.TB) *pgxpool.Pool { t.Helper(); return db.pool(t, db.OwnerURL) }

// App is a pool of the application's role, which row-level security binds.
func (db *DB) App(t testing.TB) *pgxpool.Pool { t.Helper(); return db.pool(t, db.AppURL) }

// Monitor is a pool of the role that reads statistics.
func (db *DB) Monitor(t testing.TB) *pgxpool.Pool { t.Helper(); return db.pool(t, db.MonitorURL) }

func (db *DB) pool(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	db.mu.Lock()
	defer db.mu.Unlock()
	if pool := db.pools[url]; pool != nil {
		return pool
	}
	pool, err := openPool(url)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	db.pools[url] = pool
	return pool
}

func openPool(url string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("open a pool: %w", err)
	}
	config.MaxConns = poolSize
	// What a connection asks for at its start wins over ALTER ROLE … SET.
	config.ConnConfig.RuntimeParams["search_path"] = ""
	config.ConnConfig.RuntimeParams["application_name"] = "pgtest"
	ctx, cancel := context.WithTimeout(context.Background(), cloneTime)
	defer cancel()
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open a pool: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("connect as %s: %w", config.ConnConfig.User, err)
	}
	return pool, nil
}

// patience is how long the end of a test waits for its connections.
var patience = 10 * time.Second

// close ends the pools and drops the database. A connection that the test never
// gave back must not hang the run: it is reported, and the server ends it.
func (db *DB) close() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), cloneTime)
	defer cancel()
	var failed error
	closed := make(chan struct{})
	go func() {
		for _, pool := range db.pools {
			pool.Close()
		}
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(patience):
		failed = fmt.Errorf("%d connections were not given back to the pools of %s within %v of the test's end", db.acquired(), db.Name, patience)
	}
	return errors.Join(failed, db.server.drop(ctx, db.Name))
}

func (db *DB) acquired() (n int32) {
	for _, pool := range db.pools {
		n += pool.Stat().AcquiredConns()
	}
	return n
}

// identifier quotes a name of ours for SQL.
func identifier(name string) string { return pgx.Identifier{name}.Sanitize() }
