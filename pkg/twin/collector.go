package twin

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"
)

// Collector gives the figures of a Runner and the state of its flags to
// Prometheus. Its labels are the declared twins and the two sides, and nothing else.
type Collector struct{ runner *Runner }

// NewCollector returns a collector over the runner; register it once.
func NewCollector(r *Runner) Collector { return Collector{r} }

var _ prometheus.Collector = Collector{}

var (
	bySide = []string{"twin", "side"}

	callsDesc = prometheus.NewDesc("ovasabi_twin_calls_total",
		"Calls that this side of the twin answered, failed ones included.", bySide, nil)
	errorsDesc = prometheus.NewDesc("ovasabi_twin_errors_total",
		"Calls that this side of the twin answered with an error.", bySide, nil)
	rowsDesc = prometheus.NewDesc("ovasabi_twin_rows_total",
		"Rows that this side of the twin returned or touched.", bySide, nil)
	durationDesc = prometheus.NewDesc("ovasabi_twin_duration_seconds",
		"Time of the calls that did not fail; the quantile is of recent ones, within 6%.", bySide, nil)
	fallbacksDesc = prometheus.NewDesc("ovasabi_twin_fallbacks_total",
		"Calls that the plain side answered because the optimised one cannot run on the schema.", []string{"twin"}, nil)
	fallenDesc = prometheus.NewDesc("ovasabi_twin_fallen",
		"1 while the optimised side cannot run on the schema.", []string{"twin"}, nil)
	flagAgeDesc = prometheus.NewDesc("ovasabi_twin_flags_age_seconds",
		"Time since the flags in force were last compared with the table.", nil, nil)
	flagListeningDesc = prometheus.NewDesc("ovasabi_twin_flags_listening",
		"1 while changes of flags arrive by LISTEN, 0 while they are polled for.", nil, nil)
)

// Describe sends the descriptions of all metrics.
func (c Collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		callsDesc, errorsDesc, rowsDesc, durationDesc, fallbacksDesc, fallenDesc, flagAgeDesc, flagListeningDesc,
	} {
		out <- d
	}
}

// Collect sends the figures as they are now. It asks the database nothing.
func (c Collector) Collect(out chan<- prometheus.Metric) {
	status := c.runner.flags.Status()
	out <- prometheus.MustNewConstMetric(flagAgeDesc, prometheus.GaugeValue, status.Age.Seconds())
	out <- prometheus.MustNewConstMetric(flagListeningDesc, prometheus.GaugeValue, zeroOrOne(status.Listening))
	for _, st := range c.runner.called() {
		name := st.twin.name
		fallen := st.health.fallenAt.Load() != 0
		out <- prometheus.MustNewConstMetric(fallenDesc, prometheus.GaugeValue, zeroOrOne(fallen), name)
		for _, s := range []Side{Plain, Optimised} {
			f := st.sides[s].read(st.twin, s)
			side := s.String()
			out <- prometheus.MustNewConstMetric(callsDesc, prometheus.CounterValue, float64(f.Calls), name, side)
			out <- prometheus.MustNewConstMetric(errorsDesc, prometheus.CounterValue, float64(f.Errors), name, side)
			out <- prometheus.MustNewConstMetric(rowsDesc, prometheus.CounterValue, float64(f.Rows), name, side)
			p95 := math.NaN() // what Prometheus writes for a quantile of nothing
			if f.Recent > 0 {
				p95 = f.P95.Seconds()
			}
			out <- prometheus.MustNewConstSummary(durationDesc, f.Calls-f.Errors, f.Seconds,
				map[float64]float64{0.95: p95}, name, side)
			if s == Optimised {
				out <- prometheus.MustNewConstMetric(fallbacksDesc, prometheus.CounterValue, float64(f.Fallbacks), name)
			}
		}
	}
}

func zeroOrOne(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
