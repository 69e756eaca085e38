package monitoring

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// CampaignUse is what one campaign has had of this process since its start.
type CampaignUse struct {
	// Campaign is 0 for statements outside any campaign, and -1 for those of campaigns for which there was no room.
	Campaign int64   `json:"campaign_id"`
	Calls    int64   `json:"calls"`
	Errors   int64   `json:"errors"`
	Rows     int64   `json:"rows"`
	Seconds  float64 `json:"seconds"`
	// QueuedSeconds is the time spent waiting for a connection of the pool.
	QueuedSeconds float64 `json:"queued_seconds"`
	// Plain and Optimised count the calls that each side of a twin answered.
	Plain     int64     `json:"plain"`
	Optimised int64     `json:"optimised"`
	LastSeen  time.Time `json:"last_seen"`

	// CallsPerS and PoolShare are of the time since the snapshot before. PoolShare is
	// the share of all statements' time that was this campaign's, 0 to 1.
	CallsPerS *float64 `json:"calls_per_s"`
	PoolShare *float64 `json:"pool_share"`
	MeanMS    *float64 `json:"mean_ms"`
}

// overflow stands for campaigns for which there is no room.
const overflow campaign.ID = -1

// mostCampaigns bounds the campaigns that are told apart; idleCampaign is how
// long one must be quiet before it makes room for another.
const (
	mostCampaigns = 1000
	idleCampaign  = time.Hour
)

type campaignTable struct {
	mu   sync.Mutex
	rows map[campaign.ID]*CampaignUse
}

func (t *campaignTable) row(id campaign.ID, now time.Time) *CampaignUse {
	if t.rows == nil {
		t.rows = map[campaign.ID]*CampaignUse{}
	}
	r, ok := t.rows[id]
	if !ok {
		if len(t.rows) >= mostCampaigns && id != overflow && !t.makeRoom(now) {
			return t.row(overflow, now)
		}
		r = &CampaignUse{Campaign: id.Int64()}
		t.rows[id] = r
	}
	r.LastSeen = now
	return r
}

func (t *campaignTable) makeRoom(now time.Time) bool {
	for id, r := range t.rows {
		if id > 0 && now.Sub(r.LastSeen) > idleCampaign {
			delete(t.rows, id)
			return true
		}
	}
	return false
}

func (t *campaignTable) add(id campaign.ID, side string, took time.Duration, rows int64, failed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.row(id, time.Now())
	r.Calls++
	r.Rows += rows
	r.Seconds += took.Seconds()
	if failed {
		r.Errors++
	}
	switch side {
	case twin.Plain.String():
		r.Plain++
	case twin.Optimised.String():
		r.Optimised++
	}
}

func (t *campaignTable) waited(id campaign.ID, d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.row(id, time.Now()).QueuedSeconds += d.Seconds()
}

// list returns all campaigns, the one with most time first.
func (t *campaignTable) list() []CampaignUse {
	t.mu.Lock()
	all := make([]CampaignUse, 0, len(t.rows))
	for _, r := range t.rows {
		all = append(all, *r)
	}
	t.mu.Unlock()
	slices.SortFunc(all, func(a, b CampaignUse) int {
		return cmp.Or(cmp.Compare(b.Seconds, a.Seconds), cmp.Compare(a.Campaign, b.Campaign))
	})
	return all
}
