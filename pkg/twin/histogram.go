package twin

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"time"
)

// Durations are counted in buckets of an eighth of an octave, from 1.024 µs to
// over two minutes: 6% from a bucket's middle to its edge, in 200 counters.
const (
	unitShift   = 10 // buckets count units of 2^10 ns
	octaveShift = 3  // 2^3 buckets an octave
	octaves     = 25
	buckets     = octaves << octaveShift
)

func bucketOf(d time.Duration) int {
	units := uint64(max(d, 0)) >> unitShift
	if units < 1<<octaveShift {
		return int(units)
	}
	octave := bits.Len64(units) - octaveShift - 1
	index := octave<<octaveShift + int(units>>octave)
	return min(index, buckets-1)
}

// bucketRange returns the durations that fall into a bucket, in ns, the upper end left out.
func bucketRange(index int) (low, high float64) {
	if index < 1<<octaveShift {
		return float64(index << unitShift), float64((index + 1) << unitShift)
	}
	octave := index>>octaveShift - 1
	step := uint64(index - octave<<octaveShift)
	return float64(step << octave << unitShift), float64((step + 1) << octave << unitShift)
}

// shardCount is how many cells a figure is spread over, so that cores do not
// wait for one another's cache lines: a power of two, at most 8.
var shardCount = func() int {
	n := 1
	for n < runtime.GOMAXPROCS(0) && n < 8 {
		n *= 2
	}
	return n
}()

// anyShard picks a cell at random. Go does not tell which core runs the caller;
// a random cell spreads as well and costs a few nanoseconds.
func anyShard() int { return int(rand.Uint32()) & (shardCount - 1) }

// histogram holds durations. Its size does not depend on how many it has seen.
type histogram struct {
	since time.Time
	cells []cell
}

type cell struct {
	n       atomic.Uint64
	nanos   atomic.Uint64
	buckets [buckets]atomic.Uint32
	_       [64]byte // the next cell's sum stays off this cell's last cache line
}

func newHistogram(since time.Time) *histogram {
	return &histogram{since: since, cells: make([]cell, shardCount)}
}

func (h *histogram) record(shard int, d time.Duration) {
	c := &h.cells[shard]
	c.n.Add(1)
	c.nanos.Add(uint64(max(d, 0)))
	c.buckets[bucketOf(d)].Add(1)
}

// tally is a histogram read out.
type tally struct {
	since   time.Time
	n       uint64
	nanos   uint64
	buckets [buckets]uint64
}

func (t *tally) add(h *histogram) {
	if h == nil {
		return
	}
	if t.since.IsZero() || h.since.Before(t.since) {
		t.since = h.since
	}
	for i := range h.cells {
		c := &h.cells[i]
		t.nanos += c.nanos.Load()
		for b := range c.buckets {
			n := uint64(c.buckets[b].Load())
			t.buckets[b] += n
			t.n += n
		}
	}
}

// mean is exact.
func (t *tally) mean() time.Duration {
	if t.n == 0 {
		return 0
	}
	return time.Duration(t.nanos / t.n)
}

// p95 is within 6% of the true value.
func (t *tally) p95() time.Duration {
	rank := uint64(math.Ceil(0.95 * float64(t.n)))
	var seen uint64
	for b, n := range &t.buckets {
		seen += n
		if n > 0 && seen >= rank {
			low, high := bucketRange(b)
			return time.Duration((low + high) / 2)
		}
	}
	return 0
}

// standardError is how far the mean may lie from the mean of endlessly many
// calls, in ns, from the buckets' middles.
func (t *tally) standardError() float64 {
	if t.n < 2 {
		return math.Inf(1)
	}
	mean := float64(t.nanos) / float64(t.n)
	var sum float64
	for b, n := range &t.buckets {
		if n > 0 {
			low, high := bucketRange(b)
			off := (low+high)/2 - mean
			sum += off * off * float64(n)
		}
	}
	return math.Sqrt(sum / float64(t.n-1) / float64(t.n))
}

// recent is two histograms, the one being filled and the one before it, so that
// old durations are forgotten. The older goes once the newer is old enough and
// full enough to stand alone.
type recent struct {
	pair atomic.Pointer[pairOfHistograms]
}

type pairOfHistograms struct{ before, now *histogram }

func (r *recent) record(shard int, d time.Duration, at time.Time, window time.Duration, enough uint64) {
	p := r.pair.Load()
	if p == nil || at.Sub(p.now.since) > window && p.now.count() >= enough {
		p = r.turn(p, at)
	}
	p.now.record(shard, d)
}

// turn starts a new histogram; of several callers one does, and all use its.
func (r *recent) turn(seen *pairOfHistograms, at time.Time) *pairOfHistograms {
	fresh := &pairOfHistograms{now: newHistogram(at)}
	if seen != nil {
		fresh.before = seen.now
	}
	if r.pair.CompareAndSwap(seen, fresh) {
		return fresh
	}
	// Another caller turned, or forget emptied it, in which case there may be none.
	if p := r.pair.Load(); p != nil {
		return p
	}
	return fresh
}

func (h *histogram) count() (n uint64) {
	for i := range h.cells {
		n += h.cells[i].n.Load()
	}
	return n
}

func (r *recent) addTo(t *tally) {
	if p := r.pair.Load(); p != nil {
		t.add(p.before)
		t.add(p.now)
	}
}

// forget drops all durations.
func (r *recent) forget() { r.pair.Store(nil) }
