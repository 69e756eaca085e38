package bench

import (
	"encoding/json"
	"io"
	"os"
	"time"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Report is what a run has found: the contract of `bench --json`.
type Report struct {
	Machine Machine `json:"machine"`
	Server  Server  `json:"server"`
	// Started and Seconds are those of all parts, the making of the data included.
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	// Seed makes the same rows and the same order of queries again.
	Seed uint64 `json:"seed"`
	// Short runs are for tests of the tool: their times mean nothing.
	Short bool `json:"short"`
	// Remark is the reader's own, such as that others used the machine meanwhile.
	Remark string `json:"remark,omitempty"`
	// Parts are the runs that the report was joined from, in order of time: one
	// where everything was measured in one run.
	Parts     []Part     `json:"parts"`
	Scenarios []Scenario `json:"scenarios"`
}

// Part is one run: its scenarios stood on one server, started for it.
type Part struct {
	Started   time.Time `json:"started"`
	Seconds   float64   `json:"seconds"`
	Scenarios []string  `json:"scenarios"`
}

// Scenario is one question and its answer.
type Scenario struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	// Of says what one operation is.
	Of string `json:"of"`
	Figures
	// Target is the ratio that was promised; nil where nothing was.
	Target *float64 `json:"target"`
	// Met is nil where there is no target.
	Met *bool `json:"met"`
	// Goals are the project's own, beyond the promise.
	Goals []Goal `json:"goals,omitempty"`
	// Headline names the case whose figures are the scenario's; empty where they are its own.
	Headline string `json:"headline,omitempty"`
	// Cases are the scenario's parts: sizes, methods, single queries.
	Cases []Case `json:"cases,omitempty"`
	// Facts are counts and sizes that are no times.
	Facts []Fact `json:"facts,omitempty"`
	Note  string `json:"note"`
	// Started is when its data began to be made, and Took includes that. LoadBefore is the
	// load average of the minute before; -1 where it is not known.
	Started    time.Time `json:"started"`
	LoadBefore float64   `json:"load_before"`
	Took       float64   `json:"seconds"`
}

// Case is one part of a scenario.
type Case struct {
	Name string `json:"name"`
	Figures
	Note string `json:"note,omitempty"`
}

// Figures compare variants. Ratio is how many times better After is: 2 is half
// the time, or twice the rate.
type Figures struct {
	Unit   string `json:"unit"`
	Rounds int    `json:"rounds"`
	// Variants by name; Order is the order in which they are shown.
	Variants map[string]Variant `json:"variants"`
	Order    []string           `json:"order"`
	Before   string             `json:"before"`
	After    string             `json:"after"`
	// Of what the ratio is: "mean", "p99" or "throughput".
	RatioOf   string  `json:"ratio_of"`
	Ratio     float64 `json:"ratio"`
	RatioLow  float64 `json:"ratio_low"`
	RatioHigh float64 `json:"ratio_high"`
}

// Variant is one way of doing it. Times are in the Figures' unit; the counts are
// per operation, and nil where they were not counted.
type Variant struct {
	Mean       float64  `json:"mean"`
	P50        float64  `json:"p50"`
	P95        float64  `json:"p95"`
	P99        float64  `json:"p99"`
	OpsPerS    float64  `json:"ops_per_s"`
	Operations int      `json:"operations"`
	Errors     int      `json:"errors"`
	Allocs     *float64 `json:"allocs_per_op,omitempty"`
	Bytes      *float64 `json:"bytes_per_op,omitempty"`
	RoundTrips *float64 `json:"round_trips_per_op,omitempty"`
	// Buffers are pages of 8 kB, found in shared memory or read.
	Buffers *float64 `json:"buffers_per_op,omitempty"`
	// RowsPerS is set where an operation writes several rows.
	RowsPerS *float64 `json:"rows_per_s,omitempty"`
	// Times is how many times more than after this variant costs, by what the
	// Figures' ratio is of; nil for after itself.
	Times *Times `json:"times_after,omitempty"`
}

// Times is a ratio with its 95% interval.
type Times struct {
	Ratio float64 `json:"ratio"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Goal is a figure that the project wants to reach.
type Goal struct {
	What  string  `json:"what"`
	Value float64 `json:"value"`
	// Least or Most is the bound; the other is nil.
	Least *float64 `json:"least,omitempty"`
	Most  *float64 `json:"most,omitempty"`
	Met   bool     `json:"met"`
	// Why says what bounds a value that was not reached.
	Why string `json:"why,omitempty"`
}

// Fact is something counted that is no time.
type Fact struct {
	What  string  `json:"what"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

func atLeast(what string, value, least float64) Goal {
	return Goal{What: what, Value: value, Least: &least, Met: value >= least}
}

func atMost(what string, value, most float64) Goal {
	return Goal{What: what, Value: value, Most: &most, Met: value <= most}
}

// because says what bounds the value, where the goal was not reached.
func (g Goal) because(why string) Goal {
	if !g.Met {
		g.Why = why
	}
	return g
}

// headline makes a case's figures the scenario's own.
func (s *Scenario) headline(c Case) { s.Figures, s.Headline = c.Figures, c.Name }

// promise sets the target and whether the ratio reaches it.
func (s *Scenario) promise(target float64) {
	met := s.Ratio >= target
	s.Target, s.Met = &target, &met
}

// Write writes the report as JSON.
func (r *Report) Write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// Read reads a report from a file that Write wrote.
func Read(path string) (*Report, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Invalid, Field: path, Message: "cannot be read: name a file that `ovasabi bench --json FILE` wrote", Err: err}
	}
	r := &Report{}
	if err := json.Unmarshal(text, r); err != nil || len(r.Scenarios) == 0 {
		return nil, &fault.Error{Kind: fault.Invalid, Field: path, Message: "holds no report: name a file that `ovasabi bench --json FILE` wrote", Err: err}
	}
	return r, nil
}
