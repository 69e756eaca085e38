package load

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/ovasabi/ovasabi/pkg/campaign"
)

// Whatever comes in whichever order: all rows leave once, a campaign's in their
// order and in one flush at a time, and the shelf holds no more than it may.
func TestTheShelfKeepsOrderAndBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		batchRows := rapid.IntRange(1, 20).Draw(t, "batch rows")
		most := rapid.IntRange(1_000, 50_000).Draw(t, "bytes")
		campaigns := rapid.IntRange(1, 30).Draw(t, "campaigns")
		total := rapid.IntRange(0, 400).Draw(t, "rows")
		s := newShelf(batchRows, most)
		next := map[campaign.ID]int64{}
		underWay := map[campaign.ID]*flush{}
		left, added := map[campaign.ID]int64{}, 0
		largest := 0
		for added < total || s.bytes > 0 {
			if added < total && !s.full() && rapid.Bool().Draw(t, "add") {
				id := campaign.ID(rapid.IntRange(1, campaigns).Draw(t, "campaign"))
				r := &row{bytes: rapid.IntRange(1, 3_000).Draw(t, "size")}
				next[id]++
				r.number = next[id]
				largest = max(largest, r.bytes)
				s.add(id, r)
				added++
			}
			if s.bytes >= most+largest {
				t.Fatalf("%d bytes on a shelf for %d, with rows of at most %d", s.bytes, most, largest)
			}
			if f := s.take(added == total); f != nil {
				if underWay[f.campaign] != nil || len(f.rows) == 0 || len(f.rows) > batchRows {
					t.Fatalf("a flush of %d rows, another under way: %v", len(f.rows), underWay[f.campaign] != nil)
				}
				underWay[f.campaign] = f
				for _, r := range f.rows {
					if left[f.campaign]++; r.number != left[f.campaign] {
						t.Fatalf("row %d of campaign %d left as number %d", r.number, f.campaign, left[f.campaign])
					}
				}
			} else if s.full() && len(underWay) == 0 {
				t.Fatal("the shelf is full, nothing is under way, and nothing leaves")
			}
			for id, f := range underWay {
				if rapid.Bool().Draw(t, "done") {
					s.back(f)
					delete(underWay, id)
				}
				break
			}
		}
		for id, n := range next {
			if left[id] != n {
				t.Fatalf("%d of %d rows of campaign %d left", left[id], n, id)
			}
		}
		if len(s.campaigns) != 0 || s.idle.Len() != 0 || len(s.ready) != 0 {
			t.Fatalf("an empty shelf holds %d campaigns, %d idle, %d ready", len(s.campaigns), s.idle.Len(), len(s.ready))
		}
	})
}

// 500 campaigns take turns, line by line, with room for 10,000 rows: batches are
// of 10 rows or more, where flushing in the order of arrival would make them of one.
func TestCampaignsThatTakeTurnsStillMakeBatches(t *testing.T) {
	const campaigns, rows, size = 500, 100_000, 1_000
	s := newShelf(1_000, 10_000*size)
	flushes, written := 0, 0
	write := func(end bool) {
		for f := s.take(end); f != nil; f = s.take(end) {
			flushes++
			written += len(f.rows)
			s.back(f)
			if !end && !s.full() {
				return
			}
		}
	}
	for i := range rows {
		s.add(campaign.ID(i%campaigns+1), &row{bytes: size})
		write(false)
	}
	write(true)
	if written != rows || flushes > rows/10 {
		t.Errorf("%d rows in %d flushes", written, flushes)
	}
}
