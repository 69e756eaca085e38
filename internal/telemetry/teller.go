package telemetry

import (
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
)

// teller logs what OpenTelemetry could not do, at most once a minute: a receiver
// that is away fails each time.
type teller struct {
	log  *slog.Logger
	mu   sync.Mutex
	last time.Time
	left int
}

const tellEvery = time.Minute

func newTeller(log *slog.Logger) otel.ErrorHandler { return &teller{log: log} }

// Handle implements otel.ErrorHandler.
func (t *teller) Handle(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Since(t.last) < tellEvery {
		t.left++
		return
	}
	t.log.Warn("traces or metrics were not sent: see OTEL_EXPORTER_OTLP_ENDPOINT and whether it answers",
		slog.String("error", err.Error()), slog.Int("untold_before", t.left))
	t.last, t.left = time.Now(), 0
}
