package maintenance

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/monitoring"
)

// Options are what a maintainer is given besides its Config. The zero value of a field takes its default.
type Options struct {
	// Schemas are those whose tables it keeps. Defaults to "ovasabi".
	Schemas []string
	// Latency returns how many times their usual the calls of this process take now,
	// and whether that is known. May be nil.
	Latency func() (times float64, known bool)
	// Integrity watches the rows; nil leaves that out.
	Integrity *Watch
	// Progress hears each step in a line for a person. May be nil.
	Progress func(line string)
	// Log defaults to one that discards.
	Log *slog.Logger

	// What tests change.
	now        func() time.Time
	dial       pgconn.DialFunc
	checkpoint func(name string) error
	ttl, beat  time.Duration
}

// Maintainer looks, decides and does. Make it with Open and Close it; one call of
// Plan, Run or Serve at a time.
type Maintainer struct {
	config     Config
	schemas    []string
	windows    windows
	latency    func() (float64, bool)
	integrity  *Watch
	progress   func(string)
	log        *slog.Logger
	now        func() time.Time
	checkpoint func(string) error

	settings  *pgxpool.Config
	pool      *pgxpool.Pool
	pooled    bool // a pooler stands before the server
	collector *monitoring.PG18StatsCollector
	load      *loadWatch
	holder    string
	ttl, beat time.Duration
	figures   roundFigures
}

// Open connects as the owner of the tables, or as ovasabi_maintain, which may do
// most of it (docs/maintenance.md says what), and checks that the schema is there.
func Open(ctx context.Context, url string, c Config, o Options) (*Maintainer, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	settings, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Invalid, Field: "database-url", Message: "must be a PostgreSQL URL such as postgres://owner:password@host:5432/database", Err: err}
	}
	settings.MaxConns = 4 // the lease, the statistics, the log, and one to spare
	settings.ConnConfig.RuntimeParams["application_name"] = "ovasabi maintain"
	settings.ConnConfig.RuntimeParams["timezone"] = "UTC"
	// Works through a pooler in transaction mode of any age.
	settings.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	if o.dial != nil {
		settings.ConnConfig.DialFunc = o.dial
	}
	m := &Maintainer{config: c, schemas: o.Schemas, latency: o.Latency, integrity: o.Integrity, progress: o.Progress, log: o.Log, now: o.now, checkpoint: o.checkpoint, settings: settings, ttl: o.ttl, beat: o.beat}
	m.defaults()
	if m.windows, err = parseWindows(c.Windows, c.TimeZone); err != nil {
		return nil, err
	}
	if m.pool, err = pgxpool.NewWithConfig(ctx, settings); err != nil {
		return nil, fault.FromPostgres(err)
	}
	if err := m.prepare(ctx); err != nil {
		m.pool.Close()
		return nil, err
	}
	return m, nil
}

func (m *Maintainer) defaults() {
	if m.schemas == nil {
		m.schemas = []string{"ovasabi"}
	}
	if m.progress == nil {
		m.progress = func(string) {}
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	if m.now == nil {
		m.now = time.Now
	}
	if m.ttl == 0 {
		m.ttl = leaseTTL
	}
	if m.beat == 0 {
		m.beat = 2 * time.Second
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	m.holder = fmt.Sprintf("%s, process %d, %s", host, os.Getpid(), strconv.FormatUint(uint64(rand.Uint32()), 36))
}

func (m *Maintainer) prepare(ctx context.Context) error {
	var there, standby, owner bool
	err := m.pool.QueryRow(ctx, `
SELECT
    to_regclass('ovasabi.maintenance_setting') IS NOT NULL,
    pg_catalog.pg_is_in_recovery(),
    coalesce((SELECT pg_catalog.pg_has_role(n.nspowner, 'USAGE') FROM pg_catalog.pg_namespace AS n WHERE n.nspname = 'ovasabi'), false)`).Scan(&there, &standby, &owner)
	switch {
	case err != nil:
		return maintenanceFault(err)
	case standby:
		return fault.New(fault.Invalid, "this server is a standby: name its primary, whose maintenance it replays")
	case !there:
		return fault.New(fault.Invalid, "this database has no table ovasabi.maintenance_setting: run ovasabi migrate up")
	case !owner && m.integrity != nil:
		m.integrity = nil
		m.log.WarnContext(ctx, "the watch over integrity is left out: it needs the owner of the schema, who alone sees every row and index")
	}
	m.collector, err = monitoring.NewPG18StatsCollector(m.pool, monitoring.Options{
		MaxTables: 10_000, MaxIndexes: 1, MaxStatements: 1, LongTransaction: longTransaction, QueryTimeout: 10 * time.Second, Log: m.log,
	})
	if err != nil {
		return err
	}
	var schema string
	err = m.pool.QueryRow(ctx, `
SELECT coalesce((
    SELECT n.nspname::text
    FROM pg_catalog.pg_extension AS e
    JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
    WHERE e.extname = 'pg_stat_statements'
      AND EXISTS (SELECT FROM pg_catalog.pg_settings AS s WHERE s.name = 'pg_stat_statements.max')
), '')`).Scan(&schema)
	m.load = newLoadWatch(schema)
	return maintenanceFault(err)
}

// longTransaction is the age from which a transaction holds up the building of an index too long.
const longTransaction = time.Minute

// pace are the settings of the session that works.
func (m *Maintainer) pace() map[string]string {
	return map[string]string{
		"vacuum_cost_delay": strconv.FormatFloat(m.config.CostDelay.Seconds()*1000, 'f', -1, 64) + "ms",
		"vacuum_cost_limit": strconv.Itoa(m.config.CostLimit),
		"statement_timeout": "0",
		// Of those who build an index, and wait for transactions older than they.
		"lock_timeout": strconv.FormatInt(max(m.config.Patience, time.Second).Milliseconds(), 10) + "ms",
	}
}

// Close gives the connections back.
func (m *Maintainer) Close() { m.pool.Close() }

func (m *Maintainer) wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return fault.FromPostgres(context.Cause(ctx))
	case <-timer.C:
		return nil
	}
}

func (m *Maintainer) at(name string) error {
	if m.checkpoint == nil {
		return nil
	}
	return m.checkpoint(name)
}
