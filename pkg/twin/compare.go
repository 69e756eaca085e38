package twin

import (
	"fmt"
	"math"
	"time"
)

// Verdict is what the figures say of a twin's two sides.
type Verdict string

// The verdicts.
const (
	// Unknown: too few calls were drawn on one side or the other.
	Unknown Verdict = "unknown"
	// Faster: the optimised side's mean is the lower one, beyond chance.
	Faster Verdict = "faster"
	// Slower: the optimised side's mean is above the plain one's by more than Options.Slower, beyond chance.
	Slower Verdict = "slower"
	// Even: neither.
	Even Verdict = "even"
)

// Measured is the part of a Comparison that one side has.
type Measured struct {
	Calls uint64        `json:"calls"`
	Mean  time.Duration `json:"mean_ns"`
	P95   time.Duration `json:"p95_ns"`
}

// Comparison sets the two sides of a twin beside each other.
//
// Only calls whose side was drawn by chance are compared: those under a
// percentage between 0 and 100, and under 100 with Options.Sampling. They come
// from the same campaigns in the same minutes. Where different campaigns have
// different percentages the mix is not quite even any more.
type Comparison struct {
	Twin      string    `json:"twin"`
	Verdict   Verdict   `json:"verdict"`
	Plain     Measured  `json:"plain"`
	Optimised Measured  `json:"optimised"`
	Since     time.Time `json:"since"`
	// Text says the verdict in a sentence, with what is missing where it is Unknown.
	Text string `json:"text"`
}

// certainty is how many standard errors a difference must exceed before it is
// not called chance: fewer than one in a thousand comparisons of equal sides does.
const certainty = 3.0

// Compare returns a comparison for every twin that has been called, by name.
func (r *Runner) Compare() []Comparison {
	list := []Comparison{}
	for _, st := range r.called() {
		list = append(list, r.compare(st))
	}
	return list
}

func (r *Runner) compare(st *state) Comparison {
	var plain, optimised tally
	st.sides[Plain].drawn.addTo(&plain)
	st.sides[Optimised].drawn.addTo(&optimised)
	c := Comparison{
		Twin:      st.twin.name,
		Plain:     measured(&plain),
		Optimised: measured(&optimised),
		Since:     plain.since,
	}
	enough := uint64(r.options.Enough)
	if plain.n < enough || optimised.n < enough {
		c.Verdict = Unknown
		c.Text = fmt.Sprintf("not enough evidence: %d plain and %d optimised calls were drawn, and %d of each are needed", plain.n, optimised.n, enough)
		return c
	}
	mp, mo := float64(plain.nanos)/float64(plain.n), float64(optimised.nanos)/float64(optimised.n)
	ep, eo := plain.standardError(), optimised.standardError()
	limit := 1 + r.options.Slower
	switch {
	case mo-limit*mp > certainty*math.Hypot(eo, limit*ep):
		c.Verdict = Slower
	case mp-mo > certainty*math.Hypot(ep, eo):
		c.Verdict = Faster
	default:
		c.Verdict = Even
	}
	c.Text = fmt.Sprintf("optimised: mean %s, p95 %s over %d calls; plain: mean %s, p95 %s over %d calls; %.2f times the plain side's mean",
		short(c.Optimised.Mean), short(c.Optimised.P95), c.Optimised.Calls,
		short(c.Plain.Mean), short(c.Plain.P95), c.Plain.Calls, mo/mp)
	return c
}

func measured(t *tally) Measured {
	return Measured{Calls: t.n, Mean: t.mean(), P95: t.p95()}
}

// short writes a duration in three digits or so.
func short(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	default:
		return d.Round(time.Microsecond).String()
	}
}
