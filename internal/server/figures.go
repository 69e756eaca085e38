package server

import (
	"time"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"
)

// figures are what the server measures.
type figures struct {
	duration *prometheus.HistogramVec
	running  *prometheus.GaugeVec
}

func newFigures(registry prometheus.Registerer) (*figures, error) {
	f := &figures{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "ovasabi_rpc_duration_seconds",
			Help:    "Time from a call's decoded request to its answer, by procedure and Connect code; streams until their end.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"procedure", "code"}),
		running: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ovasabi_rpc_running",
			Help: "Calls and streams under way, by procedure.",
		}, []string{"procedure"}),
	}
	for _, c := range []prometheus.Collector{f.duration, f.running} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// begin counts a call in; the returned function counts it out with its code.
func (f *figures) begin(procedure string) func(code string) {
	start := time.Now()
	running := f.running.WithLabelValues(procedure)
	running.Inc()
	return func(code string) {
		running.Dec()
		f.duration.WithLabelValues(procedure, code).Observe(time.Since(start).Seconds())
	}
}

// refused counts a call that was turned away before it began. The procedure is
// one that a handler stands on, so that no caller can make new labels.
func (f *figures) refused(procedure string, code connect.Code) {
	f.duration.WithLabelValues(procedure, code.String()).Observe(0)
}
