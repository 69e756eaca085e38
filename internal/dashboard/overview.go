package dashboard

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	contentv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/content/v1"
	nexusv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/nexus/v1"
	"github.com/ovasabi/ovasabi/internal/service/nexus"
	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/monitoring"
)

// campaignList is the campaigns as a part of a page.
type campaignList struct {
	rows   []campaignRows
	use    map[int64]monitoring.CampaignUse
	loads  map[int64]campaign.Load
	at     time.Time
	more   bool
	failed string
}

func (d *Dashboard) campaignList(r *http.Request) campaignList {
	var l campaignList
	identity, err := token.FromContext(r.Context())
	if err != nil {
		l.failed = sentence(err)
		return l
	}
	rows, at, err := d.counts.get(r.Context(), "operator "+identity.Subject+" (token "+identity.TokenID+"): count rows for the dashboard")
	if err != nil {
		_, _ = d.problem(r, err) // it is said in place
		l.failed = "The campaigns could not be counted: " + sentence(err)
		return l
	}
	l.at, l.more = at, len(rows) > mostCampaigns
	l.rows = rows[:min(len(rows), mostCampaigns)]
	l.use, l.loads = map[int64]monitoring.CampaignUse{}, map[int64]campaign.Load{}
	if s := d.snapshot(); s != nil {
		for _, u := range s.Campaigns {
			l.use[u.Campaign] = u
		}
	}
	if d.Loads != nil {
		for _, load := range d.Loads() {
			l.loads[load.Campaign.Int64()] = load
		}
	}
	return l
}

// browse is the content and the events of one campaign.
type browse struct {
	held     []campaign.ID
	names    map[int64]string
	chosen   campaign.ID
	text     string
	content  []*contentv1.Content
	hits     []*contentv1.ContentHit
	next     string
	events   []*nexusv1.Event
	refused  string // why there is nothing to show
	badQuery string
}

const (
	browseContent = 10
	browseEvents  = 10
	longestSearch = 200
)

// browse reads the campaign that the request chooses, or the token's first one.
// An operator sees the figures of every campaign, but only the content of those
// that the token holds.
func (d *Dashboard) browse(r *http.Request) (browse, error) {
	identity, err := token.FromContext(r.Context())
	if err != nil {
		return browse{}, err
	}
	b := browse{held: identity.Campaigns, names: map[int64]string{}, text: strings.TrimSpace(r.URL.Query().Get("q"))}
	if asked := r.URL.Query().Get("campaign"); asked != "" {
		if b.chosen, err = campaign.ParseID(asked); err != nil {
			return b, err
		}
		if !identity.Holds(b.chosen) {
			b.refused = "Your token does not hold campaign " + b.chosen.String() + ", so its content is not shown. Make a token that holds it with ovasabi token create."
			return b, nil
		}
	} else if len(identity.Campaigns) > 0 {
		b.chosen = identity.Campaigns[0]
	} else {
		b.refused = "Your token holds no campaign, so there is no content to show. Make one that does with ovasabi token create."
		return b, nil
	}
	ctx := campaign.NewContext(r.Context(), b.chosen)
	switch {
	case len([]rune(b.text)) > longestSearch:
		b.badQuery = "Search for at most 200 characters."
	case b.text != "":
		b.hits, b.next, err = d.Content.Search(ctx, b.text, nil, nil, browseContent, r.URL.Query().Get("after"))
	default:
		b.content, b.next, err = d.Content.List(ctx, nil, browseContent, r.URL.Query().Get("after"), false)
	}
	if err != nil {
		return b, err
	}
	b.events, _, err = d.Events.List(ctx, nexus.Wanted{}, browseEvents, "")
	return b, err
}

func (d *Dashboard) overview(r *http.Request) (templ.Component, error) {
	b, err := d.browse(r)
	var refused string
	if err != nil {
		if fault.KindOf(err) == fault.Canceled {
			return nil, err
		}
		_, _ = d.problem(r, err) // it is said in place
		refused = sentence(err)
	}
	if refused != "" {
		b.refused = refused
	}
	l := d.campaignList(r)
	for _, row := range l.rows {
		b.names[row.ID] = row.Name
	}
	live, err := d.overviewLive(r)
	if err != nil {
		return nil, err
	}
	return overviewPage(d, live, l, b), nil
}

func (d *Dashboard) overviewLive(*http.Request) (templ.Component, error) {
	s := d.snapshot()
	if s == nil {
		return liveBox(waiting(d.Collector != nil)), nil
	}
	return liveBox(overviewFigures(s, d.findings(), d.locksNow())), nil
}

func (d *Dashboard) locksNow() *monitoring.Locks {
	if d.Collector == nil {
		return nil
	}
	l, _ := d.Collector.LatestLocks()
	return l
}

// worst returns the findings by severity, errors first.
func worst(all []monitoring.Finding) []monitoring.Finding {
	order := map[string]int{"error": 0, "warning": 1, "info": 2}
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b monitoring.Finding) int { return order[a.Severity] - order[b.Severity] })
	return sorted
}

func sessionsOf(s *monitoring.Snapshot) (active, idle, idleInTransaction int64) {
	for _, a := range s.Activity {
		if a.BackendType != "client backend" {
			continue
		}
		switch a.State {
		case "active":
			active += a.Sessions
		case "idle":
			idle += a.Sessions
		case "idle in transaction", "idle in transaction (aborted)":
			idleInTransaction += a.Sessions
		}
	}
	return active, idle, idleInTransaction
}
