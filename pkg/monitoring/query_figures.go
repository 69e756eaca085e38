package monitoring

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// QueryFigures is what this process has measured of one query, or of one side of a twin.
type QueryFigures struct {
	Name string `json:"name"`
	// Side is plain or optimised for a twin, empty for any other query.
	Side    string  `json:"side,omitempty"`
	Calls   int64   `json:"calls"`
	Errors  int64   `json:"errors"`
	Rows    int64   `json:"rows"`
	Seconds float64 `json:"seconds"`
	// MeanMS and P95MS are of the last five to ten minutes; nil without a call in them.
	MeanMS *float64 `json:"mean_ms"`
	P95MS  *float64 `json:"p95_ms"`
	Recent uint64   `json:"recent"`
	// UsualMeanMS and UsualP95MS are of the time before that.
	UsualMeanMS *float64 `json:"usual_mean_ms"`
	UsualP95MS  *float64 `json:"usual_p95_ms"`
	Usual       uint64   `json:"usual"`
	// CallsPerS is of the time since the snapshot before.
	CallsPerS *float64 `json:"calls_per_s"`
}

// mostQueries bounds the queries that are told apart.
const mostQueries = 300

// window is half of what is called recent.
const window = 5 * time.Minute

// fadeAt is how many calls the memory of a query's usual times holds before older ones fade.
const fadeAt = 100_000

type queryTable struct {
	mu    sync.Mutex
	rows  map[queryKey]*queryRow
	clock func() time.Time // nil takes time.Now
}

type queryRow struct {
	calls, errors, rows int64
	total               time.Duration
	now, last, usual    durations
	windowFrom          time.Time
	kept                int // windows in a row that were kept out of the usual times
}

// outlier tells whether the window that ends is much slower than usual. It is
// kept out of the usual times, so that a query that became slower stays a finding
// instead of becoming the norm within minutes; after a day it is the norm.
func (r *queryRow) outlier() bool {
	const (
		slower = 1.5
		enough = 20
		aDay   = int(24 * time.Hour / window)
	)
	return r.usual.count >= enough && r.last.count >= enough && r.kept < aDay &&
		float64(r.last.mean()) > slower*float64(r.usual.mean())
}

func (t *queryTable) time() time.Time {
	if t.clock != nil {
		return t.clock()
	}
	return time.Now()
}

// turn moves the windows on. A window without calls leaves the usual times as they were.
func (r *queryRow) turn(now time.Time) {
	for now.Sub(r.windowFrom) >= window {
		if r.now.count == 0 && r.last.count == 0 {
			r.windowFrom = now
			return
		}
		if r.outlier() {
			r.kept++
		} else {
			r.kept = 0
			r.usual.merge(&r.last)
			if r.usual.count > fadeAt {
				r.usual.fade()
			}
		}
		r.last, r.now = r.now, durations{}
		r.windowFrom = r.windowFrom.Add(window)
	}
}

func (t *queryTable) add(key queryKey, took time.Duration, rows int64, failed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.time()
	if t.rows == nil {
		t.rows = map[queryKey]*queryRow{}
	}
	r, ok := t.rows[key]
	if !ok {
		if len(t.rows) >= mostQueries {
			key = queryKey{name: others}
			r = t.rows[key]
		}
		if r == nil {
			r = &queryRow{windowFrom: now}
			t.rows[key] = r
		}
	}
	r.turn(now)
	r.calls++
	r.rows += rows
	r.total += took
	if failed {
		r.errors++ // a query that fails at once is not a fast one
		return
	}
	r.now.add(took)
}

// usualTimes is how long a query usually takes, as it is kept over a restart.
type usualTimes struct {
	Name string        `json:"name"`
	Side string        `json:"side,omitempty"`
	Sum  time.Duration `json:"sum_ns"`
	// Buckets are those of durations that hold anything, by their place.
	Buckets map[int]uint32 `json:"buckets"`
}

func (t *queryTable) usual() []usualTimes {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]usualTimes, 0, len(t.rows))
	for key, r := range t.rows {
		usual := r.usual
		if !r.outlier() {
			usual.merge(&r.last)
		}
		if usual.count == 0 {
			continue
		}
		u := usualTimes{Name: key.name, Side: key.side, Sum: usual.sum, Buckets: map[int]uint32{}}
		for i, n := range &usual.buckets {
			if n > 0 {
				u.Buckets[i] = n
			}
		}
		all = append(all, u)
	}
	return all
}

// recall begins with the usual times of the process before, so that a query that
// a new release made slower is a finding.
func (t *queryTable) recall(all []usualTimes) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rows == nil {
		t.rows = map[queryKey]*queryRow{}
	}
	for _, u := range all[:min(len(all), mostQueries)] {
		r := &queryRow{windowFrom: t.time()}
		r.usual.sum = u.Sum
		for i, n := range u.Buckets {
			if i >= 0 && i < bucketCount {
				r.usual.buckets[i] = n
				r.usual.count += uint64(n)
			}
		}
		t.rows[queryKey{u.Name, u.Side}] = r
	}
}

// list returns all queries, by name and side.
func (t *queryTable) list() []QueryFigures {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.time()
	all := make([]QueryFigures, 0, len(t.rows))
	for key, r := range t.rows {
		r.turn(now)
		recent := r.last
		recent.merge(&r.now)
		f := QueryFigures{
			Name: key.name, Side: key.side, Calls: r.calls, Errors: r.errors, Rows: r.rows,
			Seconds: r.total.Seconds(), Recent: recent.count, Usual: r.usual.count,
		}
		f.MeanMS, f.P95MS = inMS(&recent)
		f.UsualMeanMS, f.UsualP95MS = inMS(&r.usual)
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b QueryFigures) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(b.Side, a.Side))
	})
	return all
}

func inMS(h *durations) (mean, p95 *float64) {
	if h.count == 0 {
		return nil, nil
	}
	return new(ms(h.mean())), new(ms(h.quantile(0.95)))
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
