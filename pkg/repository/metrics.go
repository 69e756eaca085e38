package repository

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// RepositoryMetrics measures the data layer. It is a prometheus.Collector, to be
// registered once, and a tracer, to be given to the database before it is opened
// so that it sees who waits for a connection.
//
// Where OpenTelemetry's conventions for database clients have a name, the metric
// has it, in Prometheus' spelling. Labels are names from the program, kinds of
// faults and a bounded number of campaigns; never SQL.
// Source: https://opentelemetry.io/docs/specs/semconv/database/database-metrics/
//
// It is safe for concurrent use. A nil *RepositoryMetrics measures nothing.
type RepositoryMetrics struct {
	// QueryDuration is db_client_operation_duration_seconds, from the call until the
	// rows are closed, by query, operation and outcome ("ok" or a fault's kind).
	QueryDuration *prometheus.HistogramVec
	// QueryRows is db_client_response_returned_rows_total, by query.
	QueryRows *prometheus.CounterVec
	// ConnectionsInUse is db_client_connection_count, by pool and state (used or idle).
	ConnectionsInUse *prometheus.GaugeVec
	// ConnectionsWaiting is db_client_connection_pending_requests: callers that wait
	// for a connection now, of all pools that have this tracer.
	ConnectionsWaiting prometheus.Gauge
	// PreparedStmtHits is ovasabi_prepared_statements_total, by result: hit, miss,
	// warmed, evicted, invalidated, stale, retried.
	PreparedStmtHits *prometheus.CounterVec
	// BatchOperations is ovasabi_batch_operations_total, by table, conflict behaviour and outcome.
	BatchOperations *prometheus.CounterVec
	// BatchRows is ovasabi_batch_rows_total, by table and what became of the row.
	BatchRows *prometheus.CounterVec
	// BatchDuration is ovasabi_batch_duration_seconds, by table.
	BatchDuration *prometheus.HistogramVec

	poolFigures *poolFigures
	pipeline    *pipelineFigures
	campaigns   *campaignShares
	waiting     atomic.Int64

	meters   atomic.Pointer[map[meterKey]*meter]
	growing  sync.Mutex
	watching sync.Mutex // guards what Collect carries over
	watched  StatementStats
	pool     *PreparedStatementPool
}

// MetricsOption changes how RepositoryMetrics works.
type MetricsOption func(*RepositoryMetrics) error

// WithTopCampaigns bounds how many campaigns have series of their own; all others
// are counted as "other". 0 to 1,000; defaults to 50.
func WithTopCampaigns(n int) MetricsOption {
	return func(m *RepositoryMetrics) error {
		if n < 0 || n > 1000 {
			return fault.Field("WithTopCampaigns", "must be from 0 to 1000, not %d", n)
		}
		m.campaigns = newCampaignShares(n)
		return nil
	}
}

const defaultTopCampaigns = 50

// durationBuckets reach from 100 µs, below a round trip on one machine, to 10 s.
var durationBuckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// NewRepositoryMetrics returns metrics that nothing has been measured with.
func NewRepositoryMetrics(opts ...MetricsOption) (*RepositoryMetrics, error) {
	system := prometheus.Labels{"db_system_name": "postgresql"}
	m := &RepositoryMetrics{
		QueryDuration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "db_client_operation_duration_seconds", ConstLabels: system, Buckets: durationBuckets,
			Help: "Time from a query's call until its rows were closed.",
		}, []string{"query", "operation", "outcome"}),
		QueryRows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "db_client_response_returned_rows_total", ConstLabels: system,
			Help: "Rows that queries returned or changed.",
		}, []string{"query"}),
		ConnectionsInUse: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "db_client_connection_count", ConstLabels: system,
			Help: "Connections of a pool by state.",
		}, []string{"pool", "state"}),
		ConnectionsWaiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "db_client_connection_pending_requests", ConstLabels: system,
			Help: "Callers that wait for a connection.",
		}),
		PreparedStmtHits: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ovasabi_prepared_statements_total",
			Help: "What happened in the connections' statement caches.",
		}, []string{"result"}),
		BatchOperations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ovasabi_batch_operations_total",
			Help: "Batches executed.",
		}, []string{"table", "conflict", "outcome"}),
		BatchRows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ovasabi_batch_rows_total",
			Help: "Rows of batches by what became of them.",
		}, []string{"table", "outcome"}),
		BatchDuration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ovasabi_batch_duration_seconds", Buckets: durationBuckets,
			Help: "Time that executing a batch took.",
		}, []string{"table"}),
		poolFigures: newPoolFigures(),
		pipeline:    newPipelineFigures(),
		campaigns:   newCampaignShares(defaultTopCampaigns),
	}
	m.meters.Store(&map[meterKey]*meter{})
	for _, opt := range opts {
		if err := opt(m); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// WatchPool adds a pool to the connection metrics, under a name such as "app".
func (m *RepositoryMetrics) WatchPool(name string, pool *pgxpool.Pool) { m.poolFigures.add(name, pool) }

// WatchPipeline adds the counts of a pipeline; of several, of the last one.
func (m *RepositoryMetrics) WatchPipeline(p *campaign.Pipeline) { m.pipeline.pipeline.Store(p) }

// WatchStatements adds the counts of a statement pool.
func (m *RepositoryMetrics) WatchStatements(p *PreparedStatementPool) {
	m.watching.Lock()
	defer m.watching.Unlock()
	m.pool, m.watched = p, StatementStats{}
}

func (m *RepositoryMetrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.QueryDuration, m.QueryRows, m.ConnectionsInUse, m.ConnectionsWaiting,
		m.PreparedStmtHits, m.BatchOperations, m.BatchRows, m.BatchDuration, m.poolFigures, m.pipeline, m.campaigns}
}

// Describe implements prometheus.Collector.
func (m *RepositoryMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.collectors() {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (m *RepositoryMetrics) Collect(ch chan<- prometheus.Metric) {
	m.poolFigures.states(m.ConnectionsInUse)
	m.ConnectionsWaiting.Set(float64(m.waiting.Load()))
	m.collectStatements()
	for _, c := range m.collectors() {
		c.Collect(ch)
	}
}

func (m *RepositoryMetrics) collectStatements() {
	m.watching.Lock()
	defer m.watching.Unlock()
	if m.pool == nil {
		return
	}
	now, before := m.pool.Stats(), m.watched
	m.watched = now
	for _, c := range [...]struct {
		result string
		more   int64
	}{
		{"hit", now.Hits - before.Hits}, {"miss", now.Misses - before.Misses},
		{"warmed", now.Warmed - before.Warmed}, {"evicted", now.Evictions - before.Evictions},
		{"invalidated", now.Invalidations - before.Invalidations},
		{"stale", now.Stale - before.Stale}, {"retried", now.Retries - before.Retries},
	} {
		m.PreparedStmtHits.WithLabelValues(c.result).Add(float64(c.more))
	}
}

// TraceQueryStart is there because pgx takes only tracers of queries; it does nothing.
func (m *RepositoryMetrics) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd does nothing.
func (m *RepositoryMetrics) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceAcquireStart counts a caller that wants a connection.
func (m *RepositoryMetrics) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	m.waiting.Add(1)
	return ctx
}

// TraceAcquireEnd counts a caller that has one, or gave up.
func (m *RepositoryMetrics) TraceAcquireEnd(context.Context, *pgxpool.Pool, pgxpool.TraceAcquireEndData) {
	m.waiting.Add(-1)
}

func (m *RepositoryMetrics) batchDone(ctx context.Context, b *Batch, took time.Duration, err error) {
	if m == nil {
		return
	}
	table := b.table.spec.Name[1]
	m.BatchOperations.WithLabelValues(table, b.conflict.String(), outcomeOf(err)).Inc()
	m.BatchDuration.WithLabelValues(table).Observe(took.Seconds())
	var rows [len(outcomeNames)]int
	for _, o := range b.outcomes {
		rows[o]++
	}
	for o, n := range rows {
		// A row that was superseded may be written after all, so its count may fall.
		if more := n - b.reported[o]; more > 0 && Outcome(o) != Pending {
			m.BatchRows.WithLabelValues(table, Outcome(o).String()).Add(float64(more))
		}
		b.reported[o] = max(n, b.reported[o])
	}
	if !b.table.spec.Unscoped {
		if id, err := campaign.FromContext(ctx); err == nil {
			m.campaigns.observe(id, took)
		}
	}
}

// outcomeOf is the label of a call's end: "ok" or the fault's kind.
func outcomeOf(err error) string {
	if err == nil {
		return outcomeOK
	}
	return fault.KindOf(fault.FromPostgres(err)).String()
}

const outcomeOK = "ok"
