package load

import (
	"container/heap"
	"slices"

	"github.com/ovasabi/ovasabi/pkg/campaign"
)

// shelf holds the rows that wait to be written, by campaign.
//
// A campaign's rows leave in their order. They leave when they fill a batch; when
// the shelf is full, which is judged by bytes over all campaigns, the largest
// campaign leaves first. So many campaigns that take turns make batches as large as
// memory allows, and never more than it allows.
//
// Several flushes of one campaign may be under way, but never two that have a unique
// value in common: the later one waits for the earlier, so that of two lines the
// earlier is kept.
type shelf struct {
	batchRows int
	most      int // bytes
	bytes     int // of all rows here and under way
	// uniques are the values of a row that no other row of its campaign may have.
	uniques   func(*row) []string
	campaigns map[campaign.ID]*pile
	idle      pileHeap // those with rows, and none under way
	ready     []*pile  // those that fill a batch and need not wait, first come first
}

type pile struct {
	campaign campaign.ID
	rows     []*row
	bytes    int
	underWay []*flush
	place    int  // in the heap, -1 when not there
	queued   bool // in ready
}

// flush is a batch of one campaign, and what became of it.
type flush struct {
	campaign campaign.ID
	rows     []*row
	bytes    int
	taken    map[string]struct{} // the rows' unique values, once somebody has asked

	accepted, duplicates int64
	rejections           []Rejection
	err                  error
}

// batchBytes is how many bytes of one campaign are written together.
const batchBytes = 4 << 20

func newShelf(batchRows, most int, uniques func(*row) []string) *shelf {
	return &shelf{batchRows: batchRows, most: most, uniques: uniques, campaigns: map[campaign.ID]*pile{}}
}

// full says that nothing more should be put here.
func (s *shelf) full() bool { return s.bytes >= s.most }

func (s *shelf) add(id campaign.ID, r *row) {
	p := s.campaigns[id]
	if p == nil {
		p = &pile{campaign: id, place: -1}
		s.campaigns[id] = p
	}
	p.rows = append(p.rows, r)
	p.bytes += r.bytes
	s.bytes += r.bytes
	s.sort(p)
}

// sort puts the pile where take looks for it.
func (s *shelf) sort(p *pile) {
	if len(p.rows) == 0 {
		return
	}
	if len(p.underWay) == 0 {
		if p.place < 0 {
			heap.Push(&s.idle, p)
		} else {
			heap.Fix(&s.idle, p.place)
		}
	}
	if !p.queued && (len(p.rows) >= s.batchRows || p.bytes >= batchBytes) {
		p.queued = true
		s.ready = append(s.ready, p)
	}
}

// take returns a batch to write now, or nil. At the end of the input everything goes.
func (s *shelf) take(end bool) *flush {
	for {
		var p *pile
		switch {
		case len(s.ready) > 0:
			p, s.ready = s.ready[0], s.ready[1:]
			p.queued = false
		case s.idle.Len() > 0 && (end || s.full()):
			p = s.idle.piles[0]
		default:
			return nil
		}
		if f := s.flush(p); f != nil {
			return f
		} // else its first row waits for what is under way
	}
}

// flush takes the first rows of the pile, up to one that must wait, or none.
func (s *shelf) flush(p *pile) *flush {
	f := &flush{campaign: p.campaign}
	n := 0
	for n < len(p.rows) && n < s.batchRows && (n == 0 || f.bytes+p.rows[n].bytes <= batchBytes) && !s.mustWait(p, p.rows[n]) {
		f.bytes += p.rows[n].bytes
		n++
	}
	if n == 0 {
		return nil
	}
	f.rows = p.rows[:n:n]
	p.rows = append([]*row(nil), p.rows[n:]...)
	p.bytes -= f.bytes
	if p.place >= 0 {
		heap.Remove(&s.idle, p.place)
	}
	p.underWay = append(p.underWay, f)
	s.sort(p)
	return f
}

// mustWait reports whether a row that is under way has a unique value of this one.
func (s *shelf) mustWait(p *pile, r *row) bool {
	if len(p.underWay) == 0 {
		return false
	}
	values := s.uniques(r)
	for _, f := range p.underWay {
		if f.taken == nil {
			f.taken = make(map[string]struct{}, len(f.rows))
			for _, r := range f.rows {
				for _, v := range s.uniques(r) {
					f.taken[v] = struct{}{}
				}
			}
		}
		for _, v := range values {
			if _, taken := f.taken[v]; taken {
				return true
			}
		}
	}
	return false
}

// back takes note that a batch is no longer under way.
func (s *shelf) back(f *flush) {
	s.bytes -= f.bytes
	p := s.campaigns[f.campaign]
	p.underWay = slices.DeleteFunc(p.underWay, func(one *flush) bool { return one == f })
	if len(p.rows) == 0 && len(p.underWay) == 0 {
		delete(s.campaigns, f.campaign)
		return
	}
	s.sort(p)
}

// pileHeap has the pile of most bytes first.
type pileHeap struct{ piles []*pile }

// Len is sort.Interface's.
func (h *pileHeap) Len() int { return len(h.piles) }

// Less is sort.Interface's.
func (h *pileHeap) Less(i, j int) bool { return h.piles[i].bytes > h.piles[j].bytes }

// Swap is sort.Interface's.
func (h *pileHeap) Swap(i, j int) {
	h.piles[i], h.piles[j] = h.piles[j], h.piles[i]
	h.piles[i].place, h.piles[j].place = i, j
}

// Push is heap.Push's.
func (h *pileHeap) Push(x any) {
	p := x.(*pile)
	p.place = len(h.piles)
	h.piles = append(h.piles, p)
}

// Pop is heap.Pop's.
func (h *pileHeap) Pop() any {
	last := len(h.piles) - 1
	p := h.piles[last]
	h.piles[last] = nil
	h.piles = h.piles[:last]
	p.place = -1
	return p
}
