package database

import (
	"fmt"
	"math"
	"time"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// PG18Config is how a service meets PostgreSQL 18. The environment names and
// defaults are the plan's; kong reads the tags, and Default gives the same
// values to a program without a command line.
type PG18Config struct {
	// MaxOpenConns bounds the pool. 1 to 10,000.
	MaxOpenConns int `env:"DB_MAX_OPEN_CONNS" default:"50" help:"Most connections in the pool."`
	// MaxIdleConns is how many connections are kept when nobody needs them. 0 to MaxOpenConns.
	MaxIdleConns int `env:"DB_MAX_IDLE_CONNS" default:"25" help:"Connections kept open while idle."`
	// ConnMaxLifetime is the age at which a connection is replaced, give or take a tenth. At least 1s.
	ConnMaxLifetime time.Duration `env:"DB_CONN_MAX_LIFETIME" default:"1h" help:"Age at which a connection is replaced."`

	// AsyncIOEnabled sets IOConcurrency and MaintenanceIOConc on every connection, where the server allows.
	AsyncIOEnabled bool `env:"DB_ASYNC_IO_ENABLED" default:"true" negatable:"" help:"Ask the server for concurrent I/O on every connection."`
	// IOConcurrency is effective_io_concurrency. 0 (off) to 1000.
	IOConcurrency int `name:"io-concurrency" env:"DB_IO_CONCURRENCY" default:"32" help:"effective_io_concurrency of every connection (0 to 1000)."`
	// MaintenanceIOConc is maintenance_io_concurrency. 0 (off) to 1000.
	MaintenanceIOConc int `name:"maintenance-io-concurrency" env:"DB_MAINTENANCE_IO_CONCURRENCY" default:"32" help:"maintenance_io_concurrency of every connection (0 to 1000)."`

	// PreparedStmtCaching keeps statements prepared on each connection. Off, each
	// call is described and run in its own right, as some poolers want it.
	PreparedStmtCaching bool `env:"DB_PREPARED_STMT_CACHING" default:"true" negatable:"" help:"Keep statements prepared on every connection."`
	// BatchSize is how many rows one batch statement carries. 1 to 100,000.
	BatchSize int `env:"DB_BATCH_SIZE" default:"1000" help:"Rows in one batch statement."`

	// MetricsEnabled turns the data layer's Prometheus figures on.
	MetricsEnabled bool `env:"DB_METRICS_ENABLED" default:"true" negatable:"" help:"Measure every query."`
	// SlowQueryThreshold is the duration from which a query is called slow. More than 0.
	SlowQueryThreshold time.Duration `env:"DB_SLOW_QUERY_THRESHOLD" default:"1s" help:"Duration from which a query is called slow."`

	// StatementTimeout ends a statement on the server. 0 leaves the server's own.
	// Keep it below the callers' deadlines: a cancelled context costs the connection.
	StatementTimeout time.Duration `env:"OVASABI_STATEMENT_TIMEOUT" default:"30s" help:"Longest statement (0 keeps the server's setting)."`
	// ConnectTimeout bounds one attempt to connect. More than 0.
	ConnectTimeout time.Duration `env:"OVASABI_CONNECT_TIMEOUT" default:"5s" help:"Longest attempt to connect."`
	// ApplicationName is shown in pg_stat_activity. At most 63 bytes.
	ApplicationName string `env:"OVASABI_APPLICATION_NAME" default:"ovasabi" help:"Name shown in pg_stat_activity."`
}

// Default returns the values that the tags name.
func Default() PG18Config {
	return PG18Config{
		MaxOpenConns: 50, MaxIdleConns: 25, ConnMaxLifetime: time.Hour,
		AsyncIOEnabled: true, IOConcurrency: 32, MaintenanceIOConc: 32,
		PreparedStmtCaching: true, BatchSize: 1000,
		MetricsEnabled: true, SlowQueryThreshold: time.Second,
		StatementTimeout: 30 * time.Second, ConnectTimeout: 5 * time.Second,
		ApplicationName: "ovasabi",
	}
}

// AsyncDBConfig is the plan's view of a pool: its size and its I/O, without the rest.
type AsyncDBConfig struct {
	MaxOpenConns      int
	MaxIdleConns      int
	ConnMaxLifetime   time.Duration
	AsyncIOEnabled    bool
	IOConcurrency     int
	MaintenanceIOConc int
}

// Async returns the part of the configuration that shapes the pool and its I/O.
func (c PG18Config) Async() AsyncDBConfig {
	return AsyncDBConfig{
		MaxOpenConns:      c.MaxOpenConns,
		MaxIdleConns:      c.MaxIdleConns,
		ConnMaxLifetime:   c.ConnMaxLifetime,
		AsyncIOEnabled:    c.AsyncIOEnabled,
		IOConcurrency:     c.IOConcurrency,
		MaintenanceIOConc: c.MaintenanceIOConc,
	}
}

// WithAsync returns the configuration with the pool and I/O values of a.
func (c PG18Config) WithAsync(a AsyncDBConfig) PG18Config {
	c.MaxOpenConns = a.MaxOpenConns
	c.MaxIdleConns = a.MaxIdleConns
	c.ConnMaxLifetime = a.ConnMaxLifetime
	c.AsyncIOEnabled = a.AsyncIOEnabled
	c.IOConcurrency = a.IOConcurrency
	c.MaintenanceIOConc = a.MaintenanceIOConc
	return c
}

// maxIOConcurrency is the largest effective_io_concurrency PostgreSQL takes.
// Source: https://www.postgresql.org/docs/18/runtime-config-resource.html
const maxIOConcurrency = 1000

// Validate returns an Invalid fault naming the first field, by its environment
// variable, whose value is out of range, or nil.
func (c PG18Config) Validate() error {
	type intRange struct {
		name        string
		value       int
		lowest, top int
	}
	for _, r := range []intRange{
		{"DB_MAX_OPEN_CONNS", c.MaxOpenConns, 1, 10_000},
		{"DB_MAX_IDLE_CONNS", c.MaxIdleConns, 0, c.MaxOpenConns},
		{"DB_IO_CONCURRENCY", c.IOConcurrency, 0, maxIOConcurrency},
		{"DB_MAINTENANCE_IO_CONCURRENCY", c.MaintenanceIOConc, 0, maxIOConcurrency},
		{"DB_BATCH_SIZE", c.BatchSize, 1, 100_000},
	} {
		if r.value < r.lowest || r.value > r.top {
			return fault.Field(r.name, "must be from %d to %d, not %d", r.lowest, r.top, r.value)
		}
	}
	type durationRange struct {
		name   string
		value  time.Duration
		lowest time.Duration
	}
	for _, r := range []durationRange{
		{"DB_CONN_MAX_LIFETIME", c.ConnMaxLifetime, time.Second},
		{"DB_SLOW_QUERY_THRESHOLD", c.SlowQueryThreshold, time.Microsecond},
		{"OVASABI_STATEMENT_TIMEOUT", c.StatementTimeout, 0},
		{"OVASABI_CONNECT_TIMEOUT", c.ConnectTimeout, time.Millisecond},
	} {
		if r.value < r.lowest {
			return fault.Field(r.name, "must be at least %s, not %s", r.lowest, r.value)
		}
	}
	if c.StatementTimeout > math.MaxInt32*time.Millisecond {
		return fault.Field("OVASABI_STATEMENT_TIMEOUT", "must be at most %s", math.MaxInt32*time.Millisecond)
	}
	// NAMEDATALEN - 1; the server would cut the name without a word.
	if n := len(c.ApplicationName); n == 0 || n > 63 {
		return fault.Field("OVASABI_APPLICATION_NAME", "must be 1 to 63 bytes long, not %d", n)
	}
	return nil
}

// milliseconds writes d as PostgreSQL's settings take it; anything above zero is at least 1ms.
func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%dms", max(d.Milliseconds(), 1))
}
