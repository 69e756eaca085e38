package nexus

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	nexusv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/nexus/v1"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// The reasons for a flush, as the metrics carry them.
const (
	bySize  = "size"  // as many events as a flush may hold
	byBytes = "bytes" // as many bytes
	byTime  = "time"  // an event has waited for flushTimeout
	// byGroup: most of those that are expected. Callers that wait for their answers
	// come back together when a flush has landed, so three quarters of its share of
	// their events are waited for. A quiet campaign's last flush had
	// one event, so that its next one is written at once.
	byGroup = "group"
	byDrain = "drain" // the processor is being closed
)

// consider puts a campaign in line for its flush when there is a reason, or sets
// the timer that will be one. p.mu is held.
func (p *BatchEventProcessor) consider(q *queue) {
	if q.ready || len(q.items) == 0 || !p.mayFly(q) {
		return
	}
	if p.reason(q) == "" {
		p.setTimer(q)
		return
	}
	if q.timer != nil {
		q.timer.Stop()
	}
	q.ready = true
	p.buffer.ready.PushBack(q)
}

// mayFly reports whether the campaign's next events may be written beside those that are being written.
func (p *BatchEventProcessor) mayFly(q *queue) bool {
	return q.flights == 0 || q.flights < p.together && q.items[0].alone
}

// smallestShare is how many events a flush takes at least before it leaves some to another one.
const smallestShare = 32

// shareOf is how many of a campaign's events a flush takes. Callers that wait for one
// event each are divided among the flushes that may run beside one another: else one
// flush had them all, and nobody were left to fill the next while it is written.
func (p *BatchEventProcessor) shareOf(events int, alone bool) int {
	if !alone {
		return events
	}
	return min(events, max((events+p.together-1)/p.together, smallestShare))
}

func (p *BatchEventProcessor) reason(q *queue) string {
	switch n := len(q.items); {
	case n >= p.batchSize:
		return bySize
	case q.bytes >= p.config.BatchBytes:
		return byBytes
	case q.due || time.Since(q.since) >= p.flushTimeout:
		return byTime
	case n >= q.expected:
		return byGroup
	case p.closed:
		return byDrain
	default:
		return ""
	}
}

func (p *BatchEventProcessor) setTimer(q *queue) {
	pause := max(p.flushTimeout-time.Since(q.since), 0)
	if q.timer != nil {
		q.timer.Reset(pause)
		return
	}
	q.timer = time.AfterFunc(pause, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		q.due = true
		p.consider(q)
		p.dispatch()
	})
}

// dispatch starts the flushes whose turn it is. p.mu is held.
func (p *BatchEventProcessor) dispatch() {
	for p.buffer.ready.Len() > 0 && p.flights-p.slow < p.config.Writers && p.flights < mostFlights*p.config.Writers {
		q := p.buffer.ready.Remove(p.buffer.ready.Front()).(*queue)
		reason := p.reason(q)
		q.ready, q.due = false, false
		share := p.shareOf(len(q.items)+q.flown, q.items[0].alone)
		batch := p.buffer.take(q, min(share, p.batchSize), p.config.BatchBytes, q.flights > 0)
		q.flights++
		q.flown += len(batch)
		p.flights++
		p.figures.flushed(reason, len(batch))
		p.flushes.Go(func() { p.fly(q, batch) })
		p.consider(q) // those that were left may have a flush of their own
	}
}

// fly is one flush, from the buffer to the answers.
func (p *BatchEventProcessor) fly(q *queue, batch []*sent) {
	began := time.Now()
	landed, lent := false, false // p.mu guards both
	lend := time.AfterFunc(lendAfter, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if !landed {
			lent = true
			p.slow++
			p.dispatch()
		}
	})
	p.write(q.id, batch)
	lend.Stop()
	p.figures.landed(time.Since(began), batch)

	p.mu.Lock()
	landed = true
	q.flights--
	q.flown -= len(batch)
	p.flights--
	if lent {
		p.slow--
	}
	q.expected = p.shareOf(len(batch)+len(q.items)+q.flown, batch[0].alone) * 3 / 4
	p.buffer.release(q, batch)
	p.buffer.place(p.consider)
	p.consider(q)
	p.dispatch()
	p.checkEmptied()
	p.mu.Unlock()
	deliver(batch)
}

// write settles every event of the batch, whatever happens.
func (p *BatchEventProcessor) write(id campaign.ID, batch []*sent) {
	defer func() {
		if value := recover(); value != nil {
			p.log.ErrorContext(p.life, "a flush of events panicked", slog.String("value", fmt.Sprintf("%T", value)), slog.String("stack", string(debug.Stack())))
			fail(batch, fault.New(fault.Internal, "a flush of events panicked"))
		}
	}()
	began := time.Now()
	ctx := campaign.NewContext(p.life, id)
	for len(batch) > 0 {
		first, again := distinct(batch)
		p.retry(ctx, began, first)
		if slices.ContainsFunc(first, (*sent).accepted) {
			p.bell.Ring(id)
		}
		batch = inherit(again)
	}
}

// retry writes until every event is settled, or RetryFor is over. When the
// connection breaks while the server commits, nobody knows whether the events were
// written; writing again finds out, because those that were are duplicates now.
func (p *BatchEventProcessor) retry(ctx context.Context, began time.Time, batch []*sent) {
	for attempt := 1; ; attempt++ {
		err := p.attempt(ctx, batch)
		batch = slices.DeleteFunc(slices.Clone(batch), (*sent).settled)
		if len(batch) == 0 {
			return
		}
		if !passes(ctx, err) || time.Since(began) > p.config.RetryFor || !pause(ctx, attempt) {
			p.figures.gaveUp(ctx, p.log, err, len(batch))
			fail(batch, lasting(err))
			return
		}
		p.figures.retries.WithLabelValues(fault.KindOf(err).String()).Inc()
	}
}

func (p *BatchEventProcessor) attempt(ctx context.Context, batch []*sent) error {
	ctx, cancel := context.WithTimeout(ctx, p.config.WriteTimeout)
	defer cancel()
	return p.repository.insert(ctx, batch)
}

// distinct parts events from those that have the same id as an earlier one: a
// statement may not hold an id twice and say which of the two it wrote.
func distinct(batch []*sent) (first, again []*sent) {
	seen := make(map[string]*sent, len(batch))
	first = make([]*sent, 0, len(batch))
	for _, s := range batch {
		if earlier, twice := seen[s.ID]; twice {
			s.same = earlier
			again = append(again, s)
			continue
		}
		seen[s.ID] = s
		first = append(first, s)
	}
	return first, again
}

// inherit answers repeated events as their first one was answered, and returns
// those whose first one was refused: they may be good.
func inherit(again []*sent) (rest []*sent) {
	for _, s := range again {
		switch a := s.same.answer; {
		case a.id != 0:
			s.answer = duplicate(a.id)
		case a.outcome == nexusv1.EventOutcome_EVENT_OUTCOME_REJECTED:
			rest = append(rest, s)
		default:
			s.answer = a
		}
		s.same = nil
	}
	return rest
}

// fail answers events that could not be written.
func fail(batch []*sent, err error) {
	for _, s := range batch {
		if !s.settled() {
			s.answer = failed(err)
		}
	}
}

// deliver hands the answers to the callers.
func deliver(batch []*sent) {
	for i := 0; i < len(batch); {
		c, n := batch[i].call, 0
		for ; i < len(batch) && batch[i].call == c; i++ {
			c.answers[batch[i].index] = batch[i].answer
			n++
		}
		c.settle(n)
	}
}
