package monitoring

import "time"

// Table is what is known of one table, its times in milliseconds since the reset.
type Table struct {
	SchemaName string `json:"schema"`
	TableName  string `json:"table"`
	// Parent is the partitioned table that it is a part of, or empty.
	Parent string `json:"parent,omitempty"`
	// Bytes is the size of the table itself at its last vacuum or analyze.
	Bytes               int64      `json:"bytes"`
	RowsEstimated       int64      `json:"rows_estimated"`
	LiveRows            int64      `json:"live_rows"`
	DeadRows            int64      `json:"dead_rows"`
	ChangedSinceAnalyze int64      `json:"changed_since_analyze"`
	InsertedSinceVacuum int64      `json:"inserted_since_vacuum"`
	SeqScans            int64      `json:"seq_scans"`
	SeqRows             int64      `json:"seq_rows"`
	Inserted            int64      `json:"inserted"`
	Updated             int64      `json:"updated"`
	Deleted             int64      `json:"deleted"`
	HotUpdated          int64      `json:"hot_updated"`
	Vacuums             int64      `json:"vacuums"`
	Autovacuums         int64      `json:"autovacuums"`
	Analyzes            int64      `json:"analyzes"`
	Autoanalyzes        int64      `json:"autoanalyzes"`
	LastVacuum          *time.Time `json:"last_vacuum"`
	LastAutovacuum      *time.Time `json:"last_autovacuum"`
	LastAnalyze         *time.Time `json:"last_analyze"`
	LastAutoanalyze     *time.Time `json:"last_autoanalyze"`
	VacuumMS            float64    `json:"total_vacuum_ms"`
	AutovacuumMS        float64    `json:"total_autovacuum_ms"`
	AnalyzeMS           float64    `json:"total_analyze_ms"`
	AutoanalyzeMS       float64    `json:"total_autoanalyze_ms"`
	// XIDAge is how many transactions ago the table was last frozen whole.
	XIDAge int64 `json:"xid_age"`
	// FrozenShare is the share of pages that no vacuum need freeze again; nil for an empty table.
	FrozenShare *float64 `json:"frozen_share"`
	// VacuumFrom is how many dead rows wake autovacuum; nil where it is off for the table.
	VacuumFrom *float64 `json:"vacuum_from"`
}

// Name returns schema and table.
func (t *Table) Name() string { return t.SchemaName + "." + t.TableName }

// Progress is maintenance under way.
type Progress struct {
	Command   string `json:"command"`
	PID       int32  `json:"pid"`
	TableName string `json:"table"`
	Phase     string `json:"phase"`
	// Done and Total are blocks.
	Done  *int64 `json:"done"`
	Total *int64 `json:"total"`
	// DelayMS is how long it slept for its cost limit; nil where the server does not measure it.
	DelayMS   *float64   `json:"delay_ms"`
	Automatic bool       `json:"automatic"`
	StartedAt *time.Time `json:"started_at"`
}

// VacuumStats is what vacuum and analyze have done and do.
type VacuumStats struct {
	// Tables are the largest, largest first.
	Tables  []Table    `json:"tables"`
	Running []Progress `json:"running"`
}

// Maintenance is one entry of ovasabi.maintenance_log: what `ovasabi maintain` did, and why.
type Maintenance struct {
	Action    string     `json:"action"`
	Object    string     `json:"object"`
	Reason    string     `json:"reason"`
	StartedAt time.Time  `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at"`
	// Outcome is running, done, skipped or failed.
	Outcome string `json:"outcome"`
	Detail  string `json:"detail"`
}

// Index is what is known of one index.
type Index struct {
	SchemaName string `json:"schema"`
	TableName  string `json:"table"`
	IndexName  string `json:"index"`
	Bytes      int64  `json:"bytes"`
	// Searches counts descents: a scan that skips or looks for several values makes many.
	Searches    int64      `json:"searches"`
	EntriesRead int64      `json:"entries_read"`
	RowsFetched int64      `json:"rows_fetched"`
	LastUsed    *time.Time `json:"last_used"`
	IsUnique    bool       `json:"unique"`
	IsPrimary   bool       `json:"primary"`
	IsValid     bool       `json:"valid"`
}
