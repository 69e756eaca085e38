package nexus

import (
	"time"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// ProcessorConfig shapes how events are gathered and written. kong reads the
// tags. The zero value of a field takes its default.
type ProcessorConfig struct {
	// BatchSize is the most events in one flush: DB_BATCH_SIZE, which belongs to the
	// pool's configuration. 1 to 100,000; defaults to 1000.
	BatchSize int `kong:"-"`
	// BatchBytes is the most bytes of events in one flush; a larger event goes
	// alone. 64 KiB to 64 MiB; defaults to 4 MiB.
	BatchBytes int `name:"event-batch-bytes" env:"OVASABI_EVENT_BATCH_BYTES" default:"4194304" help:"Most bytes of events written together."`
	// FlushTimeout is the longest that an event waits for others to be written
	// with. Nothing waits while its campaign is quiet. 100µs to 10s; defaults to 10ms.
	FlushTimeout time.Duration `name:"event-flush-timeout" env:"OVASABI_EVENT_FLUSH_TIMEOUT" default:"10ms" help:"Longest that an event waits for others to be written with."`
	// BufferEvents bounds the events that are held, those being written included;
	// further callers wait. At least BatchSize; defaults to 50,000.
	BufferEvents int `name:"event-buffer-events" env:"OVASABI_EVENT_BUFFER_EVENTS" default:"50000" help:"Most events held in memory; further callers wait."`
	// BufferBytes bounds the same in bytes, and callers that wait to four times
	// that. At least BatchBytes; defaults to 32 MiB.
	BufferBytes int `name:"event-buffer-bytes" env:"OVASABI_EVENT_BUFFER_BYTES" default:"33554432" help:"Most bytes of events held in memory; further callers wait."`
	// Writers is how many campaigns are written at once. A flush that takes longer
	// than a second lends its place to another one. 1 to 100; defaults to 4.
	Writers int `name:"event-writers" env:"OVASABI_EVENT_WRITERS" default:"4" help:"Campaigns whose events are written at once."`
	// WriteTimeout bounds one attempt to write. More than 0; defaults to 10s.
	WriteTimeout time.Duration `name:"event-write-timeout" env:"OVASABI_EVENT_WRITE_TIMEOUT" default:"10s" help:"Longest attempt to write events."`
	// RetryFor is how long a flush is tried again before its callers are told to
	// send again. More than 0; defaults to 30s.
	RetryFor time.Duration `name:"event-retry-for" env:"OVASABI_EVENT_RETRY_FOR" default:"30s" help:"How long events are tried again before their senders are told."`
	// DrainTimeout bounds the writing of what is held at the end of the process.
	// More than 0; defaults to 10s.
	DrainTimeout time.Duration `name:"event-drain-timeout" env:"OVASABI_EVENT_DRAIN_TIMEOUT" default:"10s" help:"Longest that held events are written at shutdown."`
}

// DefaultProcessorConfig returns the defaults of the tags, for a program without a command line.
func DefaultProcessorConfig() ProcessorConfig { return ProcessorConfig{}.withDefaults() }

func (c ProcessorConfig) withDefaults() ProcessorConfig {
	orInt(&c.BatchSize, 1000)
	orInt(&c.BatchBytes, 4<<20)
	orInt(&c.BufferEvents, max(50_000, c.BatchSize))
	orInt(&c.BufferBytes, max(32<<20, c.BatchBytes))
	orInt(&c.Writers, 4)
	orDuration(&c.FlushTimeout, 10*time.Millisecond)
	orDuration(&c.WriteTimeout, 10*time.Second)
	orDuration(&c.RetryFor, 30*time.Second)
	orDuration(&c.DrainTimeout, 10*time.Second)
	return c
}

func orInt(value *int, usual int) {
	if *value == 0 {
		*value = usual
	}
}

func orDuration(value *time.Duration, usual time.Duration) {
	if *value == 0 {
		*value = usual
	}
}

// Validate returns an Invalid fault naming the first field, by its flag, that is wrong.
func (c ProcessorConfig) Validate() error {
	c = c.withDefaults()
	for _, f := range []struct {
		flag                   string
		value, lowest, highest int
	}{
		{"DB_BATCH_SIZE", c.BatchSize, 1, 100_000},
		{"event-batch-bytes", c.BatchBytes, 64 << 10, 64 << 20},
		{"event-buffer-events", c.BufferEvents, c.BatchSize, 10_000_000},
		{"event-buffer-bytes", c.BufferBytes, c.BatchBytes, 4 << 30},
		{"event-writers", c.Writers, 1, 100},
	} {
		if f.value < f.lowest || f.value > f.highest {
			return fault.Field(f.flag, "must be from %d to %d, not %d", f.lowest, f.highest, f.value)
		}
	}
	if c.FlushTimeout < 100*time.Microsecond || c.FlushTimeout > 10*time.Second {
		return fault.Field("event-flush-timeout", "must be from 100µs to 10s, not %s", c.FlushTimeout)
	}
	for _, f := range []struct {
		flag  string
		value time.Duration
	}{
		{"event-write-timeout", c.WriteTimeout}, {"event-retry-for", c.RetryFor}, {"event-drain-timeout", c.DrainTimeout},
	} {
		if f.value < 0 {
			return fault.Field(f.flag, "must be more than 0, not %s", f.value)
		}
	}
	return nil
}
