package campaign

import (
	"container/list"
	"context"
	"time"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// lane is where the reads of one campaign meet; Pipeline.mu guards it. It is
// there as long as something of the campaign is under way.
type lane struct {
	pipeline *Pipeline
	id       ID
	running  int       // reads alone and trips under way, at most PipelineOptions.Apart
	waiting  list.List // *read, first come first
	progress int64     // how often something has come back or left
}

// read is one call that waits for its answer.
type read struct {
	ctx     context.Context //nolint:containedctx // the call's own
	lane    *lane
	sql     string
	args    []any
	place   *list.Element // in lane.waiting, or nil
	trip    *trip         // that carries it, or nil
	boarded int64         // lane.progress when it began to wait
	answers chan answer   // of capacity 1, so that a trip never waits for a caller
}

// answer is rows, or an error, or that the read goes alone: with a place in the lane or without.
type answer struct {
	rows *heldRows
	err  error
	lane *lane
}

// board finds out how a read goes: alone at once in a lane, or by waiting. Once
// the pipeline is closed it goes alone, in no lane.
func (p *Pipeline) board(ctx context.Context, id ID, sql string, args []any) (*lane, *read, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil, nil
	}
	l := p.lanes[id]
	if l == nil {
		l = &lane{pipeline: p, id: id}
		p.lanes[id] = l
	}
	if l.running == 0 {
		l.running++
		return l, nil, nil
	}
	if l.waiting.Len() >= p.options.MaxQueue {
		return nil, nil, limitedConcurrency(p.options.MaxWait)
	}
	r := &read{ctx: ctx, lane: l, sql: sql, args: args, boarded: l.progress, answers: make(chan answer, 1)}
	r.place = l.waiting.PushBack(r)
	if l.waiting.Len() >= p.options.Trip {
		l.beside()
	}
	return nil, r, nil
}

// beside sends those who wait on their way beside what is under way, where a place is left; p.mu is held.
func (l *lane) beside() {
	if l.running < l.pipeline.options.Apart {
		l.running++
		l.start(l.depart())
	}
}

// next hands the place in the lane of what has come back to those who wait: one
// goes alone in it, several share a trip.
func (l *lane) next() {
	p := l.pipeline
	p.mu.Lock()
	defer p.mu.Unlock()
	l.start(l.depart())
}

// start makes a trip, and those that follow in its place; none is none. p.mu is held.
func (l *lane) start(t *trip) {
	if t == nil {
		return
	}
	p := l.pipeline
	p.trips.Go(func() {
		for t != nil {
			t.run()
			p.mu.Lock()
			t = l.depart()
			p.mu.Unlock()
		}
	})
}

// depart uses a place in the lane that is free: it returns a trip for those who
// wait, or none where one went alone or nobody waits; p.mu is held.
func (l *lane) depart() *trip {
	p := l.pipeline
	l.progress++
	switch n := min(l.waiting.Len(), p.options.Trip); n {
	case 0:
		if l.running--; l.running == 0 {
			delete(p.lanes, l.id)
		}
		return nil
	case 1:
		l.first().answers <- answer{lane: l}
		return nil
	default:
		t := &trip{lane: l, reads: make([]*read, n)}
		for i := range t.reads {
			t.reads[i] = l.first()
			t.reads[i].trip = t
		}
		return t
	}
}

// first takes the first of those who wait; p.mu is held.
func (l *lane) first() *read {
	r := l.waiting.Remove(l.waiting.Front()).(*read) //nolint:forcetypeassert // only reads are put in
	r.place = nil
	return r
}

// wait returns the read's answer. It waits as long as its lane, and then its trip, gets on.
func (r *read) wait() (answer, error) {
	p := r.lane.pipeline
	until := time.Now().Add(p.options.MaxWait)
	timer := time.NewTimer(min(p.options.Gather, p.options.Hold, p.options.MaxWait))
	defer timer.Stop()
	last, seen := (*trip)(nil), r.boarded
	hurried := false
	for {
		select {
		case a := <-r.answers:
			return a, a.err
		case <-r.ctx.Done():
			r.leave()
			return answer{}, fault.FromPostgres(r.ctx.Err())
		case <-timer.C:
		}
		if !hurried && p.options.Gather < p.options.Hold {
			hurried = true
			r.hurry()
			timer.Reset(min(p.options.Hold, time.Until(until)))
			continue
		}
		t, n := r.progress()
		switch {
		case !time.Now().Before(until):
			r.leave()
			return answer{}, limitedConcurrency(p.options.MaxWait)
		case t != last || n != seen:
			last, seen = t, n
			timer.Reset(min(p.options.Hold, time.Until(until)))
		default:
			r.leave()
			p.stats.left.Add(1)
			return answer{}, nil
		}
	}
}

// hurry goes beside what is under way, together with those who wait as well.
func (r *read) hurry() {
	p := r.lane.pipeline
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.place != nil {
		r.lane.beside()
	}
}

// progress tells what carries the read and how far that has come.
func (r *read) progress() (*trip, int64) {
	p := r.lane.pipeline
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.trip != nil {
		return r.trip, r.trip.answered.Load()
	}
	return nil, r.lane.progress
}

// leave gives up waiting. A place in the lane that was given at the same moment is passed on.
func (r *read) leave() {
	p := r.lane.pipeline
	p.mu.Lock()
	if r.place != nil {
		r.lane.waiting.Remove(r.place)
		r.place = nil
	}
	if r.trip != nil {
		r.trip.leave()
	}
	p.mu.Unlock()
	select {
	case a := <-r.answers:
		if a.lane != nil {
			a.lane.next()
		}
		a.rows.Close()
	default:
	}
}
