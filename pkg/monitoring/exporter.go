package monitoring

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Bounds of the labels that data could make many of. What has a label once keeps
// it, so that counters go on; what finds no room is left out of the metrics, and
// ovasabi_monitor_left_out says how many.
const (
	mostTableLabels     = 100
	mostIndexLabels     = 200
	mostQueryLabels     = 200
	mostCampaignLabels  = 200
	mostStatementLabels = 100
)

// Exporter shows the newest snapshot to Prometheus. It asks the server nothing.
type Exporter struct {
	collector *PG18StatsCollector
	mu        sync.Mutex
	admitted  map[string]map[string]bool
}

// NewExporter returns an exporter of the collector's snapshots.
func NewExporter(c *PG18StatsCollector) *Exporter {
	return &Exporter{collector: c, admitted: map[string]map[string]bool{}}
}

// Describe sends nothing: the metrics depend on the server.
func (e *Exporter) Describe(chan<- *prometheus.Desc) {}

// room tells whether a label's value may be shown, and remembers it.
func (e *Exporter) room(label, value string, most int) bool {
	seen := e.admitted[label]
	if seen == nil {
		seen = map[string]bool{}
		e.admitted[label] = seen
	}
	if !seen[value] {
		if len(seen) >= most {
			return false
		}
		seen[value] = true
	}
	return true
}

// scrape is one answer to Prometheus.
type scrape struct {
	exporter *Exporter
	out      chan<- prometheus.Metric
	leftOut  map[string]int
}

func desc(m metric) *prometheus.Desc { return descs[m.name] }

// send writes a value under its labels; nil is left out: no value is not zero.
func send[T int | int32 | int64 | uint64 | float64](s *scrape, m metric, v *T, labels ...string) {
	if v == nil {
		return
	}
	x := float64(*v)
	if m.scale != 0 {
		x *= m.scale
	}
	s.out <- prometheus.MustNewConstMetric(desc(m), m.kind, x, labels...)
}

func truth(b bool) *float64 {
	if b {
		return new(1.0)
	}
	return new(0.0)
}

// Collect sends the newest snapshot's figures.
func (e *Exporter) Collect(out chan<- prometheus.Metric) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s, _ := e.collector.Latest()
	sc := &scrape{exporter: e, out: out, leftOut: map[string]int{}}
	if s == nil {
		send(sc, up, new(0.0))
		return
	}
	// Two intervals without a collection: the server is not there.
	fresh := time.Since(s.At) < 3*e.collector.options.Interval+e.collector.options.QueryTimeout
	send(sc, up, truth(fresh))
	send(sc, collectedAt, new(float64(s.At.UnixMilli())))
	send(sc, collectionSeconds, new(s.Took.Seconds()))
	for _, f := range s.Failed {
		send(sc, sectionFailed, new(1.0), f.Section)
	}
	sc.server(s)
	sc.io(s)
	sc.tables(s)
	sc.statements(s)
	sc.client(s)
	sc.locks(s)
	counts := map[[2]string]int{}
	for _, f := range s.Findings {
		counts[[2]string{f.ID, f.Severity}]++
	}
	for key, n := range counts {
		send(sc, findings, &n, key[0], key[1])
	}
	for _, look := range s.Sources {
		at := 0.0
		if !look.LookedAt.IsZero() {
			at = float64(look.LookedAt.Unix())
		}
		send(sc, findingsLookedAt, &at, look.Source)
	}
	for label, n := range sc.leftOut {
		send(sc, leftOut, &n, label)
	}
}

func (s *scrape) admit(label, value string, most int) bool {
	if s.exporter.room(label, value, most) {
		return true
	}
	s.leftOut[label]++
	return false
}

func (s *scrape) server(v *Snapshot) {
	if sv := v.Server; sv != nil {
		send(s, serverInfo, new(1.0), sv.Version, sv.IOMethod, strconv.FormatBool(sv.Checksums))
		send(s, startedAt, new(float64(sv.StartedAt.Unix())))
		send(s, maxConnections, &sv.MaxConnections)
		send(s, freezeMaxAge, &sv.FreezeMaxAge)
	}
	if d := v.Database; d != nil {
		send(s, commits, d.XactCommit)
		send(s, rollbacks, d.XactRollback)
		send(s, blocksRead, d.BlksRead)
		send(s, blocksHit, d.BlksHit)
		send(s, rowsWritten, d.TupInserted, "insert")
		send(s, rowsWritten, d.TupUpdated, "update")
		send(s, rowsWritten, d.TupDeleted, "delete")
		send(s, tempBytes, d.TempBytes)
		send(s, deadlocks, d.Deadlocks)
		send(s, checksumFailures, d.ChecksumFailures)
		send(s, xidAge, &d.OldestXIDAge)
		send(s, multixactAge, &d.OldestMultixactAge)
	}
	send(s, databaseBytes, v.DatabaseBytes)
	if d := v.Disk; d != nil {
		send(s, diskFree, &d.FreeBytes)
		send(s, diskSize, &d.SizeBytes)
	}
	if w := v.WAL; w != nil {
		send(s, walRecords, w.Records)
		send(s, walBytes, w.Bytes)
		send(s, walFullPages, w.FullPageImages)
		send(s, walBuffersFull, w.BuffersFull)
	}
	if c := v.Checkpointer; c != nil {
		send(s, checkpoints, c.Timed, "timed")
		send(s, checkpoints, c.Requested, "requested")
		send(s, checkpointWrite, c.WriteMS)
		send(s, checkpointSync, c.SyncMS)
		send(s, checkpointBuffers, c.BuffersWritten)
	}
	sessions := map[[3]string]int64{}
	for _, a := range v.Activity {
		sessions[[3]string{a.BackendType, a.State, a.WaitType}] += a.Sessions
	}
	for k, n := range sessions {
		send(s, sessionCount, &n, k[0], k[1], k[2])
	}
	if v.Transactions != nil {
		oldest := 0.0
		for _, tx := range v.Transactions {
			oldest = max(oldest, v.At.Sub(tx.StartedAt).Seconds())
		}
		send(s, longTransactions, new(len(v.Transactions)))
		send(s, oldestTransaction, &oldest)
	}
	for _, a := range v.AIO {
		send(s, aioHandles, &a.Handles, a.Operation, a.State, a.Target)
	}
	if r := v.Replication; r != nil {
		send(s, standbyLag, r.BehindS)
		seen := map[string]bool{}
		for _, st := range r.Standbys {
			if seen[st.Standby] {
				continue // several readers under one name: the first stands for them
			}
			seen[st.Standby] = true
			send(s, replayLag, st.ReplayLagS, st.Standby)
			send(s, replayBytes, st.BehindBytes, st.Standby)
		}
		for _, sl := range r.Slots {
			send(s, slotKept, sl.KeptBytes, sl.Slot, strconv.FormatBool(sl.Active))
		}
	}
}

func (s *scrape) io(v *Snapshot) {
	if v.IO == nil {
		return
	}
	for _, r := range v.IO.Rows {
		labels := []string{r.BackendType, r.Object, r.Context, ""}
		for _, part := range []struct {
			op    string
			count *int64
			bytes *int64
			ms    *float64
		}{
			{"read", r.Reads, r.ReadBytes, r.ReadMS},
			{"write", r.Writes, r.WriteBytes, r.WriteMS},
			{"extend", r.Extends, r.ExtendBytes, r.ExtendMS},
			{"writeback", r.Writebacks, nil, r.WritebackMS},
			{"fsync", r.Fsyncs, nil, r.FsyncMS},
			{"hit", r.Hits, nil, nil},
			{"evict", r.Evictions, nil, nil},
			{"reuse", r.Reuses, nil, nil},
		} {
			labels[3] = part.op
			send(s, ioOperations, part.count, labels...)
			send(s, ioBytes, part.bytes, labels...)
			send(s, ioSeconds, part.ms, labels...)
		}
	}
}

func (s *scrape) tables(v *Snapshot) {
	if v.Vacuum != nil {
		for i := range v.Vacuum.Tables {
			t := &v.Vacuum.Tables[i]
			name := t.Name()
			if !s.admit("table", name, mostTableLabels) {
				continue
			}
			send(s, tableBytes, &t.Bytes, name)
			send(s, tableLive, &t.LiveRows, name)
			send(s, tableDead, &t.DeadRows, name)
			send(s, tableVacuumFrom, t.VacuumFrom, name)
			send(s, tableXIDAge, &t.XIDAge, name)
			send(s, tableSeqScans, &t.SeqScans, name)
			for _, part := range []struct {
				kind  string
				count int64
				ms    float64
			}{
				{"vacuum", t.Vacuums, t.VacuumMS}, {"autovacuum", t.Autovacuums, t.AutovacuumMS},
				{"analyze", t.Analyzes, t.AnalyzeMS}, {"autoanalyze", t.Autoanalyzes, t.AutoanalyzeMS},
			} {
				send(s, maintenanceRuns, &part.count, name, part.kind)
				send(s, maintenanceSeconds, &part.ms, name, part.kind)
			}
		}
		running := map[[2]string]int{}
		for _, p := range v.Vacuum.Running {
			running[[2]string{p.Command, strconv.FormatBool(p.Automatic)}]++
		}
		for k, n := range running {
			send(s, maintenanceRunning, &n, k[0], k[1])
		}
	}
	for i := range v.Indexes {
		ix := &v.Indexes[i]
		name := ix.SchemaName + "." + ix.IndexName
		if s.admit("index", name, mostIndexLabels) {
			send(s, indexBytes, &ix.Bytes, name)
			send(s, indexSearches, &ix.Searches, name)
			send(s, indexValid, truth(ix.IsValid), name)
		}
	}
}

func (s *scrape) statements(v *Snapshot) {
	if v.Statements == nil || v.Statements.Missing != "" {
		return
	}
	type sum struct {
		calls, rows, read int64
		ms                float64
	}
	byID := map[string]*sum{}
	for i := range v.Statements.List {
		st := &v.Statements.List[i]
		id := strconv.FormatInt(st.QueryID, 10)
		if byID[id] == nil {
			if !s.admit("query_id", id, mostStatementLabels) {
				continue
			}
			byID[id] = &sum{}
		}
		m := byID[id]
		m.calls += st.Calls
		m.rows += st.Rows
		m.read += st.BlocksRead
		m.ms += st.ExecutionMS
	}
	for id, m := range byID {
		send(s, statementCalls, &m.calls, id)
		send(s, statementRows, &m.rows, id)
		send(s, statementBlocksRead, &m.read, id)
		send(s, statementSeconds, &m.ms, id)
	}
}

func (s *scrape) client(v *Snapshot) {
	if p := v.Pool; p != nil {
		send(s, poolConns, &p.Used, "used")
		send(s, poolConns, &p.Idle, "idle")
		send(s, poolMax, &p.Max)
		send(s, poolWaits, &p.Waited)
		send(s, poolCanceled, &p.Canceled)
		send(s, poolWaitSeconds, &p.WaitedSeconds)
	}
	if c := v.Client; c != nil {
		send(s, clientTransactions, &c.Commits, "commit")
		send(s, clientTransactions, &c.Rollbacks, "rollback")
		send(s, clientRetries, &c.Retries)
		send(s, clientErrors, &c.LockFailures, "lock_not_available")
		send(s, clientErrors, &c.Deadlocks, "deadlock_detected")
		send(s, clientErrors, &c.Serialization, "serialization_failure")
		send(s, clientErrors, &c.Canceled, "query_canceled")
	}
	for i := range v.Campaigns {
		u := &v.Campaigns[i]
		id := strconv.FormatInt(u.Campaign, 10)
		if !s.admit("campaign_id", id, mostCampaignLabels) {
			continue
		}
		send(s, campaignCalls, &u.Calls, id)
		send(s, campaignErrors, &u.Errors, id)
		send(s, campaignRows, &u.Rows, id)
		send(s, campaignSeconds, &u.Seconds, id)
		send(s, campaignQueued, &u.QueuedSeconds, id)
		send(s, campaignTwins, &u.Plain, id, "plain")
		send(s, campaignTwins, &u.Optimised, id, "optimised")
	}
	for i := range v.Queries {
		q := &v.Queries[i]
		if !s.admit("query", q.Name+"\x00"+q.Side, mostQueryLabels) {
			continue
		}
		send(s, queryCalls, &q.Calls, q.Name, q.Side)
		send(s, queryErrors, &q.Errors, q.Name, q.Side)
		send(s, querySeconds, &q.Seconds, q.Name, q.Side)
		send(s, queryMean, q.MeanMS, q.Name, q.Side)
		send(s, queryP95, q.P95MS, q.Name, q.Side)
		send(s, queryUsualMean, q.UsualMeanMS, q.Name, q.Side)
		send(s, queryUsualP95, q.UsualP95MS, q.Name, q.Side)
		send(s, queryRecent, &q.Recent, q.Name, q.Side)
		send(s, queryUsual, &q.Usual, q.Name, q.Side)
	}
}

func (s *scrape) locks(v *Snapshot) {
	if l := v.Locks; l != nil {
		longest := 0.0
		for i := range l.Waiters {
			if w := l.Waiters[i].WaitingSince; w != nil {
				longest = max(longest, l.At.Sub(*w).Seconds())
			}
		}
		send(s, lockWaiting, &l.Waiting)
		send(s, lockLongest, &longest)
	}
}
