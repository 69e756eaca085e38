package maintenance

import (
	"fmt"
	"time"
)

// Action is a kind of maintenance.
type Action string

// The actions. Their names stand in the log.
const (
	Vacuum          Action = "vacuum"
	Analyze         Action = "analyze"
	Freeze          Action = "freeze"
	Reindex         Action = "reindex"
	DropIndex       Action = "drop_index"
	CreatePartition Action = "create_partition"
	DropPartition   Action = "drop_partition"
	Retention       Action = "retention"
	Configure       Action = "configure"
)

// order is that in which tasks are done: what prevents harm first, what takes longest last.
var order = []Action{CreatePartition, Freeze, DropIndex, Configure, Vacuum, Analyze, DropPartition, Retention, Reindex}

// Task is one thing to do, with the figures that led to it. Its JSON is a contract.
type Task struct {
	Action Action `json:"action"`
	// Object is the table, partition or index, with its schema.
	Object string `json:"object"`
	// Why is a sentence with the figures.
	Why string `json:"why"`
	// Bytes is about how much it reads and writes, Seconds about how long it takes.
	Bytes   int64   `json:"estimated_bytes"`
	Seconds float64 `json:"estimated_seconds"`
	// When is now, or what it waits for.
	When string `json:"when"`
	// Statement is what it runs; for a retention, a batch of it.
	Statement string `json:"statement"`
	// Urgent waits for no window and for no load: there is harm in waiting.
	Urgent bool `json:"urgent"`
	// Due is past the threshold of autovacuum itself: once begun it is not broken off for load.
	Due bool `json:"due"`
	// Blocked says why this role may not do it; empty where it may.
	Blocked string `json:"blocked,omitempty"`

	// table is the one whose locks and maintainers matter.
	table    string
	campaign int64
	before   time.Time // of a retention
	analyze  bool      // together with a vacuum
	weight   float64
}

// key tells tasks apart in the log.
func (t *Task) key() string { return string(t.Action) + " " + t.Object }

// interruptible tells whether breaking it off loses little: vacuum and analyze
// begin again where pages are not clean yet, a build begins from nothing.
func (t *Task) interruptible() bool { return t.Action != Reindex && t.Action != DropIndex }

// bytesPerSecond is what an action gets through, until the log knows better.
func bytesPerSecond(a Action) float64 {
	if a == Reindex {
		return 30 << 20
	}
	return 40 << 20 // the cost limit at its default, all pages dirtied
}

func size(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%.0f GB", float64(n)/(1<<30))
	case n >= 10<<20:
		return fmt.Sprintf("%.0f MB", float64(n)/(1<<20))
	default:
		return fmt.Sprintf("%.0f kB", float64(n)/(1<<10))
	}
}
