package nexus

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// processorFigures measure a processor. They carry no campaign: there may be any number of those.
type processorFigures struct {
	processor *BatchEventProcessor

	flushes    *prometheus.CounterVec
	size       prometheus.Histogram
	duration   prometheus.Histogram
	answers    prometheus.Histogram
	outcomes   *prometheus.CounterVec
	retries    *prometheus.CounterVec
	full       prometheus.Counter
	turnedAway prometheus.Counter

	events, bytes, mostEvents, mostBytes, waiting, flights *prometheus.Desc
}

var _ prometheus.Collector = (*BatchEventProcessor)(nil)

func newProcessorFigures(p *BatchEventProcessor) *processorFigures {
	seconds := []float64{.0005, .001, .0025, .005, .01, .02, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	vector := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	}
	gauge := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }
	return &processorFigures{
		processor:  p,
		flushes:    vector("ovasabi_event_flushes_total", "Flushes by what they were for: size, bytes, time, group or drain.", "reason"),
		size:       histogram("ovasabi_event_flush_events", "Events of a flush.", []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000}),
		duration:   histogram("ovasabi_event_flush_seconds", "Time from the start of a flush to its commit, retries included.", seconds),
		answers:    histogram("ovasabi_event_answer_seconds", "Time from a caller's events to their answers, the wait for room included.", seconds),
		outcomes:   vector("ovasabi_events_total", "Events by what became of them: accepted, duplicate, rejected or failed.", "outcome"),
		retries:    vector("ovasabi_event_flush_retries_total", "Attempts of flushes that were made again, by the kind of fault.", "kind"),
		full:       counter("ovasabi_event_waits_total", "Callers that had to wait for room in the buffer."),
		turnedAway: counter("ovasabi_events_turned_away_total", "Events that were not taken because too many callers waited."),
		events:     gauge("ovasabi_event_buffer_events", "Events held, those being written included."),
		bytes:      gauge("ovasabi_event_buffer_bytes", "Bytes of the events held."),
		mostEvents: gauge("ovasabi_event_buffer_events_limit", "Most events that may be held."),
		mostBytes:  gauge("ovasabi_event_buffer_bytes_limit", "Most bytes that may be held."),
		waiting:    gauge("ovasabi_event_waiting_callers", "Callers that wait for room in the buffer."),
		flights:    gauge("ovasabi_event_flushes_under_way", "Flushes that are being written."),
	}
}

func (f *processorFigures) flushed(reason string, events int) {
	f.flushes.WithLabelValues(reason).Inc()
	f.size.Observe(float64(events))
}

func (f *processorFigures) landed(took time.Duration, batch []*sent) {
	f.duration.Observe(took.Seconds())
	var counts [len(outcomeNames)]int
	for _, s := range batch {
		counts[s.answer.outcome]++
	}
	for outcome, n := range counts {
		if n > 0 {
			f.outcomes.WithLabelValues(outcomeNames[outcome]).Add(float64(n))
		}
	}
}

// outcomeNames are the outcomes as metrics carry them, by their number in the contract.
var outcomeNames = [...]string{"unspecified", "accepted", "duplicate", "rejected", "failed"}

func (f *processorFigures) refused(n int) {
	if n > 0 {
		f.outcomes.WithLabelValues("rejected").Add(float64(n))
	}
}

// gaveUp logs what the callers of a flush are not told.
func (f *processorFigures) gaveUp(ctx context.Context, log *slog.Logger, err error, events int) {
	attrs := []any{slog.Int("events", events), slog.String("kind", fault.KindOf(err).String())}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		attrs = append(attrs, slog.String("sqlstate", pg.Code))
	}
	log.WarnContext(ctx, "events could not be written; their senders are told to send them again", attrs...)
}

func (f *processorFigures) collectors() []prometheus.Collector {
	return []prometheus.Collector{f.flushes, f.size, f.duration, f.answers, f.outcomes, f.retries, f.full, f.turnedAway}
}

func (f *processorFigures) gauges() []*prometheus.Desc {
	return []*prometheus.Desc{f.events, f.bytes, f.mostEvents, f.mostBytes, f.waiting, f.flights}
}

// Describe implements prometheus.Collector.
func (p *BatchEventProcessor) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range p.figures.collectors() {
		c.Describe(ch)
	}
	for _, g := range p.figures.gauges() {
		ch <- g
	}
}

// Collect implements prometheus.Collector.
func (p *BatchEventProcessor) Collect(ch chan<- prometheus.Metric) {
	for _, c := range p.figures.collectors() {
		c.Collect(ch)
	}
	held := p.Held()
	for i, value := range []int{held.Events, held.Bytes, p.config.BufferEvents, p.config.BufferBytes, held.Waiting, held.Flushes} {
		ch <- prometheus.MustNewConstMetric(p.figures.gauges()[i], prometheus.GaugeValue, float64(value))
	}
}

// Held is what a processor holds at one moment.
type Held struct {
	// Events and Bytes are held, those being written included.
	Events, Bytes int
	// Waiting callers have events that did not fit; WaitingBytes is how much.
	Waiting, WaitingBytes int
	// Flushes are being written.
	Flushes int
}

// Held returns what the processor holds now.
func (p *BatchEventProcessor) Held() Held {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Held{
		Events: p.buffer.events, Bytes: p.buffer.bytes,
		Waiting: p.buffer.waiting, WaitingBytes: p.buffer.waitBytes, Flushes: p.flights,
	}
}
