package nexus

import (
	"container/list"
	"slices"
	"time"

	"github.com/ovasabi/ovasabi/pkg/campaign"
)

// queue holds one campaign's events that are not being written yet. BatchEventProcessor.mu guards it.
type queue struct {
	id    campaign.ID
	items []*sent // first come first
	bytes int     // of items
	since time.Time

	// held and heldBytes count the items and those that are being written.
	held, heldBytes int

	waiting *list.List    // *waiter, first come first
	blocked *list.Element // in buffer.blocked, or nil
	ready   bool          // is in buffer.ready
	flights int           // flushes of it under way
	flown   int           // events in those
	due     bool          // an item has waited for flushTimeout
	timer   *time.Timer   // sets due; nil before the first use

	// expected is how many events are likely to come soon after the last flush.
	expected int
}

func (q *queue) idle() bool { return q.held == 0 && q.waiting.Len() == 0 && q.flights == 0 && !q.ready }

// buffer holds what was taken in and is not written, for all campaigns.
// BatchEventProcessor.mu guards it.
type buffer struct {
	mostEvents, mostBytes int

	queues    map[campaign.ID]*queue
	sweepAt   int
	events    int
	bytes     int
	waiting   int // callers' parts that wait for room
	waitBytes int

	blocked list.List // *queue: campaigns with a waiter, whose turn is next first
	ready   list.List // *queue: campaigns to flush, whose turn is next first
}

func newBuffer(mostEvents, mostBytes int) buffer {
	return buffer{mostEvents: mostEvents, mostBytes: mostBytes, queues: map[campaign.ID]*queue{}, sweepAt: 1024}
}

func (b *buffer) queueOf(id campaign.ID) *queue {
	q := b.queues[id]
	if q != nil {
		return q
	}
	if len(b.queues) >= b.sweepAt {
		for id, q := range b.queues {
			if q.idle() {
				delete(b.queues, id)
			}
		}
		b.sweepAt = max(1024, 2*len(b.queues))
	}
	q = &queue{id: id, waiting: list.New()}
	b.queues[id] = q
	return q
}

// wait puts a caller's part behind those of its campaign.
func (b *buffer) wait(w *waiter) {
	w.place = w.queue.waiting.PushBack(w)
	b.waiting++
	b.waitBytes += w.bytes
	if w.queue.blocked == nil {
		w.queue.blocked = b.blocked.PushBack(w.queue)
	}
}

// leave takes out a part that has nothing left to wait for, or that was given up.
func (b *buffer) leave(w *waiter) {
	if w.place == nil {
		return
	}
	w.queue.waiting.Remove(w.place)
	w.place = nil
	b.waiting--
	b.waitBytes -= w.bytes
	w.items, w.bytes = nil, 0
	if q := w.queue; q.waiting.Len() == 0 && q.blocked != nil {
		b.blocked.Remove(q.blocked)
		q.blocked = nil
	}
}

// turn is how many events of one campaign enter before it is another's turn.
const turn = 64

// place lets waiting events in as far as there is room, the campaigns in turn.
// entered is told of every queue that got some.
func (b *buffer) place(entered func(q *queue)) {
	for misses := 0; misses < b.blocked.Len(); {
		q := b.blocked.Front().Value.(*queue)
		n, full := b.placeTurn(q)
		if n > 0 {
			entered(q)
			misses = 0
		}
		if full {
			return // whoever is first stays first, so that a large event is not passed by forever
		}
		if q.blocked != nil {
			b.blocked.MoveToBack(q.blocked)
			if n == 0 {
				misses++
			}
		}
	}
}

// placeTurn lets in a campaign's next events. full says that there is no room for anybody.
func (b *buffer) placeTurn(q *queue) (n int, full bool) {
	for n < turn && q.waiting.Len() > 0 {
		w := q.waiting.Front().Value.(*waiter)
		for n < turn && len(w.items) > 0 {
			s := w.items[0]
			fits, full := b.room(q, s.size)
			if !fits {
				return n, full
			}
			b.add(q, s)
			w.items[0] = nil
			w.items = w.items[1:]
			w.bytes -= s.size
			b.waitBytes -= s.size
			n++
			if s.call.unplaced--; s.call.unplaced == 0 {
				close(s.call.placed)
			}
		}
		if len(w.items) == 0 {
			b.leave(w)
		}
	}
	return n, false
}

// room reports whether an event of the campaign may enter. A campaign may hold at
// most as much as is left free, so that one that cannot be written, or that sends
// more than all others, leaves room for them ("dynamic thresholds").
// Source: Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory
// packet switches", IEEE/ACM Transactions on Networking 6(2), 1998.
func (b *buffer) room(q *queue, size int) (fits, full bool) {
	if b.events == 0 {
		return true, false
	}
	freeEvents, freeBytes := b.mostEvents-b.events, b.mostBytes-b.bytes
	if freeEvents < 1 || freeBytes < size {
		return false, true
	}
	return q.held < freeEvents && q.heldBytes+size <= freeBytes, false
}

func (b *buffer) add(q *queue, s *sent) {
	if len(q.items) == 0 {
		q.since = time.Now()
	}
	q.items = append(q.items, s)
	q.bytes += s.size
	q.held++
	q.heldBytes += s.size
	b.events++
	b.bytes += s.size
}

// take takes the next flush out of the queue; its room is given back by release.
// aloneOnly ends it before the first event that keeps to an order.
func (b *buffer) take(q *queue, mostEvents, mostBytes int, aloneOnly bool) []*sent {
	n, bytes := 0, 0
	for n < len(q.items) && n < mostEvents {
		size := q.items[n].size
		if n > 0 && (bytes+size > mostBytes || aloneOnly && !q.items[n].alone) {
			break
		}
		bytes += size
		n++
	}
	batch := slices.Clone(q.items[:n])
	clear(q.items[:n])
	q.items = q.items[n:]
	q.bytes -= bytes
	if len(q.items) == 0 {
		q.items = nil
	} else {
		q.since = time.Now() // those that stay have waited for this flush, not for others of their own
	}
	return batch
}

// release gives back the room of events that are written, or given up.
func (b *buffer) release(q *queue, batch []*sent) {
	bytes := 0
	for _, s := range batch {
		bytes += s.size
	}
	q.held -= len(batch)
	q.heldBytes -= bytes
	b.events -= len(batch)
	b.bytes -= bytes
}
