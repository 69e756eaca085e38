package bench

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

// concurrencyTarget is the promised 40% more.
const concurrencyTarget = 1.4

// poolSize is the plan's DB_MAX_OPEN_CONNS, the same on both sides.
const poolSize = 50

// goalCallers is where the project's goal is set: twice the throughput of before, no error.
const goalCallers = 1000

func concurrency(ctx context.Context, s *stage) (Scenario, error) {
	r, err := s.readers(ctx, poolSize)
	if err != nil {
		return Scenario{}, err
	}
	defer r.close()
	calls := draws(s.pick(4000, 60), s.o.Seed, r.reads, r.campaigns)
	if err := compare(ctx, r.p, r.f, calls[:s.pick(100, 40)]); err != nil {
		return Scenario{}, err
	}
	levels := s.o.Callers
	if len(levels) == 0 {
		levels = []int{16, 64, 256, goalCallers, 2000}
		if s.o.Short {
			levels = []int{4, 16}
		}
	}
	found := Scenario{Of: "one read of the mix, from the call to its last row, waiting for the pool included"}
	headline := 0
	for i, callers := range levels {
		c, facts, err := s.callers(ctx, r, callers, calls)
		if err != nil {
			return found, err
		}
		found.Cases, found.Facts = append(found.Cases, c), append(found.Facts, facts...)
		if callers <= goalCallers {
			headline = i
		}
	}
	at := found.Cases[headline]
	found.headline(at)
	found.promise(concurrencyTarget)
	found.Goals = append(found.Goals, atLeast("times the throughput of before, "+at.Name, found.Ratio, 2))
	for _, c := range found.Cases {
		found.Goals = append(found.Goals, atMost("errors after, "+c.Name, float64(c.Variants["after"].Errors), 0))
	}
	if r.pair.own { // it writes
		transactions, err := s.transactions(ctx)
		if err != nil {
			return found, err
		}
		found.Cases = append(found.Cases, transactions...)
	}
	found.Note = fmt.Sprintf("Both sides have a pool of %d connections (the plan's DB_MAX_OPEN_CONNS); before database/sql with %d idle, after pgxpool with admission by campaign. Callers, pools and PostgreSQL share %d cores.", poolSize, poolSize/2, runtime.NumCPU())
	return found, nil
}

// callers measures the mix from one number of callers, and how well the pools were used.
func (s *stage) callers(ctx context.Context, r *readers, callers int, calls []call) (Case, []Fact, error) {
	name := fmt.Sprintf("%d callers", callers)
	n := max(s.pick(1500, 60), callers*2)
	p := s.plan(8, name)
	p.by = byThroughput
	opened := r.f.pool.Stat().NewConnsCount()
	waited := func() (time.Duration, time.Duration) { return r.p.db.Stats().WaitDuration, r.f.waited() }
	closedBefore := r.p.closed()
	plainWait, fullWait := waited()
	sharedBefore := r.f.reads.Stats().Shared
	f, err := measure(ctx, p, []way{
		{name: "before", block: atOnce(callers, n, func(ctx context.Context, i int) error {
			c := calls[i%len(calls)]
			return r.p.read(ctx, c.id, c.read.plain, c.args, row(c.read.fields), nil)
		})},
		{name: "after", block: atOnce(callers, n, func(ctx context.Context, i int) error {
			c := calls[i%len(calls)]
			return r.f.read(ctx, c.id, c.read.declared, c.args, row(c.read.fields), nil)
		})},
	})
	if err != nil {
		return Case{}, nil, err
	}
	calledEach := float64(n * (f.Rounds + 1)) // the warm-up waits as well
	plainWaited, fullWaited := waited()
	return Case{Name: name, Figures: f}, []Fact{
		{name + ", before: waiting for the pool, a call", (plainWaited - plainWait).Seconds() * 1000 / calledEach, "ms"},
		{name + ", after: waiting for the pool and for admission, a call", (fullWaited - fullWait).Seconds() * 1000 / calledEach, "ms"},
		{name + ", after: reads that shared a round trip", 100 * float64(r.f.reads.Stats().Shared-sharedBefore) / calledEach, "%"},
		{name + ", before: connections closed because too many were idle", float64(r.p.closed() - closedBefore), "connections"},
		{name + ", after: connections opened", float64(r.f.pool.Stat().NewConnsCount() - opened), "connections"},
	}, nil
}
