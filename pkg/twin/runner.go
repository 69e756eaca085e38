package twin

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Options says how a Runner falls back and compares. The zero value takes every default.
type Options struct {
	// Sampling is the share of calls, 0 to 1, that the plain side answers though
	// the flag says 100. Without any, nothing is known of the plain side and the two
	// cannot be compared. Defaults to 0; 0.01 gives evidence at little cost.
	Sampling float64
	// Slower is the share by which the optimised side's mean may exceed the plain
	// one's before it is a finding. 0 takes 0.2.
	Slower float64
	// Enough is how many drawn calls each side needs before they are compared. 0 takes 200.
	Enough int
	// Window is how long durations are kept, at least: they go once a window's
	// worth of newer ones, and Enough of them, stand in their place. 0 takes 10m.
	Window time.Duration
	// RetryFirst is the pause after the optimised side fell before one caller tries
	// it again; it doubles up to RetryLongest. 0 takes 1s and 1m.
	RetryFirst   time.Duration
	RetryLongest time.Duration
	// Trust lets a call inside a transaction go without a savepoint when the
	// optimised side has run within this time, which saves two round trips. If the
	// schema is rolled back just then, the transaction fails with an Unavailable
	// fault, and the plain side answers when it is run again. 0 never trusts.
	Trust time.Duration
	// Log takes falls, recoveries and reverts. Nil takes slog.Default().
	Log *slog.Logger
}

func (o *Options) fill() error {
	setDefault(&o.Slower, 0.2)
	setDefault(&o.Enough, 200)
	setDefault(&o.Window, 10*time.Minute)
	setDefault(&o.RetryFirst, time.Second)
	setDefault(&o.RetryLongest, time.Minute)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	switch {
	case !(o.Sampling >= 0 && o.Sampling <= 1): // written so that NaN is refused too
		return fault.Field("Sampling", "must be from 0 to 1, not %g", o.Sampling)
	case !(o.Slower > 0):
		return fault.Field("Slower", "must be above 0, not %g", o.Slower)
	case o.Enough < 2:
		return fault.Field("Enough", "must be at least 2, not %d", o.Enough)
	case o.Window < 0 || o.Trust < 0 || o.RetryFirst < 0:
		return fault.Field("Window", "Window, Trust and RetryFirst must not be negative")
	case o.RetryLongest < o.RetryFirst:
		return fault.Field("RetryLongest", "must be at least RetryFirst (%s), not %s", o.RetryFirst, o.RetryLongest)
	}
	return nil
}

// Runner runs twins: it asks the flags for a side, falls back to the plain one,
// and keeps the figures. It is safe for concurrent use. A nil *Runner runs the
// plain side of everything and keeps nothing.
type Runner struct {
	flags   *Flags
	options Options

	states  atomic.Pointer[[]*state] // by Twin.ordinal
	growing sync.Mutex
	unwatch func()
}

// state is what a Runner knows of one twin.
type state struct {
	twin   *Twin
	health health
	sides  [2]*figures
}

// NewRunner returns a Runner over flags, which it does not own. Close it before the flags.
func NewRunner(flags *Flags, o Options) (*Runner, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	r := &Runner{flags: flags, options: o}
	r.states.Store(&[]*state{})
	r.unwatch = flags.onChange(r.flagsChanged)
	return r, nil
}

// Close ends the Runner's watch on the flags. Calls under way are not touched.
func (r *Runner) Close() { r.unwatch() }

// flagsChanged forgets comparisons made under other flags, so that a twin that
// was reverted, mended and turned on again is judged by what it does now, and
// tries a fallen side at once: whoever touches its flag wants to know.
func (r *Runner) flagsChanged(names []string) {
	every := slices.Contains(names, EveryTwin)
	for _, st := range *r.states.Load() {
		if st == nil || !every && !slices.Contains(names, st.twin.name) {
			continue
		}
		st.forgetComparison()
		st.health.retryNow()
	}
}

func (st *state) forgetComparison() {
	for _, side := range st.sides {
		side.drawn.forget()
	}
}

func (r *Runner) stateOf(t *Twin) *state {
	if all := *r.states.Load(); t.ordinal < len(all) && all[t.ordinal] != nil {
		return all[t.ordinal]
	}
	return r.grow(t)
}

// grow makes the state of a twin at its first call.
func (r *Runner) grow(t *Twin) *state {
	r.growing.Lock()
	defer r.growing.Unlock()
	all := *r.states.Load()
	if t.ordinal < len(all) && all[t.ordinal] != nil {
		return all[t.ordinal]
	}
	grown := make([]*state, max(len(all), t.ordinal+1))
	copy(grown, all)
	grown[t.ordinal] = &state{twin: t, sides: [2]*figures{newFigures(), newFigures()}}
	r.states.Store(&grown)
	return grown[t.ordinal]
}

// call is one call on its way.
type call struct {
	r     *Runner
	st    *state
	side  Side
	drawn bool // by chance, not by rule
	probe bool // holds health.probing
	start time.Time
}

// begin decides the side of one call.
func (r *Runner) begin(ctx context.Context, t *Twin) call {
	c := call{r: r, st: r.stateOf(t), start: time.Now()}
	share, _ := r.flags.current.Load().share(campaignOf(ctx), t.name)
	c.side = pick(ctx, t.name, share)
	c.drawn = share > 0 && share < 100
	if share == 100 && r.options.Sampling > 0 {
		c.drawn = true
		if rand.Float64() < r.options.Sampling {
			c.side = Plain
		}
	}
	if c.side == Optimised {
		var admitted bool
		if admitted, c.probe = c.st.health.admit(c.start); !admitted {
			c.fellBack()
		}
	}
	return c
}

// fellBack turns a call meant for the optimised side into a plain one.
func (c *call) fellBack() {
	c.st.sides[Optimised].counters[anyShard()].fallbacks.Add(1)
	c.side, c.drawn, c.probe = Plain, false, false
	c.start = time.Now()
}

// end records the call.
func (c *call) end(rows int64, err error) {
	now := time.Now()
	c.st.sides[c.side].record(outcome{
		duration: now.Sub(c.start),
		rows:     rows,
		failed:   err != nil,
		drawn:    c.drawn,
	}, now, c.r.options.Window/2, uint64(c.r.options.Enough))
}

// Figures returns what is known of both sides of every twin that has been
// called, by name and then the plain side first.
func (r *Runner) Figures() []Figures {
	all := []Figures{}
	for _, st := range r.called() {
		all = append(all, st.sides[Plain].read(st.twin, Plain), st.sides[Optimised].read(st.twin, Optimised))
	}
	return all
}

// called returns the states of all twins that have been called, by name.
func (r *Runner) called() []*state {
	if r == nil {
		return nil
	}
	var called []*state
	for _, t := range Declared() {
		if all := *r.states.Load(); t.ordinal < len(all) && all[t.ordinal] != nil {
			called = append(called, all[t.ordinal])
		}
	}
	return called
}
