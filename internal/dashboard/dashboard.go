package dashboard

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/a-h/templ"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ovasabi/ovasabi/internal/server"
	"github.com/ovasabi/ovasabi/internal/service/content"
	"github.com/ovasabi/ovasabi/internal/service/nexus"
	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/monitoring"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// Dependencies are what the page shows. All are the caller's.
type Dependencies struct {
	// Log takes what could not be shown. Required.
	Log *slog.Logger
	// Collector is where all figures come from. Nil stands for a platform that was
	// given no address for ovasabi_monitor: the page says so.
	Collector *monitoring.PG18StatsCollector
	// Tracer adds the slow queries; may be nil.
	Tracer *monitoring.Tracer
	// Scope counts the rows of campaigns, by an audited crossing. Required.
	Scope *campaign.Scope
	// Content and Events answer for the campaigns that the operator's token holds. Required.
	Content *content.Service
	Events  *nexus.Service
	// Twins and Flags show and switch the twins; both may be nil.
	Twins *twin.Runner
	Flags database.Querier
	// Pool is the application's, which both sides of a twin are planned on; may be nil.
	Pool *pgxpool.Pool
	// Loads returns what campaigns have running, such as Admission.Loads; may be nil.
	Loads func() []campaign.Load
	// Sources are those who find something besides the statistics: asked here while
	// there is no snapshot, by the collector afterwards.
	Sources []monitoring.FindingSource
}

// Dashboard is the page. It is safe for concurrent use and has no goroutines of
// its own: each stream ends with its request.
type Dashboard struct {
	Dependencies
	counts  rowCounts
	streams chan struct{} // a place for each stream
	pages   map[string]page
}

// mostStreams bounds the pages that are live at once.
const mostStreams = 100

// page is one of the pages under /dashboard/.
type page struct {
	title string
	// show renders the page for a request; live renders the part of it that changes.
	show func(d *Dashboard, r *http.Request) (templ.Component, error)
	live func(d *Dashboard, r *http.Request) (templ.Component, error)
	// locks makes the page follow the locks too, which change more often than the rest.
	locks bool
}

// New returns the page.
func New(d Dependencies) *Dashboard {
	return &Dashboard{
		Dependencies: d,
		counts:       rowCounts{repository: repository{scope: d.Scope}},
		streams:      make(chan struct{}, mostStreams),
		pages:        allPages(),
	}
}

// Routes are what server.Dependencies.Routes wants.
func (d *Dashboard) Routes() []server.Route {
	asset := http.HandlerFunc(serveAsset)
	return []server.Route{
		{Pattern: "GET /{$}", Role: token.Operator, Page: true, Handler: http.RedirectHandler("/dashboard/", http.StatusFound)},
		{Pattern: "GET /dashboard/{$}", Role: token.Operator, Page: true, Handler: http.HandlerFunc(d.show)},
		{Pattern: "GET /dashboard/{page}", Role: token.Operator, Page: true, Handler: http.HandlerFunc(d.show)},
		{Pattern: "GET /dashboard/live/{page}", Role: token.Operator, Page: true, Stream: true, Handler: http.HandlerFunc(d.stream)},
		// The cookie is taken for reading alone: a change wants the token as a bearer.
		{Pattern: "POST /dashboard/flags", Role: token.Operator, Handler: http.HandlerFunc(d.setFlag)},
		{Pattern: "GET /dashboard/series", Role: token.Operator, Page: true, Handler: http.HandlerFunc(d.series)},
		{Pattern: "GET /dashboard/assets/{version}/{file...}", Role: token.Operator, Page: true, Handler: asset},
	}
}

// headers keep the page to this server: its own scripts and styles and nothing else.
func headers(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
}

// pageOf returns the page that a request names; the overview has no name.
func (d *Dashboard) pageOf(r *http.Request) (string, page, bool) {
	name := r.PathValue("page")
	if name == "" {
		name = "overview"
	}
	p, ok := d.pages[name]
	return name, p, ok
}

// renderTimeout bounds what a page asks of the database.
const renderTimeout = 10 * time.Second
