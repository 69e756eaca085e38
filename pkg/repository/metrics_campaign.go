package repository

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ovasabi/ovasabi/pkg/campaign"
)

// campaignShares counts operations and their time for the campaigns with the
// most load, and for all others together. A campaign takes a place of its own, or
// loses it, when a round ends; what it did meanwhile stays where it was counted,
// so that every series only grows.
type campaignShares struct {
	top   int
	shown atomic.Pointer[map[campaign.ID]*share] // read without a lock
	rest  share

	now func() time.Time

	mu      sync.Mutex
	sketch  map[campaign.ID]int64 // of campaigns without a place: at most sketchFactor*top
	began   time.Time
	seconds *prometheus.Desc
	count   *prometheus.Desc
}

// share is what one campaign, or all others, did.
type share struct {
	count, nanoseconds atomic.Int64
	atRound            int64 // nanoseconds when the round began
}

func (s *share) add(took time.Duration) {
	s.count.Add(1)
	s.nanoseconds.Add(int64(took))
}

const (
	// campaignRound is how long load is gathered before the places are given anew.
	campaignRound = 10 * time.Second
	sketchFactor  = 4
)

func newCampaignShares(top int) *campaignShares {
	s := &campaignShares{
		top: top, now: time.Now, sketch: map[campaign.ID]int64{}, began: time.Now(),
		seconds: prometheus.NewDesc("ovasabi_campaign_operation_seconds_total", "Time of a campaign's operations; other is all campaigns without a place among the first.", []string{"campaign"}, nil),
		count:   prometheus.NewDesc("ovasabi_campaign_operations_total", "Operations of a campaign; other is all campaigns without a place among the first.", []string{"campaign"}, nil),
	}
	s.shown.Store(&map[campaign.ID]*share{})
	return s
}

func (s *campaignShares) observe(id campaign.ID, took time.Duration) {
	if found, ok := (*s.shown.Load())[id]; ok {
		found.add(took)
		return
	}
	s.observeOther(id, took)
}

func (s *campaignShares) observeOther(id campaign.ID, took time.Duration) {
	if s.top == 0 {
		s.rest.add(took)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	shown := *s.shown.Load()
	if len(shown) < s.top {
		if _, ok := shown[id]; !ok {
			s.show(shown, id)
		}
		(*s.shown.Load())[id].add(took)
		return
	}
	s.rest.add(took)
	s.note(id, int64(took))
	if s.now().Sub(s.began) >= campaignRound {
		s.giveAnew()
	}
}

func (s *campaignShares) show(before map[campaign.ID]*share, id campaign.ID) {
	after := make(map[campaign.ID]*share, len(before)+1)
	maps.Copy(after, before)
	after[id] = &share{}
	s.shown.Store(&after)
}

// note is the Space-Saving sketch: a campaign that finds no room takes that of
// the smallest and inherits its weight, so that a heavy one is never missed.
// Source: Metwally, Agrawal, El Abbadi, "Efficient Computation of Frequent and Top-k Elements in Data Streams", 2005.
func (s *campaignShares) note(id campaign.ID, weight int64) {
	if _, ok := s.sketch[id]; ok || len(s.sketch) < sketchFactor*s.top {
		s.sketch[id] += weight
		return
	}
	var smallest campaign.ID
	least := int64(-1)
	for other, w := range s.sketch {
		if least < 0 || w < least {
			smallest, least = other, w
		}
	}
	delete(s.sketch, smallest)
	s.sketch[id] = least + weight
}

// giveAnew gives the places to the heaviest of this round. A newcomer must have
// twice the load of the one that it replaces, so that equals do not take turns.
func (s *campaignShares) giveAnew() {
	type load struct {
		id     campaign.ID
		weight int64
	}
	shown := *s.shown.Load()
	var inside, outside []load
	for id, sh := range shown {
		now := sh.nanoseconds.Load()
		inside = append(inside, load{id, now - sh.atRound})
		sh.atRound = now
	}
	for id, weight := range s.sketch {
		outside = append(outside, load{id, weight})
	}
	slices.SortFunc(inside, func(a, b load) int { return cmp.Compare(a.weight, b.weight) })
	slices.SortFunc(outside, func(a, b load) int { return cmp.Compare(b.weight, a.weight) })
	after := make(map[campaign.ID]*share, len(shown))
	maps.Copy(after, shown)
	for i := range min(len(inside), len(outside)) {
		if outside[i].weight <= 2*inside[i].weight {
			break
		}
		delete(after, inside[i].id)
		after[outside[i].id] = &share{}
	}
	s.shown.Store(&after)
	clear(s.sketch)
	s.began = s.now()
}

// Describe implements prometheus.Collector.
func (s *campaignShares) Describe(ch chan<- *prometheus.Desc) {
	ch <- s.seconds
	ch <- s.count
}

// Collect implements prometheus.Collector.
func (s *campaignShares) Collect(ch chan<- prometheus.Metric) {
	send := func(label string, sh *share) {
		ch <- prometheus.MustNewConstMetric(s.seconds, prometheus.CounterValue, time.Duration(sh.nanoseconds.Load()).Seconds(), label)
		ch <- prometheus.MustNewConstMetric(s.count, prometheus.CounterValue, float64(sh.count.Load()), label)
	}
	for id, sh := range *s.shown.Load() {
		send(id.String(), sh)
	}
	send(other, &s.rest)
}
