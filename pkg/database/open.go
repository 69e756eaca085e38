// Package database opens a pool on PostgreSQL 18 and runs transactions on it.
//
// It reads once what the server can do, sets on every connection what the
// configuration asks for and the server allows, and says in one log line what
// is on, what is not and why. Everything else is pgx.
package database

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// DB is a pool together with what its server can do. It is safe for concurrent use.
type DB struct {
	*pgxpool.Pool
	// Server is what Open read; it does not change while the pool lives.
	Server Server
	// Transactions counts what InTx did on this pool.
	Transactions TxCounters

	config PG18Config
	trim   *idleTrimmer
}

// Option adds to a pool what the configuration cannot say.
type Option func(*options)

type options struct {
	log          *slog.Logger
	tracers      []pgx.QueryTracer
	afterConnect []func(context.Context, *pgx.Conn) error
	parameters   map[string]string
}

// WithLogger takes the log for the one line that Open writes. Defaults to slog.Default().
func WithLogger(log *slog.Logger) Option { return func(o *options) { o.log = log } }

// WithTracer adds a tracer of queries, batches, prepares, connects or acquires; pgx asks it for each interface that it has.
func WithTracer(t pgx.QueryTracer) Option {
	return func(o *options) { o.tracers = append(o.tracers, t) }
}

// WithAfterConnect adds a step that every new connection takes before it enters the pool; its error refuses the connection.
func WithAfterConnect(fn func(context.Context, *pgx.Conn) error) Option {
	return func(o *options) { o.afterConnect = append(o.afterConnect, fn) }
}

// WithParameter sets a PostgreSQL setting on every connection, such as search_path.
func WithParameter(name, value string) Option {
	return func(o *options) { o.parameters[name] = value }
}

// Open validates the configuration, looks at the server and returns a pool.
//
// It connects once or twice before it returns; an Unavailable fault says that
// the server could not be reached, and Invalid that it is older than 18 or that
// the URL or the configuration is wrong. The caller closes the DB.
func Open(ctx context.Context, url string, config PG18Config, opts ...Option) (*DB, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	o := options{log: slog.Default(), parameters: map[string]string{}}
	for _, opt := range opts {
		opt(&o)
	}
	pc, err := pgxpool.ParseConfig(url)
	if err != nil {
		// pgx's own text holds the URL with the password struck out; the cause is enough.
		return nil, &fault.Error{Kind: fault.Invalid, Field: "DATABASE_URL", Message: "must be a PostgreSQL URL such as postgres://user:password@host:5432/database", Err: err}
	}
	shapePool(pc, config, o)

	server, err := look(ctx, pc.ConnConfig, config)
	if err != nil {
		return nil, err
	}
	maps.Copy(pc.ConnConfig.RuntimeParams, server.parameters)
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fault.FromPostgres(err)
	}
	db := &DB{Pool: pool, Server: *server, config: config}
	db.trim = startIdleTrimmer(pool, config.MaxIdleConns)
	o.log.LogAttrs(ctx, slog.LevelInfo, "database opened", server.attrs(config)...)
	return db, nil
}

// Config returns the configuration that the pool was opened with.
func (db *DB) Config() PG18Config { return db.config }

// Close ends the pool: it waits for connections in use to come back.
func (db *DB) Close() {
	db.trim.stop()
	db.Pool.Close()
}

// shapePool writes the configuration into pgx's.
func shapePool(pc *pgxpool.Config, config PG18Config, o options) {
	pc.MaxConns = int32(config.MaxOpenConns)
	pc.MinConns = 0
	pc.MaxConnLifetime = config.ConnMaxLifetime
	// Without jitter, a pool that filled at once would empty at once.
	pc.MaxConnLifetimeJitter = config.ConnMaxLifetime / 10
	pc.MaxConnIdleTime = min(30*time.Minute, config.ConnMaxLifetime)
	pc.HealthCheckPeriod = 30 * time.Second
	pc.PingTimeout = config.ConnectTimeout
	pc.ConnConfig.ConnectTimeout = config.ConnectTimeout
	if !config.PreparedStmtCaching {
		pc.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
		pc.ConnConfig.StatementCacheCapacity = 0
		pc.ConnConfig.DescriptionCacheCapacity = 0
	}
	params := pc.ConnConfig.RuntimeParams
	// What the URL itself says stands above the configuration.
	if _, ok := params["application_name"]; !ok {
		params["application_name"] = config.ApplicationName
	}
	maps.Copy(params, o.parameters)
	if tracers := tracersOf(pc.ConnConfig.Tracer, o.tracers); tracers != nil {
		pc.ConnConfig.Tracer = tracers
	}
	if steps := o.afterConnect; len(steps) > 0 {
		pc.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			for _, step := range steps {
				if err := step(ctx, conn); err != nil {
					return err
				}
			}
			return nil
		}
	}
}

func tracersOf(first pgx.QueryTracer, more []pgx.QueryTracer) pgx.QueryTracer {
	all := more
	if first != nil {
		all = append([]pgx.QueryTracer{first}, more...)
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	default:
		return multitracer.New(all...)
	}
}

// wantedParameters are the settings that every connection should carry.
func wantedParameters(config PG18Config) map[string]string {
	wanted := map[string]string{}
	if config.StatementTimeout > 0 {
		wanted["statement_timeout"] = milliseconds(config.StatementTimeout)
	}
	if config.AsyncIOEnabled {
		wanted["effective_io_concurrency"] = strconv.Itoa(config.IOConcurrency)
		wanted["maintenance_io_concurrency"] = strconv.Itoa(config.MaintenanceIOConc)
	}
	return wanted
}

// oldServer is the one sentence for a server before 18.
func oldServer(version string) error {
	return fault.New(fault.Invalid, "the server is PostgreSQL %s, and OVASABI needs 18 or newer: upgrade it, or point DATABASE_URL at another server", version)
}

func connectFault(err error) error {
	f := fault.FromPostgres(err)
	if fault.KindOf(f) == fault.Internal {
		return &fault.Error{Kind: fault.Unavailable, Message: "could not connect to PostgreSQL", Err: err}
	}
	return fmt.Errorf("connect: %w", f)
}
