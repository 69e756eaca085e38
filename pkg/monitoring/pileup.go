package monitoring

import (
	"slices"
	"sync"
	"time"
)

// PileUp is a time in which sessions waited for locks without a pause, with the
// look at which most of them did.
type PileUp struct {
	From time.Time `json:"from"`
	// To is the last look at which somebody waited.
	To time.Time `json:"to"`
	// Over tells that nobody waits any more.
	Over bool `json:"over"`
	// Most is the greatest number that waited at once, and Peak that look.
	Most int    `json:"most"`
	Peak *Locks `json:"peak"`
	// Longest is the longest wait that was seen.
	Longest time.Duration `json:"longest_ns"`
}

// mostPileUps bounds the memory of pile-ups: a long night of them. Short ones of
// a single session go first.
const mostPileUps = 500

// pileUps keeps what was seen of locks.
type pileUps struct {
	mu  sync.Mutex
	all []PileUp // oldest first
}

func (p *pileUps) add(l *Locks, interval time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	open := len(p.all) > 0 && !p.all[len(p.all)-1].Over
	if l.Waiting == 0 {
		// One look without a waiter may fall between two waits.
		if open && l.At.Sub(p.all[len(p.all)-1].To) > 2*interval {
			p.all[len(p.all)-1].Over = true
		}
		return
	}
	if !open {
		if len(p.all) >= mostPileUps {
			p.drop()
		}
		p.all = append(p.all, PileUp{From: l.since()})
	}
	last := &p.all[len(p.all)-1]
	last.To = l.At
	if l.Waiting > last.Most {
		last.Most, last.Peak = l.Waiting, l
	}
	last.Longest = max(last.Longest, l.At.Sub(l.since()))
}

// drop forgets the least of the older half.
func (p *pileUps) drop() {
	least := 0
	for i := range p.all[:len(p.all)/2] {
		if p.all[i].Longest < p.all[least].Longest {
			least = i
		}
	}
	p.all = slices.Delete(p.all, least, least+1)
}

// since is when the first of those that wait began to.
func (l *Locks) since() time.Time {
	first := l.At
	for i := range l.Waiters {
		if w := l.Waiters[i].WaitingSince; w != nil && w.Before(first) {
			first = *w
		}
	}
	return first
}

func (p *pileUps) list() []PileUp {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := slices.Clone(p.all)
	slices.Reverse(all)
	return all
}

// PileUps returns what was seen of locks since the start, newest first.
func (c *PG18StatsCollector) PileUps() []PileUp { return c.pileUps.list() }
