package repository

import (
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// poolFigures reads what pgxpool counts, when it is scraped.
type poolFigures struct {
	mu    sync.Mutex
	pools map[string]*pgxpool.Pool

	max, waits, waited, gaveUp, created *prometheus.Desc
}

func newPoolFigures() *poolFigures {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{"pool"}, prometheus.Labels{"db_system_name": "postgresql"})
	}
	return &poolFigures{
		pools:   map[string]*pgxpool.Pool{},
		max:     desc("db_client_connection_max", "Connections that the pool may have."),
		waits:   desc("db_client_connection_waits_total", "Acquires that found no idle connection."),
		waited:  desc("db_client_connection_wait_time_seconds_total", "Time spent waiting for a connection."),
		gaveUp:  desc("db_client_connection_timeouts_total", "Acquires whose context ended while they waited."),
		created: desc("db_client_connection_created_total", "Connections made."),
	}
}

func (p *poolFigures) add(name string, pool *pgxpool.Pool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pools[name] = pool
}

func (p *poolFigures) states(gauge *prometheus.GaugeVec) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, pool := range p.pools {
		s := pool.Stat()
		gauge.WithLabelValues(name, "used").Set(float64(s.AcquiredConns()))
		gauge.WithLabelValues(name, "idle").Set(float64(s.IdleConns()))
	}
}

// Describe implements prometheus.Collector.
func (p *poolFigures) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{p.max, p.waits, p.waited, p.gaveUp, p.created} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (p *poolFigures) Collect(ch chan<- prometheus.Metric) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, pool := range p.pools {
		s := pool.Stat()
		ch <- prometheus.MustNewConstMetric(p.max, prometheus.GaugeValue, float64(s.MaxConns()), name)
		ch <- prometheus.MustNewConstMetric(p.waits, prometheus.CounterValue, float64(s.EmptyAcquireCount()), name)
		ch <- prometheus.MustNewConstMetric(p.waited, prometheus.CounterValue, s.EmptyAcquireWaitTime().Seconds(), name)
		ch <- prometheus.MustNewConstMetric(p.gaveUp, prometheus.CounterValue, float64(s.CanceledAcquireCount()), name)
		ch <- prometheus.MustNewConstMetric(p.created, prometheus.CounterValue, float64(s.NewConnsCount()), name)
	}
}
