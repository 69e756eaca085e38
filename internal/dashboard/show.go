package dashboard

import (
	"context"
	"encoding/json"
	"log/slog"
	"math"
	"net/http"
	"time"

	"github.com/a-h/templ"

	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/monitoring"
)

// frame is what every page has around it.
type frame struct {
	name     string
	title    string
	live     string // the address of its stream
	subject  string // who looks
	findings int
}

func (d *Dashboard) show(w http.ResponseWriter, r *http.Request) {
	name, p, ok := d.pageOf(r)
	ctx, cancel := context.WithTimeout(r.Context(), renderTimeout)
	defer cancel()
	r = r.WithContext(ctx)
	f := frame{name: name, title: p.title, live: "/dashboard/live/" + name, findings: len(d.findings())}
	if identity, err := token.FromContext(ctx); err == nil {
		f.subject = identity.Subject
	}
	if query := r.URL.RawQuery; query != "" {
		f.live += "?" + query
	}
	status := http.StatusOK
	var body templ.Component
	if !ok {
		f.title, f.live = "Not found", ""
		status, body = http.StatusNotFound, notFoundPage()
	} else {
		shown, err := p.show(d, r)
		if err != nil {
			status, shown = d.problem(r, err)
		}
		body = shown
	}
	headers(w.Header())
	templ.Handler(layout(f, body), templ.WithStatus(status), templ.WithErrorHandler(func(r *http.Request, err error) http.Handler {
		d.Log.LogAttrs(r.Context(), slog.LevelError, "a page could not be rendered", slog.String("page", name), slog.Any("error", err))
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "this page could not be rendered: the log says why", http.StatusInternalServerError)
		})
	})).ServeHTTP(w, r)
}

// problem is a page, or a part of one, that says what went wrong and nothing internal.
func (d *Dashboard) problem(r *http.Request, err error) (int, templ.Component) {
	status := map[fault.Kind]int{
		fault.NotFound: http.StatusNotFound, fault.Invalid: http.StatusBadRequest, fault.Denied: http.StatusForbidden,
		fault.Limited: http.StatusTooManyRequests, fault.Unavailable: http.StatusServiceUnavailable, fault.Canceled: http.StatusGatewayTimeout,
	}[fault.KindOf(err)]
	if status == 0 || status >= http.StatusInternalServerError {
		d.Log.LogAttrs(r.Context(), slog.LevelWarn, "a page could not be filled", slog.String("path", r.URL.Path), slog.Any("error", err))
	}
	if status == 0 {
		return http.StatusInternalServerError, note("error", "Something went wrong here. The log says what.")
	}
	return status, note("error", sentence(err))
}

func sentence(err error) string {
	if fault.KindOf(err) == fault.Internal {
		return "Something went wrong here. The log says what."
	}
	return err.Error()
}

// snapshot is the newest one, nil before the first.
func (d *Dashboard) snapshot() *monitoring.Snapshot {
	if d.Collector == nil {
		return nil
	}
	s, _ := d.Collector.Latest()
	return s
}

// findings are those of the newest snapshot, which holds those of all sources.
// Where there is none, the sources are asked themselves.
func (d *Dashboard) findings() []monitoring.Finding {
	if s := d.snapshot(); s != nil {
		return s.Findings
	}
	found := []monitoring.Finding{}
	for _, source := range d.Sources {
		more, _ := source.Findings()
		found = append(found, more...)
	}
	return found
}

// gap is a time without points in which nobody looked, such as a restart: no line is drawn over it.
const gap = 3 * time.Minute

// series answers with the points of the plots: times, then a column for each series.
func (d *Dashboard) series(w http.ResponseWriter, r *http.Request) {
	var points []monitoring.Point
	if d.Collector != nil {
		points = d.Collector.History()
	}
	columns := make([][]any, 1+len(monitoring.Point{}.Values))
	for i := range columns {
		columns[i] = make([]any, 0, len(points))
	}
	for i := range points {
		if i > 0 && points[i].At.Sub(points[i-1].At) > gap {
			columns[0] = append(columns[0], float64(points[i-1].At.Add(gap/2).UnixMilli())/1000)
			for j := range columns[1:] {
				columns[j+1] = append(columns[j+1], nil)
			}
		}
		for j, v := range numbers(&points[i]) {
			columns[j] = append(columns[j], v)
		}
	}
	headers(w.Header())
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(columns); err != nil {
		d.Log.LogAttrs(r.Context(), slog.LevelDebug, "the points were not sent", slog.Any("error", err))
	}
}

// numbers are a point as JSON has it: NaN is null.
func numbers(p *monitoring.Point) []any {
	all := make([]any, 1+len(p.Values))
	all[0] = float64(p.At.UnixMilli()) / 1000
	for i, v := range p.Values {
		if !math.IsNaN(v) {
			// Six digits are more than a plot shows.
			all[i+1] = math.Round(v*1e4) / 1e4
		}
	}
	return all
}
