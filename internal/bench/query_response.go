package bench

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// usual is a platform of thirty campaigns, the largest with a quarter of all rows.
func (s *stage) usual() population {
	return population{
		campaigns: 30, skew: 1.1, bodyWords: 60,
		content: s.pick(50_000, 1_500), users: s.pick(30_000, 900), products: s.pick(10_000, 600), events: s.pick(100_000, 2_000),
	}
}

const usualName = "usual"

// queryTarget is the promised 25% less time, as a ratio.
const queryTarget = 1 / (1 - 0.25)

// readers are both sides with what they read.
type readers struct {
	p         *plainSide
	f         *fullSide
	pair      *pair
	reads     []*read
	campaigns []*known
}

func (r *readers) close() {
	if r.p != nil {
		r.p.close()
	}
	if r.f != nil {
		r.f.close()
	}
}

// readers opens both sides on the usual population, or on the reader's database.
func (s *stage) readers(ctx context.Context, conns int) (*readers, error) {
	pair, err := s.pair(ctx, usualName, s.usual())
	if err != nil {
		return nil, err
	}
	return s.readersOn(ctx, pair, conns)
}

func (s *stage) readersOn(ctx context.Context, pair *pair, conns int) (_ *readers, err error) {
	r := &readers{pair: pair, reads: serviceReads()}
	if r.p, err = openPlain(pair.plain.app, conns, false); err != nil {
		return nil, err
	}
	if r.f, err = openFull(ctx, pair.newest.app, fullOptions{conns: conns}); err != nil {
		r.close()
		return nil, err
	}
	for _, read := range r.reads {
		if err = read.prepare(ctx, r.f); err != nil {
			r.close()
			return nil, err
		}
	}
	ids, err := s.campaignIDs(ctx, r.f)
	if err == nil {
		r.campaigns, err = learn(ctx, r.f, ids)
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// campaignIDs are those of our own population, those that the reader named, or all there are.
func (s *stage) campaignIDs(ctx context.Context, f *fullSide) ([]int64, error) {
	if len(s.o.Campaigns) > 0 {
		return s.o.Campaigns, nil
	}
	var ids []int64
	err := f.scope.AcrossCampaigns(ctx, "ovasabi bench looks for campaigns to read", database.TxOptions{ReadOnly: true}, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, campaignsSQL)
		if err != nil {
			return err
		}
		ids, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		return err
	})
	if err != nil {
		return nil, fault.New(fault.KindOf(err), "cannot list the campaigns: name some with --campaign: %w", err)
	}
	return ids, nil
}

// bothWays are the two ways to run calls in turn.
func (r *readers) bothWays(block int, calls []call) []way {
	dests := map[*read][]any{}
	for _, read := range r.reads {
		dests[read] = row(read.fields)
	}
	return []way{
		{name: "before", block: inTurn(block, func(ctx context.Context, i int) error {
			c := calls[i%len(calls)]
			return r.p.read(ctx, c.id, c.read.plain, c.args, dests[c.read], nil)
		})},
		{name: "after", block: inTurn(block, func(ctx context.Context, i int) error {
			c := calls[i%len(calls)]
			return r.f.read(ctx, c.id, c.read.declared, c.args, dests[c.read], nil)
		})},
	}
}

func queryResponse(ctx context.Context, s *stage) (Scenario, error) {
	r, err := s.readers(ctx, 4)
	if err != nil {
		return Scenario{}, err
	}
	defer r.close()
	calls := draws(s.pick(3000, 60), s.o.Seed, r.reads, r.campaigns)
	s.sayf("comparing the rows of both ways")
	if err := compare(ctx, r.p, r.f, calls[:s.pick(300, 60)]); err != nil {
		return Scenario{}, err
	}
	found := Scenario{Of: "one read of a service, drawn from the mix"}
	if found.Figures, err = measure(ctx, s.plan(20, "the mix"), r.bothWays(s.pick(250, 20), calls)); err != nil {
		return found, err
	}
	if err := s.countCalls(ctx, r, &found.Figures, calls[:s.pick(150, 40)]); err != nil {
		return found, err
	}
	found.promise(queryTarget)
	found.Goals = append(found.Goals, atLeast("half the time of before (ratio)", found.Ratio, 2))
	for _, one := range r.reads {
		alone := *one
		alone.share = 1
		own := draws(s.pick(200, 20), s.o.Seed, []*read{&alone}, r.campaigns)
		sub := &readers{p: r.p, f: r.f, pair: r.pair, reads: []*read{&alone}, campaigns: r.campaigns}
		f, err := measure(ctx, s.plan(8, one.name), sub.bothWays(s.pick(50, 5), own))
		if err == nil {
			err = s.countCalls(ctx, sub, &f, own[:min(len(own), 20)])
		}
		if err != nil {
			return found, err
		}
		found.Cases = append(found.Cases, Case{Name: one.name, Figures: f})
	}
	found.Note = "One caller; first pages of 20 and details, campaigns drawn by their size. Search is not in the mix: see its own scenario."
	return found, nil
}

// countCalls adds what is counted apart from the timed rounds: round trips over
// connections that count, and pages as the server reports them.
func (s *stage) countCalls(ctx context.Context, r *readers, f *Figures, calls []call) error {
	p, err := openPlain(r.pair.plain.app, 1, true)
	if err != nil {
		return err
	}
	defer p.close()
	full, err := openFull(ctx, r.pair.newest.app, fullOptions{conns: 1, counted: true, unlimited: true})
	if err != nil {
		return err
	}
	defer full.close()
	plainSchema, err := openFull(ctx, r.pair.plain.app, fullOptions{conns: 1, unlimited: true})
	if err != nil {
		return err
	}
	defer plainSchema.close()
	plainOnly := func(c call) error { return p.read(ctx, c.id, c.read.plain, c.args, row(c.read.fields), nil) }
	optimised := func(c call) error { return full.read(ctx, c.id, c.read.declared, c.args, row(c.read.fields), nil) }
	trips := func(total func() int64, do func(call) error) (float64, error) {
		for _, c := range calls { // the first round connects and prepares
			if err := do(c); err != nil {
				return 0, err
			}
		}
		from := total()
		for _, c := range calls {
			if err := do(c); err != nil {
				return 0, err
			}
		}
		return float64(total()-from) / float64(len(calls)), nil
	}
	for _, side := range []struct {
		name  string
		total func() int64
		do    func(call) error
		on    *fullSide
		text  twin.Side
	}{
		{"before", p.wire.RoundTrips, plainOnly, plainSchema, twin.Plain},
		{"after", full.wire.RoundTrips, optimised, full, twin.Optimised},
	} {
		v := f.Variants[side.name]
		n, err := trips(side.total, side.do)
		if err != nil {
			return err
		}
		pages, err := buffersOf(ctx, side.on, calls, side.text)
		if err != nil {
			return err
		}
		v.RoundTrips, v.Buffers = &n, &pages
		f.Variants[side.name] = v
	}
	return nil
}
