package bench

import (
	"context"
	"fmt"
	"runtime"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// concurrencyTarget is the promised 40% more.
const concurrencyTarget = 1.4

// poolSize is the plan's DB_MAX_OPEN_CONNS, the same on both sides.
const poolSize = 50

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
		levels = []int{16, 64, 256, 1000}
		if s.o.Short {
			levels = []int{4, 16}
		}
	}
	found := Scenario{Of: "one read of the mix, from the call to its last row, waiting for the pool included"}
	for _, callers := range levels {
		n := max(s.pick(3000, 60), callers*2)
		p := s.plan(5, fmt.Sprintf("%d callers", callers))
		p.by = byThroughput
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
			return found, err
		}
		if failed := f.Variants["after"].Errors; failed > 0 {
			return found, fault.New(fault.Unavailable, "%d of %d calls failed after, with %d callers", failed, n*f.Rounds, callers)
		}
		found.Cases = append(found.Cases, Case{Name: fmt.Sprintf("%d callers", callers), Figures: f})
	}
	last := found.Cases[len(found.Cases)-1]
	found.headline(last)
	found.promise(concurrencyTarget)
	found.Goals = append(found.Goals,
		atLeast("times the throughput of before, "+last.Name, found.Ratio, 2),
		atMost("errors after, "+last.Name, float64(found.Variants["after"].Errors), 0))
	found.Note = fmt.Sprintf("Both sides have a pool of %d connections (the plan's DB_MAX_OPEN_CONNS); before database/sql with %d idle, after pgxpool with admission by campaign. Callers, pools and PostgreSQL share %d cores.", poolSize, poolSize/2, runtime.NumCPU())
	return found, nil
}
