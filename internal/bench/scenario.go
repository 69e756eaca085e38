package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Options say what is run, and where.
type Options struct {
	// Scenarios are names of List; empty runs all that the ground allows.
	Scenarios []string
	// DatabaseURL names the reader's own database, as the services' role: only
	// scenarios that read run there. Empty makes a server for the run.
	DatabaseURL string
	// Campaigns are those to read on the reader's database; empty asks for all of
	// them, across campaigns, which writes a line into the audit.
	Campaigns []int64
	// BinDir and WorkDir are where PostgreSQL is and where its data go.
	BinDir, WorkDir string
	// Rounds is how often each comparison is repeated. 2 to 1000; 0 takes each scenario's own.
	Rounds int
	// Short shrinks everything: the run then proves that the tool works, not a time.
	Short bool
	// FeedRows is the largest campaign of the feed scenario. 0 takes the default.
	FeedRows int
	// Callers are the concurrencies. Empty takes the default.
	Callers []int
	// Peers do the same work beside both ways, where a scenario has work for them.
	Peers []Peer
	// Held are scenarios that an earlier part of the run has: they are left out.
	Held   []string
	Seed   uint64
	Remark string
	// Progress hears what is going on, in lines for a person.
	Progress func(line string)
	Log      *slog.Logger
}

// scenario is one question.
type scenario struct {
	name, title string
	// writes says that it needs a server of its own.
	writes bool
	run    func(ctx context.Context, s *stage) (Scenario, error)
}

// stage is what a scenario has to stand on.
type stage struct {
	*ground
	name string
}

func (s *stage) sayf(format string, args ...any) {
	s.o.Progress(s.name + ": " + fmt.Sprintf(format, args...))
}

// rounds is how many rounds a scenario takes: the reader's number, or its own.
func (s *stage) rounds(own int) int {
	switch {
	case s.o.Rounds > 0:
		return s.o.Rounds
	case s.o.Short:
		return 2
	default:
		return own
	}
}

// pick is a size for a whole run, or for a short one.
func (s *stage) pick(whole, short int) int {
	if s.o.Short {
		return short
	}
	return whole
}

// plan compares before with after, and tells the rounds.
func (s *stage) plan(rounds int, what string) plan {
	n := s.rounds(rounds)
	return plan{rounds: n, before: "before", after: "after", by: byMean, seed: s.o.Seed, progress: func(round int) {
		if round == 0 {
			s.sayf("%s: warming up", what)
			return
		}
		s.sayf("%s: round %d of %d", what, round, n)
	}}
}

// Listed is one scenario as --list shows it.
type Listed struct {
	Name, Title string
	// OwnServer says that it does not run on the reader's database.
	OwnServer bool
}

// List returns the scenarios in the order in which they run.
func List() []Listed {
	var all []Listed
	for _, s := range scenarios() {
		all = append(all, Listed{s.name, s.title, s.writes})
	}
	return all
}

func (o *Options) complete() error {
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Rounds != 0 && (o.Rounds < 2 || o.Rounds > 1000) {
		return fault.Field("rounds", "must be from 2 to 1000, not %d", o.Rounds)
	}
	if o.FeedRows != 0 && (o.FeedRows < 1000 || o.FeedRows > 10_000_000) {
		return fault.Field("feed-rows", "must be from 1000 to 10000000, not %d", o.FeedRows)
	}
	for _, n := range o.Callers {
		if n < 1 || n > 10_000 {
			return fault.Field("callers", "must be from 1 to 10000, not %d", n)
		}
	}
	if o.Seed == 0 {
		o.Seed = 18
	}
	return nil
}

// chosen returns the scenarios to run. Asking for one that the ground does not
// allow is an error; without a wish it is left out.
func (o *Options) chosen() ([]scenario, error) {
	all := scenarios()
	var names []string
	for _, s := range all {
		names = append(names, s.name)
	}
	for _, wanted := range o.Scenarios {
		if !slices.Contains(names, wanted) {
			return nil, fault.Field("scenario", "%q is not one of %s", wanted, strings.Join(names, ", "))
		}
	}
	var chosen []scenario
	for _, s := range all {
		asked := slices.Contains(o.Scenarios, s.name)
		switch {
		case asked && s.writes && o.DatabaseURL != "":
			return nil, fault.Field("scenario", "%s makes and changes data: it runs only on a server of its own, without --database-url", s.name)
		case slices.Contains(o.Held, s.name):
		case asked, len(o.Scenarios) == 0 && (!s.writes || o.DatabaseURL == ""):
			chosen = append(chosen, s)
		}
	}
	return chosen, nil
}

// Check returns what is wrong with the options, before any work.
func (o Options) Check() error {
	if err := o.complete(); err != nil {
		return err
	}
	_, err := o.chosen()
	return err
}

// Run runs the scenarios and calls done after each, with the report so far. When
// ctx ends, the report holds those that were finished, and the error says that it
// was stopped.
func Run(ctx context.Context, o Options, done func(Scenario, *Report)) (*Report, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	wanted, err := o.chosen()
	if err != nil {
		return nil, err
	}
	report := &Report{Machine: thisMachine(), Started: time.Now().UTC().Truncate(time.Second), Seed: o.Seed, Short: o.Short, Remark: o.Remark}
	g, err := openGround(ctx, o)
	if err != nil {
		return nil, err
	}
	err = runAll(ctx, g, wanted, report, done)
	return report, errors.Join(err, g.close(ctx))
}

func runAll(ctx context.Context, g *ground, wanted []scenario, report *Report, done func(Scenario, *Report)) error {
	var err error
	if report.Server, err = g.describe(ctx); err != nil {
		return err
	}
	for _, one := range wanted {
		start, busy := time.Now(), loadAverage()
		found, err := one.run(ctx, &stage{g, one.name})
		if ctx.Err() != nil {
			return fault.FromPostgres(ctx.Err())
		}
		if err != nil {
			return fmt.Errorf("scenario %s: %w", one.name, err)
		}
		found.Name, found.Title, found.Took = one.name, one.title, time.Since(start).Seconds()
		found.Started, found.LoadBefore = start.UTC().Truncate(time.Second), busy
		report.add(found)
		if done != nil {
			done(found, report)
		}
	}
	return nil
}
