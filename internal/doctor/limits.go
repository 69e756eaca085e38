package doctor

import (
	"time"

	"github.com/jackc/pgx/v5"
)

// Limits say from when on a figure is a finding, and what a run may cost.
type Limits struct {
	// StatementTimeout ends each statement, LockTimeout each wait for a lock.
	StatementTimeout, LockTimeout time.Duration
	// Budget is after how long no further statement of the application is planned.
	Budget time.Duration
	// MeasureTimeout ends the measuring of one table, with Options.Measure.
	MeasureTimeout time.Duration

	// LongTransaction is how long a transaction may be open, IdleInTransaction how long idle at that.
	LongTransaction, IdleInTransaction time.Duration
	// Prepared is how old a prepared transaction may be.
	Prepared time.Duration
	// Blocked is how long a session may wait for a lock.
	Blocked time.Duration

	// DeadRows is how many are worth a word, VacuumBehind how many times those that wake autovacuum may lie about.
	DeadRows     int64
	VacuumBehind float64
	// LargeRows is from how many rows on a table needs statistics and indexes.
	LargeRows int64
	// BloatBytes and BloatShare (0 to 1) are how much of a table or an index may be air; both must be exceeded.
	BloatBytes int64
	BloatShare float64
	// UnusedBytes and UnusedWrites are from where on an index without a search is worth a word.
	UnusedBytes, UnusedWrites int64
	// SlowQuery is the mean time from which a statement's plan is looked at.
	SlowQuery time.Duration
	// SequenceUsed is the share (0 to 1) of a sequence's numbers that may be used.
	SequenceUsed float64
	// ConnectionsUsed is the share (0 to 1) of max_connections that may be used.
	ConnectionsUsed float64
	// StatementShapes is how many texts of one shape a statement cache should hold.
	StatementShapes int
	// SlotBytes is how much write-ahead log an unused replication slot may keep.
	SlotBytes int64
}

// DefaultLimits are meant for a service that answers people.
func DefaultLimits() Limits {
	return Limits{
		StatementTimeout: 500 * time.Millisecond, LockTimeout: 100 * time.Millisecond,
		Budget: 2 * time.Second, MeasureTimeout: time.Minute,
		LongTransaction: 15 * time.Minute, IdleInTransaction: 5 * time.Minute,
		Prepared: 5 * time.Minute, Blocked: 5 * time.Second,
		DeadRows: 10_000, VacuumBehind: 3, LargeRows: 10_000,
		BloatBytes: 16 << 20, BloatShare: 0.5,
		UnusedBytes: 1 << 20, UnusedWrites: 10_000,
		SlowQuery: 100 * time.Millisecond, SequenceUsed: 0.75, ConnectionsUsed: 0.8,
		StatementShapes: 20, SlotBytes: 1 << 30,
	}
}

// args are the limits as the checks' SQL names them.
func (e *examination) args() pgx.NamedArgs {
	l := e.limits
	return pgx.NamedArgs{
		"long_seconds": l.LongTransaction.Seconds(), "idle_seconds": l.IdleInTransaction.Seconds(),
		"prepared_seconds": l.Prepared.Seconds(), "blocked_seconds": l.Blocked.Seconds(),
		"dead_rows": l.DeadRows, "behind": l.VacuumBehind, "large_rows": l.LargeRows,
		"bloat_bytes": l.BloatBytes, "bloat_share": l.BloatShare,
		"unused_bytes": l.UnusedBytes, "unused_writes": l.UnusedWrites,
		"connections_used": l.ConnectionsUsed,
		"shapes":           l.StatementShapes, "slot_bytes": l.SlotBytes,
		"pool_size": e.options.PoolSize,
	}
}
