package monitoring

import (
	"context"
	"slices"
	"time"
)

// Waiter is one session that waits for a lock or holds one that others wait for.
type Waiter struct {
	PID int32 `json:"pid"`
	// Blockers are the sessions that it waits for; 0 among them is a prepared
	// transaction, which belongs to no session.
	Blockers         []int32    `json:"blockers"`
	Login            string     `json:"login"`
	Application      string     `json:"application"`
	State            string     `json:"state"`
	TransactionSince *time.Time `json:"transaction_since"`
	// WaitingSince is nil for one that waits for nobody.
	WaitingSince *time.Time `json:"waiting_since"`
	LockType     string     `json:"lock_type"`
	LockMode     string     `json:"lock_mode"`
	TableName    string     `json:"table"`
	// Query has its constants replaced. For a session that only holds it is the last one it ran.
	Query string `json:"query"`
	// Campaign and QueryName are known for sessions of this process.
	Campaign  int64  `db:"-" json:"campaign_id,omitempty"`
	QueryName string `db:"-" json:"query_name,omitempty"`
}

// Locks is who waited for whom at one moment.
type Locks struct {
	At      time.Time `json:"at"`
	Waiters []Waiter  `json:"waiters"`
	// Waiting is how many of them wait.
	Waiting int `json:"waiting"`
}

// Node is a session with those that wait for it.
type Node struct {
	Waiter
	Waits []*Node `json:"waits"`
	// Below is how many sessions wait for this one, directly or not.
	Below int `json:"below"`
}

// Tree returns the sessions that wait for nobody and are waited for, each with
// those that wait for it, the one with most behind it first. A session that
// waits for several stands below each of them. Sessions that wait for each other
// in a ring, which the server is about to break, stand below one of them.
func (l *Locks) Tree() []*Node {
	byPID := make(map[int32]*Waiter, len(l.Waiters))
	waits := make(map[int32][]int32, len(l.Waiters))
	for i := range l.Waiters {
		w := &l.Waiters[i]
		byPID[w.PID] = w
		for _, b := range w.Blockers {
			if !slices.Contains(waits[b], w.PID) {
				waits[b] = append(waits[b], w.PID)
			}
		}
	}
	placed := map[int32]bool{}
	var grow func(pid int32, path []int32) *Node
	grow = func(pid int32, path []int32) *Node {
		placed[pid] = true
		n := &Node{Waiter: Waiter{PID: pid}}
		if w, ok := byPID[pid]; ok {
			n.Waiter = *w
		}
		path = append(path, pid)
		for _, next := range waits[pid] {
			if slices.Contains(path, next) {
				continue
			}
			child := grow(next, path)
			n.Waits = append(n.Waits, child)
			n.Below += 1 + child.Below
		}
		return n
	}
	var roots []*Node
	for i := range l.Waiters {
		if len(l.Waiters[i].Blockers) == 0 {
			roots = append(roots, grow(l.Waiters[i].PID, nil))
		}
	}
	for i := range l.Waiters {
		if !placed[l.Waiters[i].PID] {
			roots = append(roots, grow(l.Waiters[i].PID, nil))
		}
	}
	slices.SortStableFunc(roots, func(a, b *Node) int { return b.Below - a.Below })
	return roots
}

// CollectLocks looks who waits for whom now, publishes it and keeps it as history.
func (c *PG18StatsCollector) CollectLocks(ctx context.Context) (*Locks, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*c.options.QueryTimeout)
	defer cancel()
	l := &Locks{At: time.Now()}
	sec := &section{name: "locks"}
	s := &Snapshot{}
	sec.read = list(func(_ *Snapshot, v []Waiter) { l.Waiters = v })
	if err := c.readAll(ctx, []*section{sec}, s); err != nil {
		return nil, err
	}
	if sec.failed != nil {
		return nil, unreadable(sec)
	}
	for i := range l.Waiters {
		w := &l.Waiters[i]
		w.Query = Masked(w.Query)
		if len(w.Blockers) > 0 {
			l.Waiting++
		}
		if c.options.Client != nil {
			w.Campaign, w.QueryName = c.options.Client.session(w.PID)
			if w.WaitingSince != nil {
				c.options.Client.sawWait(w.PID, *w.WaitingSince, l.At)
			}
		}
	}
	c.pileUps.add(l, c.options.LockInterval)
	c.locks.set(l)
	return l, nil
}
