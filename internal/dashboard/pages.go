package dashboard

import (
	"net/http"

	"github.com/a-h/templ"

	"github.com/ovasabi/ovasabi/pkg/monitoring"
)

type link struct {
	name, title string
}

// links are the pages in the order in which they stand.
var links = []link{
	{"overview", "Overview"},
	{"campaigns", "Campaigns"},
	{"queries", "Queries"},
	{"locks", "Locks"},
	{"io", "I/O"},
	{"vacuum", "Vacuum"},
	{"indexes", "Indexes"},
	{"flags", "Flags"},
	{"server", "Server"},
	{"findings", "Findings"},
}

func allPages() map[string]page {
	pages := map[string]page{
		"overview":  {show: (*Dashboard).overview, live: (*Dashboard).overviewLive, locks: true},
		"campaigns": {show: (*Dashboard).campaigns, live: (*Dashboard).campaignsLive},
		"queries":   {show: around((*Dashboard).queriesLive, nil), live: (*Dashboard).queriesLive},
		"locks":     {show: around((*Dashboard).locksLive, locksPlots), live: (*Dashboard).locksLive, locks: true},
		"io":        {show: around((*Dashboard).ioLive, ioPlots), live: (*Dashboard).ioLive},
		"vacuum":    {show: around(ofSnapshot(vacuumFigures), nil), live: ofSnapshot(vacuumFigures)},
		"indexes":   {show: around(ofSnapshot(indexFigures), nil), live: ofSnapshot(indexFigures)},
		"flags":     {show: (*Dashboard).flags, live: (*Dashboard).flagsLive},
		"server":    {show: around(ofSnapshot(serverFigures), nil), live: ofSnapshot(serverFigures)},
		"findings":  {show: around((*Dashboard).findingsLive, nil), live: (*Dashboard).findingsLive},
		"twin":      {title: "Twin", show: (*Dashboard).twin, live: (*Dashboard).twinLive},
	}
	for _, l := range links {
		p := pages[l.name]
		p.title = l.title
		pages[l.name] = p
	}
	return pages
}

type renderer = func(d *Dashboard, r *http.Request) (templ.Component, error)

// around is a page that is its live part, with plots below it where there is a collector.
func around(live renderer, plots func() templ.Component) renderer {
	return func(d *Dashboard, r *http.Request) (templ.Component, error) {
		part, err := live(d, r)
		if err != nil {
			return nil, err
		}
		if plots == nil || d.Collector == nil {
			return part, nil
		}
		return templ.Join(part, plots()), nil
	}
}

// ofSnapshot is the live part of a page that shows the newest snapshot and nothing else.
func ofSnapshot(show func(*monitoring.Snapshot) templ.Component) renderer {
	return func(d *Dashboard, _ *http.Request) (templ.Component, error) {
		s := d.snapshot()
		if s == nil {
			return liveBox(waiting(d.Collector != nil)), nil
		}
		return liveBox(show(s)), nil
	}
}

func (d *Dashboard) ioLive(r *http.Request) (templ.Component, error) {
	return ofSnapshot(ioFigures)(d, r)
}

func (d *Dashboard) findingsLive(*http.Request) (templ.Component, error) {
	return liveBox(findingsList(worst(d.findings()), d.snapshot())), nil
}

func (d *Dashboard) locksLive(*http.Request) (templ.Component, error) {
	s, l := d.snapshot(), d.locksNow()
	if l == nil {
		return liveBox(waiting(d.Collector != nil)), nil
	}
	return liveBox(locksFigures(l, d.Collector.PileUps(), s)), nil
}

func (d *Dashboard) queriesLive(*http.Request) (templ.Component, error) {
	v := queriesView{snapshot: d.snapshot()}
	if d.Tracer != nil {
		v.slow = d.Tracer.SlowQueries()
		v.threshold = d.Tracer.Threshold()
	}
	if d.Twins != nil {
		v.pairs = pairs(d.Twins)
	}
	return liveBox(queriesFigures(v)), nil
}
