package twin

import (
	"maps"
	"slices"
	"time"

	"github.com/ovasabi/ovasabi/pkg/campaign"
)

// EveryTwin stands in a flag for all twins that have no row of their own.
const EveryTwin = "*"

// defaultShare is what holds where the table says nothing: the optimised side answers.
const defaultShare = 100

// rules are the flags of one campaign, or of all of them.
type rules struct {
	byTwin map[string]uint8
	star   int16 // -1 where there is no row for EveryTwin
}

// snapshot is the whole flag table at one moment. It never changes, so that
// lookups need no lock: a new one replaces it.
type snapshot struct {
	every    rules
	own      map[campaign.ID]*rules
	rows     int
	digest   int64 // PostgreSQL's hash of every row, xored: equal digests and counts mean equal tables
	loadedAt time.Time
}

// row is one flag as the table holds it.
type row struct {
	campaignID int64
	twin       string
	percentage int16
	digest     int64
}

func newSnapshot(rows []row, at time.Time) *snapshot {
	s := &snapshot{
		every:    rules{byTwin: map[string]uint8{}, star: -1},
		own:      map[campaign.ID]*rules{},
		rows:     len(rows),
		loadedAt: at,
	}
	for _, r := range rows {
		s.digest ^= r.digest
		target := &s.every
		if r.campaignID != 0 {
			id := campaign.ID(r.campaignID)
			if s.own[id] == nil {
				s.own[id] = &rules{byTwin: map[string]uint8{}, star: -1}
			}
			target = s.own[id]
		}
		if r.twin == EveryTwin {
			target.star = r.percentage
		} else {
			target.byTwin[r.twin] = uint8(r.percentage)
		}
	}
	return s
}

// find returns the percentage that these rules give the twin.
func (r *rules) find(name string) (uint8, bool) {
	if p, ok := r.byTwin[name]; ok {
		return p, true
	}
	if r.star >= 0 {
		return uint8(r.star), true
	}
	return 0, false
}

// origin says which row decided.
type origin uint8

const (
	fromDefault origin = iota
	fromEvery
	fromCampaign
)

// share applies the precedence: the campaign's row for the twin, the campaign's
// row for every twin, the common row for the twin, the common row for every
// twin, the default.
func (s *snapshot) share(id campaign.ID, name string) (uint8, origin) {
	if own, ok := s.own[id]; ok {
		if p, ok := own.find(name); ok {
			return p, fromCampaign
		}
	}
	if p, ok := s.every.find(name); ok {
		return p, fromEvery
	}
	return defaultShare, fromDefault
}

// changed returns the twins whose flags differ between two snapshots, sorted, EveryTwin
// among them where a row for all of them does.
func changed(before, after *snapshot) []string {
	names := map[string]struct{}{}
	diff := func(a, b *rules) {
		for name, p := range a.byTwin {
			if q, ok := b.byTwin[name]; !ok || q != p {
				names[name] = struct{}{}
			}
		}
		for name := range b.byTwin {
			if _, ok := a.byTwin[name]; !ok {
				names[name] = struct{}{}
			}
		}
		if a.star != b.star {
			names[EveryTwin] = struct{}{}
		}
	}
	none := &rules{star: -1}
	diff(&before.every, &after.every)
	for id, a := range before.own {
		b := after.own[id]
		if b == nil {
			b = none
		}
		diff(a, b)
	}
	for id, b := range after.own {
		if before.own[id] == nil {
			diff(none, b)
		}
	}
	return slices.Sorted(maps.Keys(names))
}
