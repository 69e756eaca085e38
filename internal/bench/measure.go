package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// way is one variant of a scenario.
type way struct {
	name string
	// block runs one block of a round and returns what it took.
	block func(ctx context.Context, round int) (sample, error)
	// before runs untimed ahead of each block. May be nil.
	before func(ctx context.Context) error
	// rows is how many rows one operation writes; 0 where it writes none.
	rows int
}

// sample is one block as it was measured.
type sample struct {
	took    []time.Duration // each operation
	elapsed time.Duration   // the whole block
	errors  int
	allocs  uint64
	bytes   uint64
}

// cost turns a block into the number that rounds are compared by: less is better.
type cost struct {
	name string
	of   func(sample) float64
}

var (
	byMean       = cost{"mean", func(s sample) float64 { return mean(milliseconds(s.took)) }}
	byThroughput = cost{"throughput", func(s sample) float64 { return s.elapsed.Seconds() / float64(max(len(s.took), 1)) }}
	byP99        = cost{"p99", func(s sample) float64 {
		all := milliseconds(s.took)
		slices.Sort(all)
		return quantile(all, 0.99)
	}}
)

func milliseconds(took []time.Duration) []float64 {
	all := make([]float64, len(took))
	for i, d := range took {
		all[i] = float64(d) / float64(time.Millisecond)
	}
	return all
}

// plan says how ways are compared.
type plan struct {
	rounds        int
	before, after string
	by            cost
	seed          uint64
	progress      func(round int)
}

// measure runs a block of every way in each round, in an order that is drawn
// anew, after one round that is thrown away as the warm-up.
func measure(ctx context.Context, p plan, ways []way) (Figures, error) {
	draw := rand.New(rand.NewPCG(p.seed, uint64(len(ways))))
	samples := make([][]sample, len(ways))
	for round := -1; round < p.rounds; round++ {
		if p.progress != nil {
			p.progress(round + 1)
		}
		for _, i := range draw.Perm(len(ways)) {
			w := ways[i]
			if w.before != nil {
				if err := w.before(ctx); err != nil {
					return Figures{}, fmt.Errorf("prepare %s: %w", w.name, err)
				}
			}
			s, err := w.block(ctx, round+1)
			if err != nil {
				return Figures{}, fmt.Errorf("%s: %w", w.name, err)
			}
			if round >= 0 {
				samples[i] = append(samples[i], s)
			}
		}
	}
	return figures(p, ways, samples), nil
}

func figures(p plan, ways []way, samples [][]sample) Figures {
	f := Figures{Unit: "ms", Rounds: p.rounds, Variants: map[string]Variant{}, Before: p.before, After: p.after, RatioOf: p.by.name}
	costs := map[string][]float64{}
	for i, w := range ways {
		f.Order = append(f.Order, w.name)
		f.Variants[w.name] = variantOf(samples[i], w.rows)
		for _, s := range samples[i] {
			costs[w.name] = append(costs[w.name], p.by.of(s))
		}
	}
	f.Ratio, f.RatioLow, f.RatioHigh = ratioOf(costs[p.before], costs[p.after], p.seed)
	for name, v := range f.Variants {
		if name != p.after {
			v.Times = &Times{}
			v.Times.Ratio, v.Times.Low, v.Times.High = ratioOf(costs[name], costs[p.after], p.seed)
			f.Variants[name] = v
		}
	}
	return f
}

func variantOf(samples []sample, rows int) Variant {
	var all []float64
	var elapsed time.Duration
	var allocs, bytes uint64
	v := Variant{}
	for _, s := range samples {
		all = append(all, milliseconds(s.took)...)
		elapsed += s.elapsed
		allocs += s.allocs
		bytes += s.bytes
		v.Errors += s.errors
	}
	slices.Sort(all)
	v.Operations = len(all)
	v.Mean, v.P50, v.P95, v.P99 = mean(all), quantile(all, 0.5), quantile(all, 0.95), quantile(all, 0.99)
	if elapsed > 0 {
		v.OpsPerS = float64(len(all)) / elapsed.Seconds()
	}
	if n := float64(len(all)); n > 0 && allocs > 0 {
		perOp, bytesPerOp := float64(allocs)/n, float64(bytes)/n
		v.Allocs, v.Bytes = &perOp, &bytesPerOp
	}
	if rows > 0 {
		perS := v.OpsPerS * float64(rows)
		v.RowsPerS = &perS
	}
	return v
}

// inTurn is a block of n operations one after another. Operation i of a round is
// the same for every way.
func inTurn(n int, op func(ctx context.Context, i int) error) func(context.Context, int) (sample, error) {
	return func(ctx context.Context, round int) (sample, error) {
		s := sample{took: make([]time.Duration, 0, n)}
		var m0, m1 runtime.MemStats
		runtime.ReadMemStats(&m0)
		start := time.Now()
		for i := range n {
			one := time.Now()
			if err := op(ctx, round*n+i); err != nil {
				return s, err
			}
			s.took = append(s.took, time.Since(one))
		}
		s.elapsed = time.Since(start)
		runtime.ReadMemStats(&m1)
		s.allocs, s.bytes = m1.Mallocs-m0.Mallocs, m1.TotalAlloc-m0.TotalAlloc
		return s, nil
	}
}

// during is a block of operations one after another for some time.
func during(length time.Duration, op func(ctx context.Context, i int) error) func(context.Context, int) (sample, error) {
	return func(ctx context.Context, _ int) (sample, error) {
		var s sample
		start := time.Now()
		for i := 0; s.elapsed < length; i++ {
			one := time.Now()
			if err := op(ctx, i); err != nil {
				return s, err
			}
			s.took = append(s.took, time.Since(one))
			s.elapsed = time.Since(start)
		}
		return s, nil
	}
}

// atOnce is a block of n operations shared by callers that work at once. Errors
// are counted; the context's end is returned.
func atOnce(callers, n int, op func(ctx context.Context, i int) error) func(context.Context, int) (sample, error) {
	return func(ctx context.Context, round int) (sample, error) {
		var next atomic.Int64
		var failed atomic.Int64
		took := make([][]time.Duration, callers)
		var group sync.WaitGroup
		var m0, m1 runtime.MemStats
		runtime.ReadMemStats(&m0)
		start := time.Now()
		for c := range callers {
			group.Go(func() {
				for ctx.Err() == nil {
					i := int(next.Add(1)) - 1
					if i >= n {
						return
					}
					one := time.Now()
					if err := op(ctx, round*n+i); err != nil {
						failed.Add(1)
						continue
					}
					took[c] = append(took[c], time.Since(one))
				}
			})
		}
		group.Wait()
		s := sample{elapsed: time.Since(start), errors: int(failed.Load())}
		runtime.ReadMemStats(&m1)
		s.allocs, s.bytes = m1.Mallocs-m0.Mallocs, m1.TotalAlloc-m0.TotalAlloc
		for _, list := range took {
			s.took = append(s.took, list...)
		}
		if err := ctx.Err(); err != nil {
			return s, err
		}
		if len(s.took) == 0 {
			return s, errors.New("every call failed")
		}
		return s, nil
	}
}
