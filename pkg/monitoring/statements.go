package monitoring

import "time"

// Statement is one entry of pg_stat_statements in this database. It joins
// statements of equal form whatever their campaign: see Tracer for campaigns.
type Statement struct {
	QueryID           int64     `json:"query_id"`
	UserID            uint32    `json:"user_id"`
	TopLevel          bool      `json:"top_level"`
	Calls             int64     `json:"calls"`
	Rows              int64     `json:"rows"`
	ExecutionMS       float64   `json:"execution_ms"`
	PlanningMS        float64   `json:"planning_ms"`
	BlocksHit         int64     `json:"blocks_hit"`
	BlocksRead        int64     `json:"blocks_read"`
	TempBlocksWritten int64     `json:"temp_blocks_written"`
	WALBytes          int64     `json:"wal_bytes"`
	StatsSince        time.Time `json:"stats_since"`

	// Query is the text with its constants replaced, at most 4,000 characters.
	Query string `db:"-" json:"query"`
	// The deltas are since the reading before; nil where the entry was not read before.
	NewCalls       *int64   `db:"-" json:"new_calls"`
	NewRows        *int64   `db:"-" json:"new_rows"`
	NewExecutionMS *float64 `db:"-" json:"new_execution_ms"`
	NewBlocksRead  *int64   `db:"-" json:"new_blocks_read"`
	CallsPerS      *float64 `db:"-" json:"calls_per_s"`
	// BusyShare is the execution time since the reading before over that time: 1.0 keeps one backend busy.
	BusyShare *float64 `db:"-" json:"busy_share"`
}

// Statements is pg_stat_statements: the statements that cost most in all.
type Statements struct {
	// Missing says why there are none, and what to do about it; empty where they are read.
	Missing   string      `json:"missing,omitempty"`
	List      []Statement `json:"list"`
	Evictions int64       `json:"evictions"`
	ResetAt   *time.Time  `json:"reset_at"`
}

type statementKey struct {
	query    int64
	user     uint32
	topLevel bool
}

func (s *Statement) key() statementKey { return statementKey{s.QueryID, s.UserID, s.TopLevel} }

func (s *Statements) rates(before *Statements, at time.Time, over time.Duration) {
	if before == nil || before.Missing != "" {
		return
	}
	known := make(map[statementKey]*Statement, len(before.List))
	for i := range before.List {
		known[before.List[i].key()] = &before.List[i]
	}
	for i := range s.List {
		n := &s.List[i]
		b, ok := known[n.key()]
		if !ok {
			if !n.StatsSince.After(at) {
				continue // it was there, below those that were read: what it grew by is not known
			}
			b = &Statement{StatsSince: n.StatsSince}
		}
		reset := !b.StatsSince.Equal(n.StatsSince)
		n.NewCalls = growth(&b.Calls, &n.Calls, reset)
		n.NewRows = growth(&b.Rows, &n.Rows, reset)
		n.NewExecutionMS = growth(&b.ExecutionMS, &n.ExecutionMS, reset)
		n.NewBlocksRead = growth(&b.BlocksRead, &n.BlocksRead, reset)
		n.CallsPerS = perSecond(n.NewCalls, over)
		if busy := perSecond(n.NewExecutionMS, over); busy != nil {
			n.BusyShare = new(*busy / 1000)
		}
	}
}
