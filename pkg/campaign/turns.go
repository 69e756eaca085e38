package campaign

import (
	"context"
	"sync"
	"time"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// waiter is one call that waits. It is used again for another call afterwards:
// under load every call waits, and a channel and a timer for each would be garbage.
type waiter struct {
	ready   chan struct{} // gets one value when the place is given; of capacity 1, so that the giver never waits
	granted bool
	since   time.Time
	calls   int    // how many calls the place is for
	limits  Limits // of the campaign when the place was given
	timer   *time.Timer
}

var waiters = sync.Pool{New: func() any {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return &waiter{ready: make(chan struct{}, 1), timer: timer}
}}

// ticket is one place in a campaign's share. The zero ticket stands for no admission at all.
type ticket struct {
	admission *Admission
	share     *share
	limits    Limits
}

// wait queues behind the campaign's own callers. It is entered with a.mu held and leaves it unlocked.
func (a *Admission) wait(ctx context.Context, s *share, since time.Time, calls int) (ticket, error) {
	if s.waiting.Len() >= a.config.MaxQueue {
		s.refused += int64(calls)
		a.mu.Unlock()
		return ticket{}, limitedConcurrency(a.config.MaxWait)
	}
	w := waiters.Get().(*waiter)
	defer waiters.Put(w)
	w.granted, w.since, w.calls = false, since, calls
	place := s.waiting.PushBack(w)
	a.line(s)
	a.mu.Unlock()

	w.timer.Reset(a.config.MaxWait)
	defer w.timer.Stop()
	var why error
	select {
	case <-w.ready:
		return ticket{a, s, w.limits}, nil
	case <-ctx.Done():
		why = fault.FromPostgres(ctx.Err())
	case <-w.timer.C:
		why = limitedConcurrency(a.config.MaxWait)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s.refused += int64(calls)
	if w.granted { // given and given up at the same moment: pass it on
		<-w.ready
		a.give(s)
		return ticket{}, why
	}
	s.waiting.Remove(place)
	a.line(s)
	return ticket{}, why
}

func limitedConcurrency(retry time.Duration) error {
	return &fault.Error{Kind: fault.Limited, Field: "max_concurrency", RetryAfter: retry, Message: "the campaign has as much running as it may, and its queue is long"}
}

func (a *Admission) mayRun(s *share) bool {
	return a.running < a.config.Capacity && s.running < a.limitOf(s)
}

func (a *Admission) limitOf(s *share) int {
	if s.limits.MaxConcurrency > 0 {
		return s.limits.MaxConcurrency
	}
	return a.config.DefaultConcurrency
}

func (a *Admission) take(s *share, calls int) ticket {
	a.running++
	s.running++
	s.admitted += int64(calls)
	return ticket{a, s, s.limits}
}

// release gives the place back. The zero ticket has nothing to give.
func (t ticket) release() {
	if t.admission == nil {
		return
	}
	t.admission.mu.Lock()
	t.admission.give(t.share)
	t.admission.mu.Unlock()
}

// give frees a place of s and lets in whose turn it is; a.mu is held.
func (a *Admission) give(s *share) {
	a.running--
	s.running--
	a.line(s)
	a.dispatch()
}

// line puts s in the ring of turns when it has someone who may run, and takes it
// out when not; a.mu is held. A campaign at its own limit does not stand in the ring.
func (a *Admission) line(s *share) {
	wants := s.waiting.Len() > 0 && s.running < a.limitOf(s)
	switch {
	case wants && s.turn == nil:
		s.turn = a.turns.PushBack(s)
	case !wants && s.turn != nil:
		a.turns.Remove(s.turn)
		s.turn = nil
	}
}

// dispatch gives free places to campaigns in turn; a.mu is held.
func (a *Admission) dispatch() {
	for a.running < a.config.Capacity && a.turns.Len() > 0 {
		s := a.turns.Remove(a.turns.Front()).(*share)
		s.turn = nil
		w := s.waiting.Remove(s.waiting.Front()).(*waiter)
		w.limits = a.take(s, w.calls).limits
		w.granted = true
		s.waited += time.Since(w.since)
		w.ready <- struct{}{}
		a.line(s) // behind the others
	}
}
