package nexus

import (
	"context"
	"maps"
	"slices"

	"github.com/ovasabi/ovasabi/pkg/campaign"
)

const (
	// followBatch is how many events one read returns.
	followBatch = 500
	// maxSent bounds what a follower remembers of events that it handed out ahead of
	// its position. While a writer keeps its transaction open for longer than this
	// many events, the follower waits for it.
	maxSent = 50_000
	// lookBack is how far below the newest id a new follower looks for rows that
	// were not committed yet.
	lookBack = 10_000
)

// follower hands out the events of one campaign, each at least once.
//
// Ids are given when a row is written and seen when it is committed, so rows
// appear out of order. The follower hands out what it sees at once, but moves its
// position, from which a broken subscription goes on, only past ids below which
// nothing can appear any more: it notes the newest id and who is writing after
// that, and waits until all of those have ended.
type follower struct {
	repository repository
	campaign   campaign.ID
	patterns   []string // for LIKE; empty: all

	position int64              // every event up to here was handed out
	sent     map[int64]struct{} // ids above position that were handed out

	// A mark is an id up to which the writers named may still add rows.
	marked  bool
	upper   int64
	writers map[string]struct{}
}

// begin sets the position: after an id where the caller knows one, else after what is there now.
func (f *follower) begin(ctx context.Context, after int64, fromNow bool) error {
	f.sent = map[int64]struct{}{}
	f.position = after
	if !fromNow {
		return nil
	}
	g, err := f.repository.look(ctx, f.campaign.Int64())
	if err != nil {
		return err
	}
	if len(g.writers) == 0 {
		f.position = g.newest
		return nil
	}
	// Somebody is writing below the newest id. What can be seen there now is the past; what appears there later is not.
	f.position = max(0, g.newest-lookBack)
	past, err := f.repository.recent(ctx, f.campaign.Int64(), f.position)
	for _, id := range past {
		f.sent[id] = struct{}{}
	}
	return err
}

// step looks once and hands out what is new. handOut is given each event with the
// position from which to go on after it.
func (f *follower) step(ctx context.Context, handOut func(r row, position int64) error) error {
	g, err := f.repository.look(ctx, f.campaign.Int64())
	if err != nil {
		return err
	}
	f.mark(g)
	if f.marked && len(f.writers) == 0 {
		// Nothing appears any more up to the mark, so these come in order and the position goes with them.
		if err := f.settle(ctx, handOut); err != nil {
			return err
		}
	}
	return f.ahead(ctx, g.newest, handOut)
}

func (f *follower) mark(g glance) {
	if f.marked {
		maps.DeleteFunc(f.writers, func(w string, _ struct{}) bool { return !slices.Contains(g.writers, w) })
		return
	}
	if g.newest <= f.position {
		return
	}
	f.marked, f.upper = true, g.newest
	f.writers = make(map[string]struct{}, len(g.writers))
	for _, w := range g.writers {
		f.writers[w] = struct{}{}
	}
}

func (f *follower) settle(ctx context.Context, handOut func(r row, position int64) error) error {
	for {
		rows, err := f.repository.follow(ctx, f.campaign.Int64(), f.position, f.upper, f.sentUpTo(f.upper), f.patterns, followBatch)
		if err != nil {
			return err
		}
		for _, r := range rows {
			f.moveTo(r.ID)
			if err := handOut(r, f.position); err != nil {
				return err
			}
		}
		if len(rows) < followBatch {
			f.moveTo(f.upper)
			f.marked = false
			return nil
		}
	}
}

// ahead hands out what can be seen above the position, which stays.
func (f *follower) ahead(ctx context.Context, newest int64, handOut func(r row, position int64) error) error {
	after := f.position
	for newest > after && len(f.sent) < maxSent {
		rows, err := f.repository.follow(ctx, f.campaign.Int64(), after, newest, f.sentUpTo(newest), f.patterns, followBatch)
		if err != nil {
			return err
		}
		for _, r := range rows {
			f.sent[r.ID] = struct{}{}
			after = r.ID
			if err := handOut(r, f.position); err != nil {
				return err
			}
		}
		if len(rows) < followBatch {
			return nil
		}
	}
	return nil
}

func (f *follower) moveTo(id int64) {
	f.position = id
	maps.DeleteFunc(f.sent, func(sent int64, _ struct{}) bool { return sent <= id })
}

func (f *follower) sentUpTo(id int64) []int64 {
	ids := make([]int64, 0, len(f.sent))
	for sent := range f.sent {
		if sent <= id {
			ids = append(ids, sent)
		}
	}
	return ids
}
