package load

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ovasabi/ovasabi/pkg/campaign"
)

// byKey has one unique value a row.
func byKey(r *row) []string { return []string{r.values[0].(string)} }

// Whatever comes in whichever order: all rows leave once, a campaign's in their
// order, no value is under way twice, and the shelf holds no more than it may.
func TestTheShelfKeepsOrderAndBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		batchRows := rapid.IntRange(1, 20).Draw(t, "batch rows")
		most := rapid.IntRange(1_000, 50_000).Draw(t, "bytes")
		campaigns := rapid.IntRange(1, 30).Draw(t, "campaigns")
		keys := rapid.IntRange(1, 200).Draw(t, "keys")
		total := rapid.IntRange(0, 400).Draw(t, "rows")
		s := newShelf(batchRows, most, byKey)
		next := map[campaign.ID]int64{}
		var underWay []*flush
		keysUnderWay := map[string]*flush{}
		left, added := map[campaign.ID]int64{}, 0
		largest := 0
		for added < total || s.bytes > 0 {
			if added < total && !s.full() && rapid.Bool().Draw(t, "add") {
				id := campaign.ID(rapid.IntRange(1, campaigns).Draw(t, "campaign"))
				r := &row{bytes: rapid.IntRange(1, 3_000).Draw(t, "size"), values: []any{fmt.Sprint(rapid.IntRange(1, keys).Draw(t, "key"))}}
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
				if len(f.rows) == 0 || len(f.rows) > batchRows {
					t.Fatalf("a flush of %d rows", len(f.rows))
				}
				underWay = append(underWay, f)
				for _, r := range f.rows {
					if left[f.campaign]++; r.number != left[f.campaign] {
						t.Fatalf("row %d of campaign %d left as number %d", r.number, f.campaign, left[f.campaign])
					}
					key := fmt.Sprint(f.campaign, "/", r.values[0])
					if other := keysUnderWay[key]; other != nil && other != f {
						t.Fatalf("key %s is under way in two flushes", key)
					}
					keysUnderWay[key] = f
				}
			} else if len(underWay) == 0 && (s.full() || added == total && s.bytes > 0) {
				t.Fatal("nothing is under way, and nothing leaves")
			}
			if len(underWay) > 0 && rapid.Bool().Draw(t, "done") {
				n := rapid.IntRange(0, len(underWay)-1).Draw(t, "which")
				f := underWay[n]
				underWay = slices.Delete(underWay, n, n+1)
				s.back(f)
				maps.DeleteFunc(keysUnderWay, func(_ string, of *flush) bool { return of == f })
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

// One campaign keeps several writers busy, and what must wait holds up only itself.
func TestOneCampaignLeavesInSeveralFlushes(t *testing.T) {
	s := newShelf(10, 1<<20, byKey)
	add := func(key string) { s.add(1, &row{bytes: 1, values: []any{key}}) }
	for i := range 25 {
		add(fmt.Sprint(i))
	}
	first, second := s.take(false), s.take(false)
	require.Len(t, first.rows, 10)
	require.Len(t, second.rows, 10)
	require.Nil(t, s.take(false), "the rest does not fill a batch")
	for range 5 {
		add("3") // under way in the first
	}
	third := s.take(false)
	require.Len(t, third.rows, 5)
	for range 10 {
		add("3")
	}
	require.Nil(t, s.take(true))
	s.back(second)
	require.Nil(t, s.take(true))
	s.back(first)
	require.Len(t, s.take(true).rows, 10)
}

// 500 campaigns take turns, line by line, with room for 10,000 rows: batches are
// of 10 rows or more, where flushing in the order of arrival would make them of one.
func TestCampaignsThatTakeTurnsStillMakeBatches(t *testing.T) {
	const campaigns, rows, size = 500, 100_000, 1_000
	s := newShelf(1_000, 10_000*size, byKey)
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
		s.add(campaign.ID(i%campaigns+1), &row{bytes: size, values: []any{""}})
		write(false)
	}
	write(true)
	if written != rows || flushes > rows/10 {
		t.Errorf("%d rows in %d flushes", written, flushes)
	}
}
