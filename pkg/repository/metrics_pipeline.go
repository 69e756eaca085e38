package repository

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ovasabi/ovasabi/pkg/campaign"
)

// pipelineFigures reads what a campaign.Pipeline counts, when it is scraped.
type pipelineFigures struct {
	pipeline     atomic.Pointer[campaign.Pipeline]
	reads, trips *prometheus.Desc
}

func newPipelineFigures() *pipelineFigures {
	labels := prometheus.Labels{"db_system_name": "postgresql"}
	return &pipelineFigures{
		reads: prometheus.NewDesc("ovasabi_pipelined_reads_total",
			"Reads that may share round trips, by how they went: alone, shared, failed (with their trip) or left (a trip that did not get on); failed and left then ran alone.",
			[]string{"how"}, labels),
		trips: prometheus.NewDesc("ovasabi_shared_trips_total", "Round trips that several reads shared.", nil, labels),
	}
}

// Describe implements prometheus.Collector.
func (p *pipelineFigures) Describe(ch chan<- *prometheus.Desc) {
	ch <- p.reads
	ch <- p.trips
}

// Collect implements prometheus.Collector.
func (p *pipelineFigures) Collect(ch chan<- prometheus.Metric) {
	pipeline := p.pipeline.Load()
	if pipeline == nil {
		return
	}
	s := pipeline.Stats()
	for how, n := range map[string]int64{"alone": s.Alone, "shared": s.Shared, "failed": s.Failed, "left": s.Left} {
		ch <- prometheus.MustNewConstMetric(p.reads, prometheus.CounterValue, float64(n), how)
	}
	ch <- prometheus.MustNewConstMetric(p.trips, prometheus.CounterValue, float64(s.Trips))
}
