package dashboard

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/monitoring"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// queriesView is what the page of queries shows.
type queriesView struct {
	snapshot  *monitoring.Snapshot
	pairs     []pair
	slow      []monitoring.SlowQuery
	threshold time.Duration
}

// pair is the two sides of a twin beside each other.
type pair struct {
	name             string
	plain, optimised twin.Figures
	comparison       twin.Comparison
}

func pairs(r *twin.Runner) []pair {
	comparisons := map[string]twin.Comparison{}
	for _, c := range r.Compare() {
		comparisons[c.Twin] = c
	}
	var all []pair
	for _, f := range r.Figures() {
		if len(all) == 0 || all[len(all)-1].name != f.Twin {
			all = append(all, pair{name: f.Twin, comparison: comparisons[f.Twin]})
		}
		p := &all[len(all)-1]
		if f.Side == twin.Optimised.String() {
			p.optimised = f
		} else {
			p.plain = f
		}
	}
	return all
}

func twinAddress(name string) templ.SafeURL {
	return templ.SafeURL("/dashboard/twin?name=" + url.QueryEscape(name))
}

func durationOr(d time.Duration) string {
	if d == 0 {
		return unknown
	}
	return durationOf(d)
}

// one line of a statement's text.
func oneLine(sql string) string {
	text := strings.Join(strings.Fields(sql), " ")
	if r := []rune(text); len(r) > 160 {
		text = string(r[:159]) + "…"
	}
	return text
}

// sidePlan is one side of a twin with its plan.
type sidePlan struct {
	side      string
	sql, plan string
	problem   string
	figures   twin.Figures
}

// twin shows both sides of one twin: texts, figures and plans.
func (d *Dashboard) twin(r *http.Request) (templ.Component, error) {
	name := r.URL.Query().Get("name")
	t, ok := twin.Lookup(name)
	if !ok {
		return nil, &fault.Error{Kind: fault.NotFound, Message: "There is no twin of this name in this program."}
	}
	identity, err := token.FromContext(r.Context())
	if err != nil {
		return nil, err
	}
	var id campaign.ID
	if len(identity.Campaigns) > 0 {
		id = identity.Campaigns[0]
	}
	var sides []sidePlan
	figures := map[string]twin.Figures{}
	if d.Twins != nil {
		for _, f := range d.Twins.Figures() {
			if f.Twin == name {
				figures[f.Side] = f
			}
		}
	}
	for _, side := range []twin.Side{twin.Plain, twin.Optimised} {
		s := sidePlan{side: side.String(), sql: strings.TrimSpace(t.SQL(side)), figures: figures[side.String()]}
		if d.Pool == nil {
			s.problem = "This process was given no pool to ask for plans."
		} else if s.plan, err = monitoring.ExplainGeneric(r.Context(), d.Pool, t.SQL(side), id); err != nil {
			s.problem = "The server did not plan it: " + sentence(err) + "."
		}
		sides = append(sides, s)
	}
	live, err := d.twinLive(r)
	if err != nil {
		return nil, err
	}
	return templ.Join(live, twinSides(name, sides)), nil
}

func (d *Dashboard) twinLive(r *http.Request) (templ.Component, error) {
	name := r.URL.Query().Get("name")
	if d.Twins != nil {
		for _, p := range pairs(d.Twins) {
			if p.name == name {
				return liveBox(pairTable([]pair{p})), nil
			}
		}
	}
	return liveBox(note("", "This twin has not been called in this process yet.")), nil
}
