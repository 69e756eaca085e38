package load

import (
	"time"

	"github.com/ovasabi/ovasabi/pkg/campaign"
)

// Progress is how far a load has come.
type Progress struct {
	Kind Kind
	// Input is the name of the input whose lines came last.
	Input string
	// Lines were read; those that are settled are the sum of the next three.
	Lines                          int64
	Accepted, Duplicates, Rejected int64
	// Bytes of the inputs were read, as they are stored, of Total; Total is 0
	// where a size is not known, as on standard input.
	Bytes, Total int64
	Elapsed      time.Duration
	// Done says that this is the last call.
	Done bool
}

// Rate is how many lines were settled a second.
func (p Progress) Rate() float64 {
	if p.Elapsed <= 0 {
		return 0
	}
	return float64(p.Accepted+p.Duplicates+p.Rejected) / p.Elapsed.Seconds()
}

// tally is the router's count.
type tally struct {
	started                               time.Time
	input                                 string
	lines, accepted, duplicates, rejected int64
	total                                 int64
	campaigns                             map[campaign.ID]struct{}
	reported                              time.Time
}

const progressEvery = 250 * time.Millisecond

// report calls Progress when its time has come.
func (r *router) report(last bool) {
	if r.o.Progress == nil {
		return
	}
	now := time.Now()
	if !last && now.Sub(r.tally.reported) < progressEvery {
		return
	}
	r.tally.reported = now
	t := &r.tally
	r.o.Progress(Progress{
		Kind: r.o.Kind, Input: t.input, Lines: t.lines,
		Accepted: t.accepted, Duplicates: t.duplicates, Rejected: t.rejected,
		Bytes: r.reader.bytes.Load(), Total: t.total,
		Elapsed: now.Sub(t.started), Done: last,
	})
}
