package monitoring

import "time"

// Server is what one server is, as the collector's role sees it.
type Server struct {
	Version              string    `json:"version"`
	StartedAt            time.Time `json:"started_at"`
	IOMethod             string    `json:"io_method"`
	Checksums            bool      `json:"checksums"`
	InRecovery           bool      `json:"in_recovery"`
	MaxConnections       int       `json:"max_connections"`
	SharedBuffers        int64     `json:"shared_buffers_bytes"`
	FreezeMaxAge         int64     `json:"freeze_max_age"`
	TrackIOTiming        bool      `json:"track_io_timing"`
	TrackWALIOTiming     bool      `json:"track_wal_io_timing"`
	TrackCostDelayTiming bool      `json:"track_cost_delay_timing"`
	Database             string    `json:"database"`
	Role                 string    `json:"role"`
	// Monitor tells whether the role has the rights of pg_monitor: without them other sessions are blank.
	Monitor bool `json:"monitor"`
	// StatementsSchema holds pg_stat_statements; empty where the extension is not
	// in this database. StatementsLoaded tells whether the server counts at all.
	StatementsSchema string `json:"statements_schema"`
	StatementsLoaded bool   `json:"statements_loaded"`
	// MaintenanceLogged tells whether the schema has a maintenance log that the role may read: from phase 4 on.
	MaintenanceLogged bool `json:"maintenance_logged"`
}

// Database is pg_stat_database for the database that is watched.
type Database struct {
	NumBackends         int        `json:"backends"`
	XactCommit          *int64     `json:"commits"`
	XactRollback        *int64     `json:"rollbacks"`
	BlksRead            *int64     `json:"blocks_read"`
	BlksHit             *int64     `json:"blocks_hit"`
	TupReturned         *int64     `json:"rows_returned"`
	TupFetched          *int64     `json:"rows_fetched"`
	TupInserted         *int64     `json:"rows_inserted"`
	TupUpdated          *int64     `json:"rows_updated"`
	TupDeleted          *int64     `json:"rows_deleted"`
	Conflicts           *int64     `json:"conflicts"`
	TempFiles           *int64     `json:"temp_files"`
	TempBytes           *int64     `json:"temp_bytes"`
	Deadlocks           *int64     `json:"deadlocks"`
	ChecksumFailures    *int64     `json:"checksum_failures"`
	BlockReadMS         *float64   `json:"block_read_ms"`
	BlockWriteMS        *float64   `json:"block_write_ms"`
	ActiveMS            *float64   `json:"active_ms"`
	IdleInTransactionMS *float64   `json:"idle_in_transaction_ms"`
	SessionsKilled      *int64     `json:"sessions_killed"`
	StatsReset          *time.Time `json:"stats_reset"`
	// OldestXIDAge is the age, in transactions, of the oldest that any database of
	// the server still holds. At 2,147,483,648 the server would stop writing.
	OldestXIDAge       int64 `json:"oldest_xid_age"`
	OldestMultixactAge int64 `json:"oldest_multixact_age"`

	CommitsPerS   *float64 `db:"-" json:"commits_per_s"`
	RollbacksPerS *float64 `db:"-" json:"rollbacks_per_s"`
	WrittenPerS   *float64 `db:"-" json:"rows_written_per_s"`
	TempBytesPerS *float64 `db:"-" json:"temp_bytes_per_s"`
	// NewDeadlocks is how many came since the reading before, RecentDeadlocks within ten minutes.
	NewDeadlocks    *int64 `db:"-" json:"new_deadlocks"`
	RecentDeadlocks int64  `db:"-" json:"recent_deadlocks"`
	// CacheHits is the share of block accesses since the reading before that shared
	// buffers answered; nil where there was none.
	CacheHits *float64 `db:"-" json:"cache_hits"`

	deadlocks []counted // of RecentDeadlocks
}

// counted is a number of things that happened until a reading.
type counted struct {
	at time.Time
	n  int64
}

// recently is how long what happens in a moment is told.
const recently = 10 * time.Minute

// remember adds what came since the reading before to what was recent then.
func (d *Database) remember(before []counted, at time.Time) {
	for _, c := range before {
		if at.Sub(c.at) < recently {
			d.deadlocks = append(d.deadlocks, c)
		}
	}
	if d.NewDeadlocks != nil && *d.NewDeadlocks > 0 {
		d.deadlocks = append(d.deadlocks, counted{at, *d.NewDeadlocks})
	}
	for _, c := range d.deadlocks {
		d.RecentDeadlocks += c.n
	}
}

func (d *Database) rates(b *Database, at time.Time, over time.Duration) {
	if b == nil {
		return
	}
	reset := wasReset(b.StatsReset, d.StatsReset)
	d.CommitsPerS = rateOf(b.XactCommit, d.XactCommit, reset, over)
	d.RollbacksPerS = rateOf(b.XactRollback, d.XactRollback, reset, over)
	d.TempBytesPerS = rateOf(b.TempBytes, d.TempBytes, reset, over)
	d.NewDeadlocks = growth(b.Deadlocks, d.Deadlocks, reset)
	d.remember(b.deadlocks, at)
	d.WrittenPerS = add(rateOf(b.TupInserted, d.TupInserted, reset, over),
		add(rateOf(b.TupUpdated, d.TupUpdated, reset, over), rateOf(b.TupDeleted, d.TupDeleted, reset, over)))
	hit := rateOf(b.BlksHit, d.BlksHit, reset, over)
	d.CacheHits = share(hit, add(hit, rateOf(b.BlksRead, d.BlksRead, reset, over)))
}

// WAL is pg_stat_wal; its timings are in IOStats, under the object wal.
type WAL struct {
	Records        *int64     `json:"records"`
	FullPageImages *int64     `json:"full_page_images"`
	Bytes          *int64     `json:"bytes"`
	BuffersFull    *int64     `json:"buffers_full"`
	StatsReset     *time.Time `json:"stats_reset"`

	BytesPerS *float64 `db:"-" json:"bytes_per_s"`
}

func (w *WAL) rates(b *WAL, over time.Duration) {
	if b != nil {
		w.BytesPerS = rateOf(b.Bytes, w.Bytes, wasReset(b.StatsReset, w.StatsReset), over)
	}
}

// Checkpointer is pg_stat_checkpointer.
type Checkpointer struct {
	Timed             *int64     `json:"timed"`
	Requested         *int64     `json:"requested"`
	Done              *int64     `json:"done"`
	RestartpointsDone *int64     `json:"restartpoints_done"`
	WriteMS           *float64   `json:"write_ms"`
	SyncMS            *float64   `json:"sync_ms"`
	BuffersWritten    *int64     `json:"buffers_written"`
	SLRUWritten       *int64     `json:"slru_written"`
	StatsReset        *time.Time `json:"stats_reset"`
}

// Activity is a number of sessions in one state.
type Activity struct {
	BackendType string `json:"backend_type"`
	State       string `json:"state"`
	WaitType    string `json:"wait_type"`
	Sessions    int64  `json:"sessions"`
}

// Transaction is one that has been open for long.
type Transaction struct {
	PID         int32      `json:"pid"`
	Login       string     `json:"login"`
	Application string     `json:"application"`
	State       string     `json:"state"`
	WaitType    string     `json:"wait_type"`
	WaitEvent   string     `json:"wait_event"`
	StartedAt   time.Time  `json:"started_at"`
	StateSince  *time.Time `json:"state_since"`
	// XminAge is how many transactions ago its view of the data was taken: vacuum cannot clean newer dead rows.
	XminAge int64 `json:"xmin_age"`
	// Query has its constants replaced.
	Query string `json:"query"`
	// Campaign is known for sessions of this process; 0 otherwise.
	Campaign int64 `db:"-" json:"campaign_id,omitempty"`
}

// AIO is asynchronous I/O in flight at the moment of the reading.
type AIO struct {
	Operation string `json:"operation"`
	State     string `json:"state"`
	Target    string `json:"target"`
	Handles   int64  `json:"handles"`
	Bytes     int64  `json:"bytes"`
}

// Standby is one reader of pg_stat_replication. Lags are nil while nothing is written.
type Standby struct {
	Standby     string   `json:"standby"`
	State       string   `json:"state"`
	SyncState   string   `json:"sync_state"`
	WriteLagS   *float64 `json:"write_lag_s"`
	FlushLagS   *float64 `json:"flush_lag_s"`
	ReplayLagS  *float64 `json:"replay_lag_s"`
	BehindBytes *int64   `json:"behind_bytes"`
}

// Slot is a replication slot.
type Slot struct {
	Slot         string `json:"slot"`
	SlotType     string `json:"slot_type"`
	Active       bool   `json:"active"`
	WALStatus    string `json:"wal_status"`
	KeptBytes    *int64 `json:"kept_bytes"`
	SafeBytes    *int64 `json:"safe_bytes"`
	Invalidation string `json:"invalidation"`
}

// Replication is how far others, and this server itself, are behind.
type Replication struct {
	Standbys []Standby `json:"standbys"`
	Slots    []Slot    `json:"slots"`
	// BehindS is how far this server is behind, where it is a standby.
	BehindS *float64 `json:"behind_s"`
}

// Setting is one that differs from what the server was built with.
type Setting struct {
	Name           string `json:"name"`
	Setting        string `json:"setting"`
	Unit           string `json:"unit"`
	Source         string `json:"source"`
	BuiltIn        string `json:"built_in"`
	PendingRestart bool   `json:"pending_restart"`
}

// SettingChange is a setting that was seen to change between two readings.
type SettingChange struct {
	At   time.Time `json:"at"`
	Name string    `json:"name"`
	From string    `json:"from"`
	To   string    `json:"to"`
}
