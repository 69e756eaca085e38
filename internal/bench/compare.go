package bench

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Comparison is what changed between two reports.
type Comparison struct {
	// SameMachine is false where the times cannot be compared, only the ratios.
	SameMachine bool     `json:"same_machine"`
	Worse       int      `json:"worse"`
	Changes     []Change `json:"changes"`
	// Missing are the scenarios and cases that only one of them has.
	Missing []string `json:"missing,omitempty"`
}

// Change is one ratio then and now, and what is counted.
type Change struct {
	Name    string  `json:"name"`
	Before  float64 `json:"before"`
	After   float64 `json:"after"`
	Verdict string  `json:"verdict"` // "worse", "better", "same"
	// Counts are round trips, allocations and pages that rose: these have no noise.
	Counts []string `json:"counts,omitempty"`
	// MeanBefore and MeanAfter are the after side's times in both reports.
	MeanBefore float64 `json:"mean_before"`
	MeanAfter  float64 `json:"mean_after"`
}

// Compare judges ratios, because both sides of a ratio met the same machine: it
// is worse where it fell by more than the given share and the intervals do not
// touch, or where a call makes more round trips, allocations or pages than it did.
func Compare(a, b *Report, slower float64) (*Comparison, error) {
	if a.Short || b.Short {
		return nil, fault.New(fault.Invalid, "a short run cannot be compared: its times mean nothing")
	}
	if slower <= 0 || slower >= 1 {
		return nil, fault.Field("slower", "must be between 0 and 1, not %g", slower)
	}
	c := &Comparison{SameMachine: sameMachine(a, b)}
	was, is := flat(a), flat(b)
	for _, one := range was {
		i := slices.IndexFunc(is, func(n named) bool { return n.name == one.name })
		if i < 0 {
			c.Missing = append(c.Missing, one.name+" is only in the first report")
			continue
		}
		change := judge(one, is[i], slower)
		if change.Verdict == "worse" {
			c.Worse++
		}
		c.Changes = append(c.Changes, change)
	}
	for _, one := range is {
		if !slices.ContainsFunc(was, func(n named) bool { return n.name == one.name }) {
			c.Missing = append(c.Missing, one.name+" is only in the second report")
		}
	}
	return c, nil
}

func sameMachine(a, b *Report) bool {
	x, y := a.Machine, b.Machine
	return x.CPU == y.CPU && x.Cores == y.Cores && x.MemoryMiB == y.MemoryMiB && x.OS == y.OS && x.Arch == y.Arch
}

type named struct {
	name string
	Figures
}

func flat(r *Report) []named {
	var all []named
	for _, s := range r.Scenarios {
		all = append(all, named{s.Name, s.Figures})
		for _, c := range s.Cases {
			all = append(all, named{s.Name + ": " + c.Name, c.Figures})
		}
	}
	return all
}

func judge(was, is named, slower float64) Change {
	c := Change{
		Name: was.name, Before: was.Ratio, After: is.Ratio, Verdict: "same",
		MeanBefore: was.Variants[was.After].Mean, MeanAfter: is.Variants[is.After].Mean,
	}
	switch {
	case is.Ratio < was.Ratio*(1-slower) && is.RatioHigh < was.RatioLow:
		c.Verdict = "worse"
	case is.Ratio > was.Ratio*(1+slower) && is.RatioLow > was.RatioHigh:
		c.Verdict = "better"
	}
	// Half a round trip is no reconnection or first preparation that fell into the count.
	x, y := was.Variants[was.After].RoundTrips, is.Variants[is.After].RoundTrips
	if x != nil && y != nil && *y > *x+0.5 {
		c.Counts = append(c.Counts, fmt.Sprintf("round trips a call: %s, now %s", figure(*x), figure(*y)))
		c.Verdict = "worse"
	}
	x, y = was.Variants[was.After].Allocs, is.Variants[is.After].Allocs
	if x != nil && y != nil && *y > *x*1.2+2 {
		c.Counts = append(c.Counts, fmt.Sprintf("allocations a call: %s, now %s", figure(*x), figure(*y)))
		c.Verdict = "worse"
	}
	x, y = was.Variants[was.After].Buffers, is.Variants[is.After].Buffers
	if x != nil && y != nil && *y > *x*1.5+1 {
		c.Counts = append(c.Counts, fmt.Sprintf("pages a call: %s, now %s", figure(*x), figure(*y)))
		c.Verdict = "worse"
	}
	return c
}

// Write writes the comparison for a terminal.
func (c *Comparison) Write(w io.Writer) error {
	if !c.SameMachine {
		fmt.Fprintln(w, "The reports are from different machines: only ratios are compared.")
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "scenario\tratio\tnow\tafter's mean\tnow\tverdict")
	for _, one := range c.Changes {
		fmt.Fprintf(t, "%s\t%s×\t%s×\t%s ms\t%s ms\t%s\n", one.Name, figure(one.Before), figure(one.After), figure(one.MeanBefore), figure(one.MeanAfter), one.Verdict)
		for _, count := range one.Counts {
			fmt.Fprintf(t, "\t%s\n", count)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, m := range c.Missing {
		fmt.Fprintln(w, m)
	}
	_, err := fmt.Fprintf(w, "%d worse of %d\n", c.Worse, len(c.Changes))
	return err
}
