package dashboard

import (
	"net/http"

	"github.com/a-h/templ"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/monitoring"
)

// useRow is what one campaign does in this process.
type useRow struct {
	monitoring.CampaignUse
	name string
	load campaign.Load
}

func (d *Dashboard) campaigns(r *http.Request) (templ.Component, error) {
	b, err := d.browse(r)
	if err != nil {
		_, _ = d.problem(r, err) // it is said in place
		b.refused = sentence(err)
	}
	l := d.campaignList(r)
	for _, row := range l.rows {
		b.names[row.ID] = row.Name
	}
	live, err := d.campaignsLive(r)
	if err != nil {
		return nil, err
	}
	return templ.Join(live, campaignTable("What they hold", l), browser("/dashboard/campaigns", b)), nil
}

func (d *Dashboard) campaignsLive(*http.Request) (templ.Component, error) {
	s := d.snapshot()
	if s == nil {
		return liveBox(waiting(d.Collector != nil)), nil
	}
	loads := map[int64]campaign.Load{}
	if d.Loads != nil {
		for _, load := range d.Loads() {
			loads[load.Campaign.Int64()] = load
		}
	}
	d.counts.mu.Lock()
	names := make(map[int64]string, len(d.counts.rows))
	for _, row := range d.counts.rows {
		names[row.ID] = row.Name
	}
	d.counts.mu.Unlock()
	rows := make([]useRow, 0, len(s.Campaigns))
	for _, u := range s.Campaigns {
		rows = append(rows, useRow{CampaignUse: u, name: campaignName(u.Campaign, names), load: loads[u.Campaign]})
	}
	return liveBox(campaignUse(rows[:min(len(rows), mostCampaigns)], s.Client != nil)), nil
}

func campaignName(id int64, names map[int64]string) string {
	switch {
	case id == 0:
		return "outside any campaign"
	case id < 0:
		return "all others"
	case names[id] != "":
		return names[id]
	default:
		return "campaign"
	}
}
