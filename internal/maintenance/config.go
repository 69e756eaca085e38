package maintenance

import (
	"time"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Config is what an operator can tell a maintainer. kong reads the tags; Default
// returns the same values.
type Config struct {
	// Windows are the times of day at which what can wait is done; none is always.
	Windows []string `name:"window" env:"OVASABI_MAINTAIN_WINDOW" placeholder:"HH:MM-HH:MM" help:"Times of day for what can wait, such as 01:00-05:00; may cross midnight, may be repeated (default: always)."`
	// TimeZone is that of the windows.
	TimeZone string `name:"time-zone" env:"OVASABI_MAINTAIN_TIME_ZONE" default:"UTC" placeholder:"ZONE" help:"Time zone of the windows, such as Europe/Berlin."`

	// Interval is the time between two rounds of serve. 1s to 24h.
	Interval time.Duration `name:"interval" env:"OVASABI_MAINTAIN_INTERVAL" default:"1m" help:"Time between two rounds of serve."`
	// MaxTime and MaxBytes are the budget of 24 hours; 0 is without limit.
	MaxTime  time.Duration `name:"max-time" env:"OVASABI_MAINTAIN_MAX_TIME" default:"0s" help:"Most time spent on maintenance within 24 hours; 0 is without limit."`
	MaxBytes int64         `name:"max-bytes" env:"OVASABI_MAINTAIN_MAX_BYTES" default:"0" placeholder:"N" help:"Most bytes read and written by maintenance within 24 hours; 0 is without limit."`
	// CostDelay and CostLimit are vacuum_cost_delay and vacuum_cost_limit of its session.
	CostDelay time.Duration `name:"cost-delay" env:"OVASABI_MAINTAIN_COST_DELAY" default:"2ms" help:"vacuum_cost_delay of its session, 0 to 100ms; 0 does not rest."`
	CostLimit int           `name:"cost-limit" env:"OVASABI_MAINTAIN_COST_LIMIT" default:"200" placeholder:"N" help:"vacuum_cost_limit of its session, 1 to 10000."`

	// VacuumLead and AnalyzeLead are the shares of autovacuum's scale factors, and
	// FreezeLead that of its age, from which on it acts. Above 0, at most 1.
	VacuumLead  float64 `name:"vacuum-lead" env:"OVASABI_MAINTAIN_VACUUM_LEAD" default:"0.25" placeholder:"SHARE" help:"Share of autovacuum's scale factor from which a table is vacuumed."`
	AnalyzeLead float64 `name:"analyze-lead" env:"OVASABI_MAINTAIN_ANALYZE_LEAD" default:"0.5" placeholder:"SHARE" help:"Share of autovacuum's scale factor from which a table is analyzed."`
	FreezeLead  float64 `name:"freeze-lead" env:"OVASABI_MAINTAIN_FREEZE_LEAD" default:"0.75" placeholder:"SHARE" help:"Share of autovacuum_freeze_max_age from which a table is frozen."`
	// IndexBloat is how many times its ideal size an index may have; IndexMinBytes is the size below which it does not matter.
	IndexBloat    float64 `name:"index-bloat" env:"OVASABI_MAINTAIN_INDEX_BLOAT" default:"2" placeholder:"TIMES" help:"How many times its ideal size a B-tree index may have before it is built anew; at least 1.2."`
	IndexMinBytes int64   `name:"index-min-bytes" env:"OVASABI_MAINTAIN_INDEX_MIN_BYTES" default:"16777216" placeholder:"N" help:"Size of an index below which its bloat does not matter."`

	// LatencyRise is how many times its usual the latency of others may be; 0 does not look.
	LatencyRise float64 `name:"latency-rise" env:"OVASABI_MAINTAIN_LATENCY_RISE" default:"1.5" placeholder:"TIMES" help:"It yields when the statements of others take so many times their usual; 0 does not look."`
	// MaxActive is how many sessions of others may be at work; 0 does not look.
	MaxActive int `name:"max-active" env:"OVASABI_MAINTAIN_MAX_ACTIVE" default:"0" placeholder:"N" help:"It yields when more sessions of others are active; 0 does not look."`
	// MaxLag and MaxLagBytes are how far a standby may be behind.
	MaxLag      time.Duration `name:"max-lag" env:"OVASABI_MAINTAIN_MAX_LAG" default:"30s" help:"It waits while a standby replays further behind than this; 0 does not look."`
	MaxLagBytes int64         `name:"max-lag-bytes" env:"OVASABI_MAINTAIN_MAX_LAG_BYTES" default:"268435456" placeholder:"N" help:"It waits while a standby is more bytes behind; 0 does not look."`
	// Patience is how long one task is put off by load or lag within a round, and how long the building of an index waits for older transactions.
	Patience time.Duration `name:"patience" env:"OVASABI_MAINTAIN_PATIENCE" default:"5m" help:"Longest wait within a round for load or lag to pass, or for the transactions before the building of an index; then it is left to a later round."`

	Integrity Integrity `embed:"" prefix:"integrity-"`
}

// Integrity says how the watch over integrity goes: the verifications of `migrate
// verify`, a portion a round.
type Integrity struct {
	// Every is the time from the beginning of one going through to that of the next. 0 switches it off.
	Every time.Duration `name:"every" env:"OVASABI_INTEGRITY_EVERY" default:"24h" help:"Time from the beginning of one verification of everything to the next; 0 switches the watch off."`
	// Portion is the time that one portion may take; one batch of rows or one index is gone through whatever it takes.
	Portion time.Duration `name:"portion" env:"OVASABI_INTEGRITY_PORTION" default:"10s" help:"Time of one portion, of which each round does one."`
	// Share is the share of a portion's time in which it reads; in the rest it rests. Above 0, at most 1.
	Share float64 `name:"share" env:"OVASABI_INTEGRITY_SHARE" default:"0.25" placeholder:"SHARE" help:"Share of a portion's time in which it reads; in the rest it rests."`
}

// Default is what the flags say when nobody says anything.
func Default() Config {
	return Config{
		TimeZone: "UTC", Interval: time.Minute, CostDelay: 2 * time.Millisecond, CostLimit: 200,
		VacuumLead: 0.25, AnalyzeLead: 0.5, FreezeLead: 0.75, IndexBloat: 2, IndexMinBytes: 16 << 20,
		LatencyRise: 1.5, MaxLag: 30 * time.Second, MaxLagBytes: 256 << 20, Patience: 5 * time.Minute,
		Integrity: Integrity{Every: 24 * time.Hour, Portion: 10 * time.Second, Share: 0.25},
	}
}

// Validate returns an Invalid fault that names the first setting that is wrong.
func (c Config) Validate() error {
	if _, err := parseWindows(c.Windows, c.TimeZone); err != nil {
		return err
	}
	within := func(name string, v, low, high float64) error {
		if v > low && v <= high {
			return nil
		}
		return fault.Field(name, "must be above %g and at most %g, not %g", low, high, v)
	}
	for _, check := range []error{
		within("interval", c.Interval.Seconds(), 0, 86400),
		within("vacuum-lead", c.VacuumLead, 0, 1),
		within("analyze-lead", c.AnalyzeLead, 0, 1),
		within("freeze-lead", c.FreezeLead, 0, 1),
		within("cost-limit", float64(c.CostLimit), 0, 10000),
		within("integrity-share", c.Integrity.Share, 0, 1),
	} {
		if check != nil {
			return check
		}
	}
	switch {
	case c.CostDelay < 0 || c.CostDelay > 100*time.Millisecond:
		return fault.Field("cost-delay", "must be from 0 to 100ms, not %s", c.CostDelay)
	case c.IndexBloat < 1.2:
		return fault.Field("index-bloat", "must be at least 1.2, not %g", c.IndexBloat)
	case c.LatencyRise != 0 && c.LatencyRise < 1.1:
		return fault.Field("latency-rise", "must be at least 1.1, or 0 to not look, not %g", c.LatencyRise)
	case c.MaxTime < 0 || c.MaxBytes < 0 || c.IndexMinBytes < 0 || c.MaxActive < 0 || c.MaxLag < 0 || c.MaxLagBytes < 0 || c.Patience < 0:
		return fault.Field("max-time", "max-time, max-bytes, index-min-bytes, max-active, max-lag, max-lag-bytes and patience must not be negative")
	case c.Integrity.Every < 0 || c.Integrity.Portion <= 0:
		return fault.Field("integrity-portion", "must be above 0, and integrity-every not negative")
	}
	return nil
}
