package twin

import (
	"sync/atomic"
	"time"
)

// figures is what is kept of one side of one twin: counters since the start, and
// recent durations. Its size is fixed.
type figures struct {
	counters []counters
	// Calls whose side was drawn by chance come from the same campaigns in the same
	// minutes on both sides, and are what the sides are compared by. The others
	// are not: where flags send a large campaign to one side and small ones to the
	// other, the difference is the campaigns'.
	drawn    recent
	assigned recent
}

type counters struct {
	calls     atomic.Uint64
	errors    atomic.Uint64
	fallbacks atomic.Uint64
	rows      atomic.Uint64
	nanos     atomic.Uint64
	_         [24]byte // a cache line each
}

func newFigures() *figures { return &figures{counters: make([]counters, shardCount)} }

// outcome is one call that has ended.
type outcome struct {
	duration time.Duration
	rows     int64
	failed   bool
	drawn    bool
}

// record counts one call of a side. Durations of failed calls are left out: a
// query that fails at once is not a fast one.
func (f *figures) record(o outcome, at time.Time, window time.Duration, enough uint64) {
	shard := anyShard()
	c := &f.counters[shard]
	c.calls.Add(1)
	if o.failed {
		c.errors.Add(1)
		return
	}
	if o.rows > 0 {
		c.rows.Add(uint64(o.rows))
	}
	c.nanos.Add(uint64(max(o.duration, 0)))
	if o.drawn {
		f.drawn.record(shard, o.duration, at, window, enough)
	} else {
		f.assigned.record(shard, o.duration, at, window, enough)
	}
}

// Figures is what is known of one side of one twin.
type Figures struct {
	Twin string `json:"twin"`
	Side string `json:"side"`
	// Calls, Errors and Rows count what this side answered since the start, errors included in calls.
	Calls  uint64 `json:"calls"`
	Errors uint64 `json:"errors"`
	Rows   uint64 `json:"rows"`
	// Fallbacks counts calls that were meant for this side and that the plain side
	// answered, because this one cannot run on the schema. 0 for the plain side.
	Fallbacks uint64 `json:"fallbacks"`
	// Seconds is the time of all calls that did not fail.
	Seconds float64 `json:"seconds"`
	// Mean and P95 are of recent calls that did not fail; P95 is within 6%. A call
	// lasts from its start until its rows are read or closed, so a slow reader is part of it.
	Mean time.Duration `json:"mean_ns"`
	P95  time.Duration `json:"p95_ns"`
	// Recent is how many calls Mean and P95 are of, and Since when the oldest began.
	Recent uint64    `json:"recent"`
	Since  time.Time `json:"since"`
}

func (f *figures) read(t *Twin, s Side) Figures {
	out := Figures{Twin: t.name, Side: s.String()}
	var nanos uint64
	for i := range f.counters {
		c := &f.counters[i]
		out.Calls += c.calls.Load()
		out.Errors += c.errors.Load()
		out.Rows += c.rows.Load()
		out.Fallbacks += c.fallbacks.Load()
		nanos += c.nanos.Load()
	}
	out.Seconds = float64(nanos) / 1e9
	var all tally
	f.drawn.addTo(&all)
	f.assigned.addTo(&all)
	out.Mean, out.P95, out.Recent, out.Since = all.mean(), all.p95(), all.n, all.since
	return out
}
