// Package load takes rows in from files: NDJSON for content, users and products,
// CloudEvents for events.
//
// A load is a bounded pipeline: a reader cuts the files into lines, parsers judge
// the lines, a router sorts the rows by campaign, writers commit them in batches
// of one campaign. What stands in it is bounded in bytes, so that memory does not
// grow with the file.
//
// Every line comes to one of three ends: accepted, duplicate (its key was there
// already) or rejected. So a load that was broken off is finished by the same
// command, and one that was finished adds nothing when it is run again. Where two
// lines have one key, the earlier line is kept.
package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/repository"
)

// Kind is what a load takes in.
type Kind string

// The kinds.
const (
	Content  Kind = "content"
	Users    Kind = "users"
	Products Kind = "products"
	Events   Kind = "events"
)

// Kinds returns all kinds, in the order in which help shows them.
func Kinds() []Kind { return []Kind{Content, Users, Products, Events} }

// ParseKind returns the kind of this name, or an Invalid fault.
func ParseKind(name string) (Kind, error) {
	if k := Kind(name); slices.Contains(Kinds(), k) {
		return k, nil
	}
	return "", fault.Field("kind", "must be content, users, products or events")
}

// Options says what to load and where to. The zero value of a field takes its default.
type Options struct {
	// Kind is what the lines hold. Required.
	Kind Kind
	// CampaignField names the field of each line that holds its campaign. A value
	// that is new makes a campaign: its slug is the value in the form of slugs, its
	// name the value itself. One of CampaignField and Campaign is required.
	CampaignField string
	// Campaign is a campaign's id or slug, for lines without CampaignField. It must exist.
	Campaign string
	// Rejects receives every refused line as NDJSON: see Rejection. May be nil.
	Rejects io.Writer
	// BatchRows is how many rows one statement carries. 1 to 100,000; defaults to 1000.
	BatchRows int
	// Writers is how many batches are written at once, of one campaign or several, each
	// on a connection.
	// 1 to 64; defaults to 2.
	Writers int
	// MaxLineBytes is the longest line that is read whole; a longer one is rejected.
	// 1 KiB to 64 MiB; defaults to 4 MiB. Memory grows with about four times of it.
	MaxLineBytes int
	// BufferBytes bounds what waits to be written. 1 MiB to 1 GiB; defaults to 24 MiB.
	BufferBytes int
	// Progress is called at most four times a second, and once at the end, never
	// concurrently. It must return quickly: the load waits for it. May be nil.
	Progress func(Progress)
	// Metrics counts the batches. May be nil.
	Metrics *repository.RepositoryMetrics
}

func (o Options) withDefaults() (Options, error) {
	if _, err := ParseKind(string(o.Kind)); err != nil {
		return o, err
	}
	if o.CampaignField == "" && o.Campaign == "" {
		return o, fault.Field("campaign", "is not known: name the campaign by id or slug, or name the field of each line that holds it (--campaign-field)")
	}
	for _, r := range []struct {
		name                        string
		value                       *int
		standard, smallest, largest int
	}{
		{"BatchRows", &o.BatchRows, repository.DefaultBatchRows, 1, 100_000},
		{"Writers", &o.Writers, 2, 1, 64},
		{"MaxLineBytes", &o.MaxLineBytes, 4 << 20, 1 << 10, 64 << 20},
		{"BufferBytes", &o.BufferBytes, 24 << 20, 1 << 20, 1 << 30},
	} {
		if *r.value == 0 {
			*r.value = r.standard
		}
		if *r.value < r.smallest || *r.value > r.largest {
			return o, fault.Field(r.name, "must be from %d to %d, not %d", r.smallest, r.largest, *r.value)
		}
	}
	return o, nil
}

// Summary says what became of the lines: Read is always Accepted + Duplicates +
// Rejected. Empty lines are not counted.
type Summary struct {
	Kind       Kind  `json:"kind"`
	Read       int64 `json:"read"`
	Accepted   int64 `json:"accepted"`
	Duplicates int64 `json:"duplicates"`
	Rejected   int64 `json:"rejected"`
	// Campaigns is how many campaigns hold the accepted lines and the duplicates.
	Campaigns int     `json:"campaigns"`
	Seconds   float64 `json:"seconds"`
	// Notes tell what the load decided and the reader should know, at most 20.
	Notes []string `json:"notes,omitempty"`

	// CampaignIDs are those campaigns, ascending.
	CampaignIDs []campaign.ID `json:"-"`
	// FirstRejections are the first refused lines, at most 5, for a reader without a rejects file.
	FirstRejections []Rejection `json:"-"`
}

// Rate is how many lines a second were settled.
func (s Summary) Rate() float64 {
	if s.Seconds <= 0 {
		return 0
	}
	return float64(s.Read) / s.Seconds
}

// String tells the summary in one line.
func (s Summary) String() string {
	return fmt.Sprintf("%s: %d read, %d accepted, %d duplicates, %d rejected, %d campaigns, %.1f s (%.0f/s)",
		s.Kind, s.Read, s.Accepted, s.Duplicates, s.Rejected, s.Campaigns, s.Seconds, s.Rate())
}

// Run loads the inputs, one after the other, through the scope.
//
// The summary holds whatever came of it, also beside an error. A line that is
// wrong is rejected and is no error. An input that ends in the middle (a gzip cut
// off, a disk that fails) is an error that names its line, after everything else
// was loaded. A Canceled fault says that ctx ended: what was committed stays, and
// lines that were not settled are not counted. Any other error ends the load where
// it stands. In each case the same call goes on where this one ended.
//
// When ctx ends, statements under way are finished, so that their outcome is known.
func Run(ctx context.Context, scope *campaign.Scope, inputs []Input, o Options) (Summary, error) {
	started := time.Now()
	o, err := o.withDefaults()
	if err != nil {
		return Summary{Kind: o.Kind}, err
	}
	r := newRouter(scope, o, started)
	for _, in := range inputs {
		r.tally.total += in.Size
	}
	if o.Campaign != "" {
		if r.fallback, err = r.resolver.named(ctx, o.Campaign); err != nil {
			return r.summary(), err
		}
	}
	err = r.run(ctx, inputs)
	if flushErr := r.rejects.flush(); err == nil {
		err = flushErr
	}
	r.report(true)
	s := r.summary()
	if ctx.Err() != nil && err != nil {
		return s, &fault.Error{
			Kind: fault.Canceled, Err: errors.Join(ctx.Err(), err),
			Message: fmt.Sprintf("the load was broken off after %d lines; what was accepted is committed, and the same command finishes it", s.Read),
		}
	}
	return s, err
}
