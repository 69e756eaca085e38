package load

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/ovasabi/ovasabi/pkg/campaign"
)

// router sorts rows by campaign and gives them to the writers. It runs in the
// goroutine of Run and owns all figures, so nothing of it is locked.
type router struct {
	o        Options
	scope    *campaign.Scope
	resolver *resolver
	rejects  *rejects
	fallback campaign.ID // for lines that name no campaign; 0 where there is none
	shelf    *shelf
	tally    tally
	reader   *reader
}

func newRouter(scope *campaign.Scope, o Options, started time.Time) *router {
	return &router{
		o: o, scope: scope,
		resolver: newResolver(scope, o.CampaignField),
		rejects:  newRejects(o.Rejects),
		shelf:    newShelf(o.BatchRows, o.BufferBytes, uniquesOf(o.Kind)),
		tally:    tally{started: started, campaigns: map[campaign.ID]struct{}{}},
		reader:   &reader{most: o.MaxLineBytes},
	}
}

// run takes the inputs through the pipeline. All its goroutines have ended when it returns.
func (r *router) run(ctx context.Context, inputs []Input) error {
	reading, stop := context.WithCancel(ctx)
	parsers := runtime.GOMAXPROCS(0)
	todo := make(chan *block, parsers)
	ordered := make(chan *block, 2*parsers)
	r.reader.todo, r.reader.ordered = todo, ordered
	work := make(chan *flush)
	done := make(chan *flush)

	var group sync.WaitGroup
	var unread error
	group.Go(func() {
		unread = r.reader.run(reading, inputs)
		close(todo)
		close(ordered)
	})
	for range parsers {
		group.Go(func() {
			p := newParser(r.o)
			for b := range todo {
				p.block(b, r.o.MaxLineBytes)
			}
		})
	}
	for range r.o.Writers {
		group.Go(func() {
			w := &writer{scope: r.scope, o: r.o}
			for f := range work {
				w.write(ctx, f)
				done <- f
			}
		})
	}
	err := r.route(ctx, ordered, work, done)
	stop()
	close(work)
	for range ordered {
		continue // lets the reader end
	}
	group.Wait()
	if err == nil {
		err = unread // the context ended when nothing was left but to read
	}
	return errors.Join(append([]error{err}, r.reader.damaged...)...)
}

// route runs until everything is settled, or something failed and all writers are idle.
func (r *router) route(ctx context.Context, ordered <-chan *block, work chan<- *flush, done <-chan *flush) error {
	var failed error
	var next *flush
	inFlight := 0
	over := ctx.Done()
	for {
		if failed == nil && next == nil {
			next = r.shelf.take(ordered == nil)
		}
		var in <-chan *block
		var out chan<- *flush
		if failed == nil && !r.shelf.full() {
			in = ordered
		}
		if failed == nil && next != nil {
			out = work
		}
		if inFlight == 0 && out == nil && (failed != nil || ordered == nil) {
			return failed
		}
		select {
		case b, ok := <-in:
			if !ok {
				ordered = nil
				break
			}
			failed = r.absorb(ctx, b)
		case out <- next:
			next = nil
			inFlight++
		case f := <-done:
			inFlight--
			if err := r.settle(f); failed == nil {
				failed = err
			}
		case <-over:
			failed, over = ctx.Err(), nil
		}
		r.report(false)
	}
}

// absorb takes a parsed block: rejections to the rejects, rows to their campaigns.
func (r *router) absorb(ctx context.Context, b *block) error {
	select {
	case <-b.parsed:
	case <-ctx.Done():
		return ctx.Err()
	}
	r.tally.lines += int64(len(b.lines))
	r.tally.input = b.input
	if err := r.resolveAll(ctx, b.rows); err != nil {
		return err
	}
	for _, rejection := range b.rejections {
		if err := r.reject(rejection); err != nil {
			return err
		}
	}
	for _, row := range b.rows {
		to := target{id: r.fallback}
		if row.campaign != "" {
			to = r.resolver.known[row.campaign]
		}
		switch {
		case to.id.Valid():
			r.shelf.add(to.id, row)
			continue
		case to.reason == "":
			to.reason = "must name the line's campaign: it is missing"
		}
		if err := r.reject(reject(b.input, row.line, wrong(r.o.CampaignField, to.reason))); err != nil {
			return err
		}
	}
	return nil
}

func (r *router) resolveAll(ctx context.Context, rows []*row) error {
	values := r.unknown(rows)
	if len(values) == 0 {
		return nil
	}
	if len(r.resolver.known)+len(values) > mostKnown {
		clear(r.resolver.known)
		values = r.unknown(rows)
	}
	if err := r.resolver.resolve(ctx, values); err != nil {
		return fmt.Errorf("find the campaigns of field %s: %w", r.o.CampaignField, err)
	}
	return nil
}

// unknown returns the rows' campaign values without an answer, each once, in their order.
func (r *router) unknown(rows []*row) []string {
	var values []string
	seen := map[string]struct{}{}
	for _, row := range rows {
		_, known := r.resolver.known[row.campaign]
		_, again := seen[row.campaign]
		if row.campaign != "" && !known && !again {
			seen[row.campaign] = struct{}{}
			values = append(values, row.campaign)
		}
	}
	return values
}

// settle counts what became of a batch.
func (r *router) settle(f *flush) error {
	r.shelf.back(f)
	r.tally.accepted += f.accepted
	r.tally.duplicates += f.duplicates
	if f.accepted+f.duplicates > 0 {
		r.tally.campaigns[f.campaign] = struct{}{}
	}
	for _, rejection := range f.rejections {
		if err := r.reject(rejection); err != nil {
			return err
		}
	}
	return f.err
}

func (r *router) reject(rejection Rejection) error {
	r.tally.rejected++
	return r.rejects.add(rejection)
}

// block judges all lines of a block.
func (d *parser) block(b *block, most int) {
	b.rows = make([]*row, 0, len(b.lines))
	for _, l := range b.lines {
		row, p := d.parse(l, most)
		if p != nil {
			b.rejections = append(b.rejections, reject(b.input, l, p))
			continue
		}
		row.input = b.input
		b.rows = append(b.rows, row)
	}
	close(b.parsed)
}

func (r *router) summary() Summary {
	t := &r.tally
	s := Summary{
		Kind: r.o.Kind, Read: t.accepted + t.duplicates + t.rejected,
		Accepted: t.accepted, Duplicates: t.duplicates, Rejected: t.rejected,
		Campaigns: len(t.campaigns), Seconds: float64(time.Since(t.started).Milliseconds()) / 1000,
		Notes: r.resolver.said(), FirstRejections: r.rejects.first,
	}
	for id := range t.campaigns {
		s.CampaignIDs = append(s.CampaignIDs, id)
	}
	slices.Sort(s.CampaignIDs)
	return s
}
