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
		last.Most, last.Peak = l.Waiting, l.cut()
	}
	last.Longest = max(last.Longest, l.At.Sub(l.since()))
}

// What is remembered of a peak: 500 of them must fit into memory and a file.
const (
	mostPeak         = 40
	longestPeakQuery = 300
)

// cut returns the look without most of a long queue: who blocks others stays, and
// then who has waited longest. Waiting still counts everybody.
func (l *Locks) cut() *Locks {
	blocks := map[int32]bool{}
	for i := range l.Waiters {
		for _, pid := range l.Waiters[i].Blockers {
			blocks[pid] = true
		}
	}
	waiters := slices.Clone(l.Waiters)
	slices.SortStableFunc(waiters, func(a, b Waiter) int {
		switch {
		case blocks[a.PID] != blocks[b.PID]:
			if blocks[a.PID] {
				return -1
			}
			return 1
		case a.WaitingSince == nil || b.WaitingSince == nil:
			return 0
		default:
			return a.WaitingSince.Compare(*b.WaitingSince)
		}
	})
	waiters = slices.Clone(waiters[:min(len(waiters), mostPeak)])
	for i := range waiters {
		if text := []rune(waiters[i].Query); len(text) > longestPeakQuery {
			waiters[i].Query = string(text[:longestPeakQuery]) + "…"
		}
	}
	return &Locks{At: l.At, Waiters: waiters, Waiting: l.Waiting}
}

// recall begins with the pile-ups of the process before, oldest first. What went
// on when it ended was not seen to its end.
func (p *pileUps) recall(all []PileUp) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, each := range all[max(len(all)-mostPileUps, 0):] {
		if each.Peak == nil {
			continue
		}
		each.Over = true
		p.all = append(p.all, each)
	}
}

func (p *pileUps) oldestFirst() []PileUp {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.all)
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

// PileUps returns what was seen of locks, newest first: since the start, and
// before it where Options.KeepFile is set.
func (c *PG18StatsCollector) PileUps() []PileUp { return c.pileUps.list() }
