package maintenance

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// WithClock has a maintainer ask now for the time of day.
func WithClock(o Options, now func() time.Time) Options { o.now = now; return o }

// WithDial has a maintainer open its connections through dial.
func WithDial(o Options, dial pgconn.DialFunc) Options { o.dial = dial; return o }

// WithCheckpoint has a round call fn between any two of its steps, and end where it returns an error.
func WithCheckpoint(o Options, fn func(name string) error) Options { o.checkpoint = fn; return o }

// WithBeat sets how often load is looked at, and how long a lease lasts.
func WithBeat(o Options, beat, ttl time.Duration) Options { o.beat, o.ttl = beat, ttl; return o }

// Lead holds the lease for as long as fn runs.
var Lead = (*Maintainer).lead

// BatchSize is that of a retention.
const BatchSize = retentionBatch

// OpenWorker opens the connection that the work is done on, and SkippedBy tells what the server left out on it.
func OpenWorker(ctx context.Context, m *Maintainer) (*worker, error) { return m.openWorker(ctx) }

// SkippedBy tells what the server left out on the worker's connection.
func SkippedBy(w *worker) string { return w.skippedBy() }

// Portion has the watch do one portion.
func Portion(ctx context.Context, m *Maintainer) error { return m.portion(ctx) }
