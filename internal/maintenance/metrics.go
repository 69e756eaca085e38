package maintenance

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// roundFigures are counted for Prometheus.
type roundFigures struct {
	mu      sync.Mutex
	leading bool
	tasks   map[[2]string]float64 // action and outcome
	seconds map[string]float64
	bytes   map[string]float64
}

func (f *roundFigures) leads(yes bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leading = yes
}

func (f *roundFigures) add(r Report) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tasks == nil {
		f.tasks, f.seconds, f.bytes = map[[2]string]float64{}, map[string]float64{}, map[string]float64{}
	}
	for i := range r.Results {
		result := &r.Results[i]
		f.tasks[[2]string{string(result.Action), result.Outcome}]++
		f.seconds[string(result.Action)] += result.TookS
		f.bytes[string(result.Action)] += float64(result.IOBytes)
	}
}

var (
	leadingDesc = prometheus.NewDesc("ovasabi_maintenance_leading", "1 while this process does a round of maintenance.", nil, nil)
	tasksDesc   = prometheus.NewDesc("ovasabi_maintenance_tasks_total", "Tasks of maintenance, by what became of them.", []string{"action", "outcome"}, nil)
	secondsDesc = prometheus.NewDesc("ovasabi_maintenance_task_seconds_total", "Time that tasks took.", []string{"action"}, nil)
	bytesDesc   = prometheus.NewDesc("ovasabi_maintenance_task_bytes_total", "Bytes that tasks read and wrote.", []string{"action"}, nil)

	integrityFindingsDesc = prometheus.NewDesc("ovasabi_integrity_findings", "Findings of the watch over integrity, by check and severity.", []string{"check", "severity"}, nil)
	integrityEndedDesc    = prometheus.NewDesc("ovasabi_integrity_last_round_timestamp_seconds", "When the watch last came through everything.", nil, nil)
	integrityTookDesc     = prometheus.NewDesc("ovasabi_integrity_last_round_seconds", "How long it took for that, rests and restarts included.", nil, nil)
	integrityCheckedDesc  = prometheus.NewDesc("ovasabi_integrity_checked", "What was gone through then: rows, indexes and the like.", []string{"what"}, nil)
)

// Describe sends nothing: what there is depends on what was done.
func (m *Maintainer) Describe(chan<- *prometheus.Desc) {}

// Collect sends the counts of this process.
func (m *Maintainer) Collect(out chan<- prometheus.Metric) {
	f := &m.figures
	f.mu.Lock()
	leading := 0.0
	if f.leading {
		leading = 1
	}
	out <- prometheus.MustNewConstMetric(leadingDesc, prometheus.GaugeValue, leading)
	for key, n := range f.tasks {
		out <- prometheus.MustNewConstMetric(tasksDesc, prometheus.CounterValue, n, key[0], key[1])
	}
	for action, n := range f.seconds {
		out <- prometheus.MustNewConstMetric(secondsDesc, prometheus.CounterValue, n, action)
	}
	for action, n := range f.bytes {
		out <- prometheus.MustNewConstMetric(bytesDesc, prometheus.CounterValue, n, action)
	}
	f.mu.Unlock()
	if m.integrity != nil {
		m.integrity.collect(out)
	}
}

func (w *Watch) collect(out chan<- prometheus.Metric) {
	counts := map[[2]string]float64{}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.found() {
		counts[[2]string{f.ID, f.Severity}]++
	}
	for key, n := range counts {
		out <- prometheus.MustNewConstMetric(integrityFindingsDesc, prometheus.GaugeValue, n, key[0], key[1])
	}
	if w.last == nil {
		return
	}
	out <- prometheus.MustNewConstMetric(integrityEndedDesc, prometheus.GaugeValue, float64(w.last.ended.Unix()))
	out <- prometheus.MustNewConstMetric(integrityTookDesc, prometheus.GaugeValue, w.last.ended.Sub(w.last.began).Seconds())
	for what, n := range w.last.checked {
		out <- prometheus.MustNewConstMetric(integrityCheckedDesc, prometheus.GaugeValue, float64(n), what)
	}
}
