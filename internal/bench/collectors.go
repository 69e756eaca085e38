package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/monitoring"
)

const (
	monitorRole = "ovasabi_monitor"
	// defaultCollect and defaultLook are the collector's intervals.
	defaultCollect = 10 * time.Second
	defaultLook    = time.Second
)

// watched is a database of many tables and statements with a collector on it.
type watched struct {
	s         *stage
	r         *readers
	monitor   *pgxpool.Pool
	collector *monitoring.PG18StatsCollector
	tables    int
	calls     []call
}

// shapes are statements of different form on one table: five times the tables are remembered.
var shapes = []string{"SELECT id", "SELECT v", "SELECT count(*)", "SELECT max(v)", "SELECT id + v"}

func collectors(ctx context.Context, s *stage) (Scenario, error) {
	pair, err := s.pair(ctx, "collectors", population{
		campaigns: 5, skew: 1, bodyWords: 20,
		content: s.pick(5000, 500), users: s.pick(2000, 300), products: s.pick(2000, 300), events: s.pick(5000, 500),
	})
	if err != nil {
		return Scenario{}, err
	}
	w := &watched{s: s, tables: s.pick(1000, 20)}
	if w.r, err = s.readersOn(ctx, pair, 4); err != nil {
		return Scenario{}, err
	}
	defer w.r.close()
	w.calls = draws(s.pick(3000, 60), s.o.Seed, w.r.reads, w.r.campaigns)
	if err := compare(ctx, w.r.p, w.r.f, w.calls[:60]); err != nil {
		return Scenario{}, err
	}
	if err := w.open(ctx); err != nil {
		return Scenario{}, err
	}
	defer w.monitor.Close()
	found := Scenario{Of: "one read of the services' mix"}
	if found.Figures, err = measure(ctx, s.plan(10, "the mix beside the collectors"), w.ways()); err != nil {
		return found, err
	}
	if found.Facts, err = w.cost(ctx); err != nil {
		return found, err
	}
	found.Note = fmt.Sprintf("One caller reads the mix. Before: nobody looks. After: the collector of the platform beside it, %d times as often as it does by default (every second instead of every %s; locks every 100 ms instead of every second), over %d tables and %d statements; by default it costs the reads a tenth of what is shown here. The server's time is planning and execution of the collector's role by pg_stat_statements.", int(defaultCollect/w.interval()), defaultCollect, w.tables, w.tables*len(shapes))
	w.r.close()
	return found, s.drop(ctx, "collectors")
}

// interval is how often the collector runs beside the reads.
func (w *watched) interval() time.Duration { return defaultCollect / 10 }

// open makes the tables and the statements, and a collector that has read their texts.
func (w *watched) open(ctx context.Context) error {
	at := w.r.pair.newest
	w.s.sayf("making %d tables and %d statements", w.tables, w.tables*len(shapes))
	err := with(ctx, at.owner, func(conn *pgx.Conn) error {
		for _, statement := range []string{
			`CREATE SCHEMA laboratory`,
			fmt.Sprintf(`
DO $$
BEGIN
    FOR i IN 1..%d LOOP
        EXECUTE format('CREATE TABLE laboratory.t%%s (id int PRIMARY KEY, v int)', i);
        EXECUTE format('INSERT INTO laboratory.t%%s SELECT n, n FROM generate_series(1, 10) AS n', i);
    END LOOP;
END $$`, w.tables),
			`SELECT ovasabi.pg_stat_statements_reset()`,
			`ALTER ROLE ` + monitorRole + ` SET pg_stat_statements.track_planning = on`,
		} {
			if _, err := conn.Exec(ctx, statement); err != nil {
				return fault.FromPostgres(err)
			}
		}
		for table := 1; table <= w.tables; table++ {
			var text strings.Builder
			for _, shape := range shapes {
				fmt.Fprintf(&text, "%s FROM laboratory.t%d;", shape, table)
			}
			if _, err := conn.Exec(ctx, text.String(), pgx.QueryExecModeSimpleProtocol); err != nil {
				return fault.FromPostgres(err)
			}
		}
		_, err := conn.Exec(ctx, `ANALYZE`)
		return fault.FromPostgres(err)
	})
	if err != nil {
		return err
	}
	if err := w.s.server.EnsureLogin(ctx, monitorRole); err != nil {
		return err
	}
	if w.monitor, err = pgxpool.New(ctx, w.s.server.URL(monitorRole, at.name)); err != nil {
		return fault.FromPostgres(err)
	}
	w.collector, err = monitoring.NewPG18StatsCollector(w.monitor, monitoring.Options{Interval: w.interval(), LockInterval: defaultLook / 10, Log: w.s.o.Log})
	for range w.s.pick(30, 3) { // texts are read some at a time, the first time
		if err == nil {
			_, err = w.collector.Collect(ctx)
		}
	}
	return err
}

// ways read for two seconds, so that several collections fall into each block.
func (w *watched) ways() []way {
	dests := map[*read][]any{}
	for _, one := range w.r.reads {
		dests[one] = row(one.fields)
	}
	reading := during(time.Duration(w.s.pick(2000, 50))*time.Millisecond, func(ctx context.Context, i int) error {
		c := w.calls[i%len(w.calls)]
		return w.r.f.read(ctx, c.id, c.read.declared, c.args, dests[c.read], nil)
	})
	return []way{
		{name: "before", block: reading},
		{name: "after", block: func(ctx context.Context, round int) (sample, error) {
			watching, stop := context.WithCancel(ctx)
			var loop sync.WaitGroup
			var failed error
			loop.Go(func() { failed = w.collector.Run(watching) })
			s, err := reading(ctx, round)
			stop()
			loop.Wait()
			return s, errors.Join(err, failed)
		}},
	}
}

const spentSQL = `
SELECT coalesce(sum(s.total_exec_time + s.total_plan_time), 0)::float8
FROM ovasabi.pg_stat_statements(false) AS s
JOIN pg_catalog.pg_roles AS r ON r.oid = s.userid
WHERE r.rolname = $1::text`

const rememberedSQL = `
SELECT count(*)::float8
FROM ovasabi.pg_stat_statements(false) AS s`

// cost counts what collections and looks at locks cost by themselves.
func (w *watched) cost(ctx context.Context) ([]Fact, error) {
	w.s.sayf("counting what a collection costs")
	owner := w.r.pair.newest.owner
	remembered, err := number(ctx, owner, rememberedSQL)
	if err != nil {
		return nil, err
	}
	n := w.s.pick(30, 3)
	collection, onServer, err := w.spent(ctx, n, func(ctx context.Context) error {
		_, err := w.collector.Collect(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	_, look, err := w.spent(ctx, n, func(ctx context.Context) error {
		_, err := w.collector.CollectLocks(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	perSecond := onServer/defaultCollect.Seconds() + look/defaultLook.Seconds()
	bytes := 0.0
	if collection.allocs > 0 {
		bytes = float64(collection.bytes) / float64(n) / 1024
	}
	return []Fact{
		{"tables of the scenario", float64(w.tables), "tables"},
		{"statements that the server remembers", remembered, "statements"},
		{"a collection, from question to snapshot", mean(milliseconds(collection.took)), "ms"},
		{"the server's time for a collection", onServer, "ms"},
		{"the server's time for a look at the locks", look, "ms"},
		{"share of a core on the server at the default intervals", perSecond / 1000 * 100, "%"},
		{"memory allocated by a collection in the process", bytes, "KiB"},
	}, nil
}

// spent does something n times and returns the server's milliseconds each.
func (w *watched) spent(ctx context.Context, n int, do func(context.Context) error) (sample, float64, error) {
	from, err := number(ctx, w.r.pair.newest.owner, spentSQL, monitorRole)
	if err != nil {
		return sample{}, 0, err
	}
	block, err := inTurn(n, func(ctx context.Context, _ int) error { return do(ctx) })(ctx, 0)
	if err != nil {
		return sample{}, 0, err
	}
	to, err := number(ctx, w.r.pair.newest.owner, spentSQL, monitorRole)
	return block, (to - from) / float64(n), err
}
