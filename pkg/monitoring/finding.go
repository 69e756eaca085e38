package monitoring

import (
	"fmt"
	"time"
)

// Finding is one thing that an operator should know of, in the form that doctor prints.
type Finding struct {
	ID string `json:"id"`
	// Severity is error, warning or info.
	Severity string `json:"severity"`
	Object   string `json:"object"`
	Evidence string `json:"evidence"`
	Remedy   string `json:"remedy"`
}

// Thresholds say from when on a figure is a finding.
type Thresholds struct {
	// PoolUsed is the share of the pool, 0 to 1.
	PoolUsed float64
	// RollbackShare is the share of transactions, among at least RollbackEnough of one interval.
	RollbackShare  float64
	RollbackEnough int64
	// RetryShare is the share of transactions, among as many, that were run again.
	RetryShare float64
	// LockWait is how long one session may wait; LockWaiters how many may at once.
	LockWait    time.Duration
	LockWaiters int
	// Transaction is how long one may be open, IdleInTransaction how long idle at that.
	Transaction, IdleInTransaction time.Duration
	// ReplicationLag is how far a standby may be behind.
	ReplicationLag time.Duration
	// WraparoundShare is the oldest transaction's share of the 2^31 that there are.
	WraparoundShare float64
	// VacuumBehind is how many times the dead rows that wake autovacuum may lie about.
	VacuumBehind float64
	// DiskFree is the share of the disk that must stay free, 0 to 1; half of it is an error.
	DiskFree float64
	// SlotKeeps is how many bytes of write-ahead log a slot that nobody reads may keep.
	SlotKeeps int64
	// Slower is the share by which a query's mean and p95 may exceed its own history.
	Slower float64
	// Enough is how many calls, recent and before, a regression needs.
	Enough uint64
}

// DefaultThresholds are meant for a service that answers people.
func DefaultThresholds() Thresholds {
	return Thresholds{
		PoolUsed: 0.9, RollbackShare: 0.1, RollbackEnough: 20, RetryShare: 0.05,
		LockWait: 5 * time.Second, LockWaiters: 10,
		Transaction: 15 * time.Minute, IdleInTransaction: 5 * time.Minute,
		ReplicationLag: 30 * time.Second, WraparoundShare: 0.5,
		VacuumBehind: 3, DiskFree: 0.1, SlotKeeps: 1 << 30, Slower: 0.5, Enough: 100,
	}
}

const (
	severityError   = "error"
	severityWarning = "warning"
	severityInfo    = "info"
)

// find judges a snapshot.
func (t *Thresholds) find(s *Snapshot, piles []PileUp) []Finding {
	found := []Finding{}
	found = append(found, t.ofServer(s)...)
	found = append(found, t.ofClient(s)...)
	found = append(found, t.ofLocks(s, piles)...)
	found = append(found, t.ofTables(s)...)
	found = append(found, t.ofQueries(s)...)
	return found
}

func (t *Thresholds) ofServer(s *Snapshot) (found []Finding) {
	if sv := s.Server; sv != nil {
		if !sv.Monitor {
			found = append(found, Finding{"monitor.rights", severityWarning, sv.Role, "the role does not have the rights of pg_monitor, so other sessions are blank", "run GRANT pg_monitor TO " + sv.Role + " as an administrator"})
		}
		if s.Statements != nil && s.Statements.Missing != "" {
			found = append(found, Finding{"monitor.statements", severityInfo, "pg_stat_statements", "the server's own figures of statements are missing", s.Statements.Missing})
		}
		if !sv.Checksums {
			found = append(found, Finding{"server.checksums", severityWarning, "data_checksums", "data pages carry no checksums: a disk that lies is not noticed", "stop the server and run pg_checksums --enable"})
		}
		for _, set := range s.Settings {
			if set.PendingRestart {
				found = append(found, Finding{"server.pending_restart", severityInfo, set.Name, "was changed in the configuration and waits for a restart", "restart the server when it suits"})
			}
		}
	}
	const limit = 1 << 31
	if d := s.Database; d != nil && float64(max(d.OldestXIDAge, d.OldestMultixactAge)) >= t.WraparoundShare*limit {
		severity := severityWarning
		if max(d.OldestXIDAge, d.OldestMultixactAge) > limit*8/10 {
			severity = severityError
		}
		found = append(found, Finding{"wraparound", severity, "transaction ids",
			fmt.Sprintf("the oldest transaction is %d and the oldest multixact %d behind, of 2147483648 at which the server stops writing", d.OldestXIDAge, d.OldestMultixactAge),
			"run VACUUM (FREEZE) on the tables of greatest age, and end old transactions, prepared transactions and unused replication slots"})
	}
	if d := s.Database; d != nil && d.ChecksumFailures != nil && *d.ChecksumFailures > 0 {
		found = append(found, Finding{"server.checksum_failures", severityError, "data pages",
			fmt.Sprintf("%d pages failed their checksum since the statistics were reset", *d.ChecksumFailures),
			"check the disk, restore the pages from a backup, and run pg_amcheck"})
	}
	if d := s.Database; d != nil && d.RecentDeadlocks > 0 {
		found = append(found, Finding{"locks.deadlock", severityWarning, "deadlocks",
			fmt.Sprintf("%d within ten minutes", d.RecentDeadlocks),
			"take locks in one order everywhere; the server's log names the statements"})
	}
	found = append(found, t.ofDisk(s.Disk)...)
	found = append(found, t.ofReplication(s.Replication)...)
	for _, f := range s.Failed {
		found = append(found, Finding{"monitor.unreadable", severityWarning, f.Section, "could not be read since " + f.Since.UTC().Format(time.RFC3339) + ": " + f.Reason, "see that the collector's role may read it; it is tried again at " + f.Next.UTC().Format(time.RFC3339)})
	}
	return found
}

func (t *Thresholds) ofDisk(d *Disk) []Finding {
	if d == nil || d.SizeBytes <= 0 || float64(d.FreeBytes) >= t.DiskFree*float64(d.SizeBytes) {
		return nil
	}
	severity := severityWarning
	if float64(d.FreeBytes) < t.DiskFree/2*float64(d.SizeBytes) {
		severity = severityError
	}
	return []Finding{{"disk.full", severity, d.Path,
		fmt.Sprintf("%d MB of %d MB are free; a server that cannot write stops", d.FreeBytes>>20, d.SizeBytes>>20),
		"see what keeps write-ahead log (slots, a failing archive), which tables and indexes are bloated, then give it a larger disk"}}
}

func (t *Thresholds) ofReplication(r *Replication) (found []Finding) {
	if r == nil {
		return nil
	}
	late := t.ReplicationLag.Seconds()
	if r.BehindS != nil && *r.BehindS > late {
		found = append(found, Finding{"replication.lag", severityWarning, "this standby", fmt.Sprintf("is %.0f s behind", *r.BehindS), "see whether the primary writes at all, then the network and this server's disk"})
	}
	for _, st := range r.Standbys {
		if st.ReplayLagS != nil && *st.ReplayLagS > late {
			found = append(found, Finding{"replication.lag", severityWarning, st.Standby, fmt.Sprintf("replays %.0f s behind", *st.ReplayLagS), "see the standby's disk and whether a query there holds back the replay"})
		}
	}
	for _, sl := range r.Slots {
		switch {
		case sl.Invalidation != "":
			found = append(found, Finding{"replication.slot_lost", severityError, sl.Slot, "the slot is invalid: " + sl.Invalidation, "drop the slot and make its reader anew"})
		case !sl.Active && sl.KeptBytes != nil && *sl.KeptBytes > t.SlotKeeps:
			found = append(found, Finding{"replication.slot_unused", severityWarning, sl.Slot, fmt.Sprintf("nobody reads from it and it keeps %d MB of write-ahead log", *sl.KeptBytes>>20), "bring its reader back, or drop the slot before the disk is full"})
		}
	}
	return found
}

func (t *Thresholds) ofClient(s *Snapshot) (found []Finding) {
	if p := s.Pool; p != nil && p.Max > 0 && float64(p.Used) >= t.PoolUsed*float64(p.Max) {
		found = append(found, Finding{"pool.exhausted", severityWarning, "connection pool",
			fmt.Sprintf("%d of %d connections are in use; %d calls had to wait and %d gave up since the look before", p.Used, p.Max, p.NewWaits, p.NewCanceled),
			"look for long transactions and slow queries first, then raise DB_MAX_OPEN_CONNS within the server's max_connections"})
	}
	if c := s.Client; c != nil && c.NewRollbacks != nil && c.NewCommits != nil {
		all := *c.NewRollbacks + *c.NewCommits
		if all >= t.RollbackEnough && float64(*c.NewRollbacks) >= t.RollbackShare*float64(all) {
			found = append(found, Finding{"transactions.rollbacks", severityWarning, "transactions",
				fmt.Sprintf("%d of %d ended in a rollback since the look before", *c.NewRollbacks, all),
				"see the errors by code under ovasabi_client_errors_total, and the log"})
		}
		if c.NewRetries != nil && all >= t.RollbackEnough && float64(*c.NewRetries) >= t.RetryShare*float64(all) {
			found = append(found, Finding{"transactions.retries", severityWarning, "transactions",
				fmt.Sprintf("%d of %d were run again since the look before, because they met another one", *c.NewRetries, all),
				"take locks in one order everywhere, make the transactions shorter, and see which rows all of them want"})
		}
	}
	return found
}

func (t *Thresholds) ofLocks(s *Snapshot, piles []PileUp) (found []Finding) {
	if len(piles) > 0 && !piles[0].Over {
		p := piles[0]
		if p.Longest >= t.LockWait || p.Most >= t.LockWaiters {
			object := "locks"
			if roots := p.Peak.Tree(); len(roots) > 0 {
				object = fmt.Sprintf("backend %d", roots[0].PID)
			}
			found = append(found, Finding{"locks.pile_up", severityWarning, object,
				fmt.Sprintf("up to %d sessions have waited for locks since %s, one for %s", p.Most, p.From.UTC().Format(time.RFC3339), p.Longest.Round(time.Millisecond)),
				"see the tree of locks; the session at its root can be ended with SELECT pg_terminate_backend(pid)"})
		}
	}
	for _, tx := range s.Transactions {
		idle := tx.State == "idle in transaction" && tx.StateSince != nil && s.At.Sub(*tx.StateSince) >= t.IdleInTransaction
		long := s.At.Sub(tx.StartedAt) >= t.Transaction
		if idle || long {
			found = append(found, Finding{"transactions.long", severityWarning, fmt.Sprintf("backend %d (%s)", tx.PID, tx.Login),
				fmt.Sprintf("its transaction has been open for %s and is %s; vacuum cannot clean what it might still see", s.At.Sub(tx.StartedAt).Round(time.Second), tx.State),
				"find out why it was left open, and set idle_in_transaction_session_timeout for its role"})
		}
	}
	return found
}

func (t *Thresholds) ofTables(s *Snapshot) (found []Finding) {
	if s.Vacuum != nil {
		for i := range s.Vacuum.Tables {
			tb := &s.Vacuum.Tables[i]
			switch {
			case tb.VacuumFrom == nil && tb.DeadRows > 10_000:
				found = append(found, Finding{"vacuum.off", severityWarning, tb.Name(), fmt.Sprintf("autovacuum is off here and %d dead rows lie about", tb.DeadRows), "turn autovacuum on for the table, or run VACUUM"})
			case tb.VacuumFrom != nil && float64(tb.DeadRows) > t.VacuumBehind*max(*tb.VacuumFrom, 1000):
				found = append(found, Finding{"vacuum.behind", severityWarning, tb.Name(),
					fmt.Sprintf("%d dead rows lie about, and autovacuum should have come at %.0f", tb.DeadRows, *tb.VacuumFrom),
					"see whether an old transaction holds it back; otherwise give autovacuum more workers or a higher cost limit"})
			}
			if s.Server != nil && s.Server.FreezeMaxAge > 0 && tb.XIDAge > s.Server.FreezeMaxAge*3/2 {
				found = append(found, Finding{"vacuum.freeze", severityWarning, tb.Name(), fmt.Sprintf("was last frozen %d transactions ago, and autovacuum should have come at %d", tb.XIDAge, s.Server.FreezeMaxAge), "run VACUUM (FREEZE) on the table, and see what holds autovacuum back"})
			}
		}
	}
	for i := range s.Indexes {
		ix := &s.Indexes[i]
		name := ix.SchemaName + "." + ix.IndexName
		switch {
		case !ix.IsValid:
			found = append(found, Finding{"index.invalid", severityWarning, name, "is invalid: it is kept up to date and never used", "run REINDEX INDEX CONCURRENTLY, or drop it"})
		case ix.Searches == 0 && !ix.IsUnique && ix.Bytes > 10<<20:
			found = append(found, Finding{"index.unused", severityInfo, name, fmt.Sprintf("takes %d MB and was not searched since the statistics were reset", ix.Bytes>>20), "see on the standbys as well before you drop it"})
		}
	}
	return found
}

func (t *Thresholds) ofQueries(s *Snapshot) (found []Finding) {
	for _, q := range s.Queries {
		if q.Recent < t.Enough || q.Usual < t.Enough || q.MeanMS == nil || q.UsualMeanMS == nil {
			continue
		}
		// Half a millisecond more is noise, whatever its share.
		const noise = 0.5
		if *q.MeanMS > *q.UsualMeanMS*(1+t.Slower)+noise && *q.P95MS > *q.UsualP95MS*(1+t.Slower) {
			object := q.Name
			if q.Side != "" {
				object += " (" + q.Side + ")"
			}
			found = append(found, Finding{"query.slower", severityWarning, object,
				fmt.Sprintf("mean %.1f ms and p95 %.1f ms of the last %d calls, %.1f and %.1f ms of the %d before", *q.MeanMS, *q.P95MS, q.Recent, *q.UsualMeanMS, *q.UsualP95MS, q.Usual),
				"look at its plan, and at its other twin; statistics of the table may be stale: run ANALYZE"})
		}
	}
	return found
}
