package monitoring

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Options shape a collector. The zero value of a field takes its default.
type Options struct {
	// Interval is the time between two collections. Defaults to 10s; at least 100ms.
	Interval time.Duration
	// LockInterval is the time between two looks at who waits for a lock. Defaults to 1s; at least 100ms.
	LockInterval time.Duration
	// QueryTimeout ends one query of a collection on the server. Defaults to 2s.
	QueryTimeout time.Duration
	// LongTransaction is the age from which an open transaction is listed. Defaults to 1m.
	LongTransaction time.Duration
	// MaxTables, MaxIndexes and MaxStatements bound what is read: the largest
	// tables and indexes, the statements that cost most. Default to 1,000, 1,000 and 500.
	MaxTables, MaxIndexes, MaxStatements int
	// Client adds what this process measures itself; nil adds nothing.
	Client *Tracer
	// Pool adds the figures of the application's pool; nil adds nothing.
	Pool *pgxpool.Pool
	// Thresholds say what is a finding. Defaults to DefaultThresholds.
	Thresholds *Thresholds
	// Sources are asked for their findings at every collection; the snapshot holds them beside its own.
	Sources []FindingSource
	// Log hears once when collections begin to fail and when they work again. Defaults to slog.Default().
	Log *slog.Logger
}

func (o *Options) fill() error {
	setDefault(&o.Interval, 10*time.Second)
	setDefault(&o.LockInterval, time.Second)
	setDefault(&o.QueryTimeout, 2*time.Second)
	setDefault(&o.LongTransaction, time.Minute)
	setDefault(&o.MaxTables, 1000)
	setDefault(&o.MaxIndexes, 1000)
	setDefault(&o.MaxStatements, 500)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Thresholds == nil {
		t := DefaultThresholds()
		o.Thresholds = &t
	}
	const shortest = 100 * time.Millisecond
	switch {
	case o.Interval < shortest || o.LockInterval < shortest:
		return fault.Field("Interval", "Interval and LockInterval must be at least %s", shortest)
	case o.QueryTimeout < time.Millisecond:
		return fault.Field("QueryTimeout", "must be at least 1ms, not %s", o.QueryTimeout)
	case o.LongTransaction < 0:
		return fault.Field("LongTransaction", "must not be negative, not %s", o.LongTransaction)
	case o.MaxTables < 1 || o.MaxIndexes < 1 || o.MaxStatements < 1:
		return fault.Field("MaxTables", "MaxTables, MaxIndexes and MaxStatements must be at least 1")
	}
	return nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// PG18StatsCollector reads PostgreSQL 18's statistics. Its owner calls Run; a
// program that looks once calls Collect. It is safe for concurrent use.
type PG18StatsCollector struct {
	pool    *pgxpool.Pool
	options Options

	collecting sync.Mutex // held through a collection; guards what follows
	sections   []*section
	round      int
	texts      map[int64]string // of statements, by query id
	before     *Snapshot

	latest  published[Snapshot]
	locks   published[Locks]
	pileUps pileUps
	history history
	failing atomic.Bool
}

// NewPG18StatsCollector returns a collector over a pool of the role
// ovasabi_monitor, or of another one that has pg_monitor; it wants two
// connections. The pool is the caller's to close, after Run has returned.
func NewPG18StatsCollector(pool *pgxpool.Pool, o Options) (*PG18StatsCollector, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	return &PG18StatsCollector{pool: pool, options: o, sections: sections(), texts: map[int64]string{}}, nil
}

// Interval is the time between two collections.
func (c *PG18StatsCollector) Interval() time.Duration { return c.options.Interval }

// Latest returns the newest snapshot, nil before the first, and a channel that
// is closed when there is a newer one.
func (c *PG18StatsCollector) Latest() (*Snapshot, <-chan struct{}) { return c.latest.get() }

// LatestLocks does the same for who waits for whom, which is looked at more often.
func (c *PG18StatsCollector) LatestLocks() (*Locks, <-chan struct{}) { return c.locks.get() }

// History returns the points of the last 24 hours, oldest first: one a minute,
// and for the last hour one an interval.
func (c *PG18StatsCollector) History() []Point { return c.history.points() }

// Run collects once an interval, and looks at locks more often, until ctx ends.
// A server that cannot be reached is logged once and tried again.
func (c *PG18StatsCollector) Run(ctx context.Context) error {
	var loops sync.WaitGroup
	loops.Go(func() {
		c.every(ctx, c.options.Interval, func(ctx context.Context) error {
			_, err := c.Collect(ctx)
			return err
		})
	})
	loops.Go(func() {
		c.every(ctx, c.options.LockInterval, func(ctx context.Context) error {
			_, err := c.CollectLocks(ctx)
			return err
		})
	})
	if c.options.Client != nil && c.options.Pool != nil {
		loops.Go(func() {
			c.every(ctx, c.options.Interval, func(ctx context.Context) error {
				return c.options.Client.Explain(ctx, c.options.Pool)
			})
		})
	}
	loops.Wait()
	return nil
}

func (c *PG18StatsCollector) every(ctx context.Context, interval time.Duration, do func(context.Context) error) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		err := do(ctx)
		if ctx.Err() != nil {
			return
		}
		c.tell(ctx, err)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (c *PG18StatsCollector) tell(ctx context.Context, err error) {
	if failing := err != nil; c.failing.Swap(failing) != failing {
		if failing {
			c.options.Log.LogAttrs(ctx, slog.LevelWarn, "statistics cannot be read: the page and the metrics show what was read last", slog.String("error", err.Error()))
		} else {
			c.options.Log.LogAttrs(ctx, slog.LevelInfo, "statistics are read again")
		}
	}
}

// Collect reads everything that is due now, publishes it and returns it. The
// error is an Unavailable fault when nothing can be read; a part that alone
// cannot be read is in Snapshot.Failed.
func (c *PG18StatsCollector) Collect(ctx context.Context) (*Snapshot, error) {
	c.collecting.Lock()
	defer c.collecting.Unlock()
	// Every query has its own bound on the server; this one is for a server that does not answer at all.
	ctx, cancel := context.WithTimeout(ctx, c.options.QueryTimeout*time.Duration(len(c.sections)+2))
	defer cancel()
	start := time.Now()
	s := &Snapshot{At: start}
	s.carry(c.before)
	if err := c.read(ctx, s); err != nil {
		return nil, err
	}
	s.Took = time.Since(start)
	s.rates(c.before)
	c.addClient(s)
	s.Failed = failures(c.sections)
	s.Findings = c.options.Thresholds.find(s, c.pileUps.list())
	for _, source := range c.options.Sources {
		s.Findings = append(s.Findings, source.Findings()...)
	}
	c.round++
	c.before = s
	c.history.add(s)
	c.latest.set(s)
	return s, nil
}

func (c *PG18StatsCollector) read(ctx context.Context, s *Snapshot) error {
	if s.Server == nil {
		// What the others may ask for depends on it.
		if err := c.readAll(ctx, c.sections[:1], s); err != nil {
			return err
		}
	}
	var wanted []*section
	now := time.Now()
	for _, sec := range c.sections {
		due := c.round%sec.every == 0 || sec.failed != nil
		waits := sec.failed != nil && now.Before(sec.failed.Next)
		if due && !waits && (sec.skip == nil || !sec.skip(c, s)) {
			wanted = append(wanted, sec)
		}
	}
	if err := c.readAll(ctx, wanted, s); err != nil {
		return err
	}
	return c.readTexts(ctx, s)
}

// only reads the named sections into a snapshot of their own.
func (c *PG18StatsCollector) only(ctx context.Context, names ...string) (*Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.QueryTimeout*time.Duration(len(names)+1))
	defer cancel()
	var wanted []*section
	for _, sec := range sections() {
		for _, name := range names {
			if sec.name == name {
				wanted = append(wanted, sec)
			}
		}
	}
	s := &Snapshot{At: time.Now()}
	if err := c.readAll(ctx, wanted, s); err != nil {
		return nil, err
	}
	for _, sec := range wanted {
		if sec.failed != nil {
			return nil, unreadable(sec)
		}
	}
	return s, nil
}

func unreadable(sec *section) error {
	return fault.New(fault.Unavailable, "%s could not be read: %s", sec.name, sec.failed.Reason)
}

// CollectIOStats reads pg_stat_io now, without rates, and publishes nothing.
func (c *PG18StatsCollector) CollectIOStats(ctx context.Context) (*IOStats, error) {
	s, err := c.only(ctx, "io")
	if err != nil {
		return nil, err
	}
	return s.IO, nil
}

// CollectVacuumStats reads what vacuum and analyze have done and do now, and publishes nothing.
func (c *PG18StatsCollector) CollectVacuumStats(ctx context.Context) (*VacuumStats, error) {
	s, err := c.only(ctx, "progress", "tables")
	if err != nil {
		return nil, err
	}
	return s.Vacuum, nil
}

func milliseconds(d time.Duration) string {
	return strconv.FormatInt(max(d.Milliseconds(), 1), 10) + "ms"
}

// published is a value that is replaced whole, and tells when it is.
type published[T any] struct {
	mu      sync.Mutex
	value   *T
	changed chan struct{}
}

func (p *published[T]) get() (*T, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	return p.value, p.changed
}

func (p *published[T]) set(v *T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.value = v
	if p.changed != nil {
		close(p.changed)
	}
	p.changed = make(chan struct{})
}
