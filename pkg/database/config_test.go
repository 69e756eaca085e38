package database_test

import (
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// parse reads the configuration as a command line does.
func parse(t *testing.T, args ...string) database.PG18Config {
	t.Helper()
	var config database.PG18Config
	parser, err := kong.New(&config)
	require.NoError(t, err)
	_, err = parser.Parse(args)
	require.NoError(t, err)
	return config
}

func TestThePlansDefaults(t *testing.T) {
	c := parse(t)
	require.Equal(t, 50, c.MaxOpenConns)
	require.Equal(t, 25, c.MaxIdleConns)
	require.Equal(t, time.Hour, c.ConnMaxLifetime)
	require.True(t, c.AsyncIOEnabled)
	require.True(t, c.PreparedStmtCaching)
	require.Equal(t, 1000, c.BatchSize)
	require.True(t, c.MetricsEnabled)
	require.Equal(t, time.Second, c.SlowQueryThreshold)
	require.Equal(t, 32, c.IOConcurrency)
	require.Equal(t, 32, c.MaintenanceIOConc)
	require.NoError(t, c.Validate())
	require.Equal(t, c, database.Default())
	require.Equal(t, c, database.Default().WithAsync(c.Async()))
}

func TestThePlansEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"DB_MAX_OPEN_CONNS": "7", "DB_MAX_IDLE_CONNS": "3", "DB_CONN_MAX_LIFETIME": "2h",
		"DB_ASYNC_IO_ENABLED": "false", "DB_PREPARED_STMT_CACHING": "false", "DB_BATCH_SIZE": "9",
		"DB_METRICS_ENABLED": "false", "DB_SLOW_QUERY_THRESHOLD": "5ms",
		"DB_IO_CONCURRENCY": "1", "DB_MAINTENANCE_IO_CONCURRENCY": "2",
	} {
		t.Setenv(name, value)
	}
	want := database.Default()
	want.MaxOpenConns, want.MaxIdleConns, want.ConnMaxLifetime = 7, 3, 2*time.Hour
	want.AsyncIOEnabled, want.PreparedStmtCaching, want.MetricsEnabled = false, false, false
	want.BatchSize, want.SlowQueryThreshold = 9, 5*time.Millisecond
	want.IOConcurrency, want.MaintenanceIOConc = 1, 2
	require.Equal(t, want, parse(t))
}

func TestAWrongValueIsNamed(t *testing.T) {
	for name, change := range map[string]func(*database.PG18Config){
		"DB_MAX_OPEN_CONNS":             func(c *database.PG18Config) { c.MaxOpenConns = 0 },
		"DB_MAX_IDLE_CONNS":             func(c *database.PG18Config) { c.MaxIdleConns = 51 },
		"DB_CONN_MAX_LIFETIME":          func(c *database.PG18Config) { c.ConnMaxLifetime = 0 },
		"DB_IO_CONCURRENCY":             func(c *database.PG18Config) { c.IOConcurrency = 1001 },
		"DB_MAINTENANCE_IO_CONCURRENCY": func(c *database.PG18Config) { c.MaintenanceIOConc = -1 },
		"DB_BATCH_SIZE":                 func(c *database.PG18Config) { c.BatchSize = 0 },
		"DB_SLOW_QUERY_THRESHOLD":       func(c *database.PG18Config) { c.SlowQueryThreshold = 0 },
		"OVASABI_STATEMENT_TIMEOUT":     func(c *database.PG18Config) { c.StatementTimeout = 600 * time.Hour },
		"OVASABI_CONNECT_TIMEOUT":       func(c *database.PG18Config) { c.ConnectTimeout = 0 },
		"OVASABI_APPLICATION_NAME":      func(c *database.PG18Config) { c.ApplicationName = "" },
	} {
		c := database.Default()
		change(&c)
		err := c.Validate()
		require.ErrorIs(t, err, fault.Invalid, name)
		var f *fault.Error
		require.ErrorAs(t, err, &f)
		require.Equal(t, name, f.Field)
	}
}
