package monitoring

import "time"

// IORow is one row of pg_stat_io: the I/O of one kind of backend on one kind of
// object in one context. A nil counter is one that cannot happen there.
type IORow struct {
	BackendType string `json:"backend_type"`
	Object      string `json:"object"`
	Context     string `json:"context"`

	Reads       *int64     `json:"reads"`
	ReadBytes   *int64     `json:"read_bytes"`
	ReadMS      *float64   `json:"read_ms"`
	Writes      *int64     `json:"writes"`
	WriteBytes  *int64     `json:"write_bytes"`
	WriteMS     *float64   `json:"write_ms"`
	Writebacks  *int64     `json:"writebacks"`
	WritebackMS *float64   `json:"writeback_ms"`
	Extends     *int64     `json:"extends"`
	ExtendBytes *int64     `json:"extend_bytes"`
	ExtendMS    *float64   `json:"extend_ms"`
	Hits        *int64     `json:"hits"`
	Evictions   *int64     `json:"evictions"`
	Reuses      *int64     `json:"reuses"`
	Fsyncs      *int64     `json:"fsyncs"`
	FsyncMS     *float64   `json:"fsync_ms"`
	StatsReset  *time.Time `json:"stats_reset"`

	// The rates are of the time between the last two readings; nil where unknown.
	ReadBytesPerS   *float64 `db:"-" json:"read_bytes_per_s"`
	WriteBytesPerS  *float64 `db:"-" json:"write_bytes_per_s"`
	ExtendBytesPerS *float64 `db:"-" json:"extend_bytes_per_s"`
	HitsPerS        *float64 `db:"-" json:"hits_per_s"`
	ReadsPerS       *float64 `db:"-" json:"reads_per_s"`
}

// IOStats is pg_stat_io: every kind of I/O that has happened since the reset.
type IOStats struct {
	Rows []IORow `json:"rows"`

	// The sums are over all rows; relations and temporary relations without the
	// write-ahead log, whose rates stand beside.
	ReadBytesPerS  *float64 `json:"read_bytes_per_s"`
	WriteBytesPerS *float64 `json:"write_bytes_per_s"`
	WALBytesPerS   *float64 `json:"wal_bytes_per_s"`
}

type ioKey struct{ backend, object, context string }

// rates compares with the reading before.
func (s *IOStats) rates(before *IOStats, over time.Duration) {
	if before == nil {
		return
	}
	known := make(map[ioKey]*IORow, len(before.Rows))
	for i := range before.Rows {
		r := &before.Rows[i]
		known[ioKey{r.BackendType, r.Object, r.Context}] = r
	}
	for i := range s.Rows {
		r := &s.Rows[i]
		b, ok := known[ioKey{r.BackendType, r.Object, r.Context}]
		if !ok {
			// Rows without any I/O are not read: this one was all zero before.
			b = r.zero()
		}
		reset := wasReset(b.StatsReset, r.StatsReset)
		r.ReadBytesPerS = rateOf(b.ReadBytes, r.ReadBytes, reset, over)
		r.WriteBytesPerS = rateOf(b.WriteBytes, r.WriteBytes, reset, over)
		r.ExtendBytesPerS = rateOf(b.ExtendBytes, r.ExtendBytes, reset, over)
		r.HitsPerS = rateOf(b.Hits, r.Hits, reset, over)
		r.ReadsPerS = rateOf(b.Reads, r.Reads, reset, over)
		if r.Object == "wal" {
			s.WALBytesPerS = add(s.WALBytesPerS, r.WriteBytesPerS)
			continue
		}
		s.ReadBytesPerS = add(s.ReadBytesPerS, r.ReadBytesPerS)
		s.WriteBytesPerS = add(s.WriteBytesPerS, add(r.WriteBytesPerS, r.ExtendBytesPerS))
	}
}

// zero is the row as it was before anything happened, NULL where it is NULL now.
func (r *IORow) zero() *IORow {
	zero := func(v *int64) *int64 {
		if v == nil {
			return nil
		}
		return new(int64(0))
	}
	return &IORow{
		ReadBytes: zero(r.ReadBytes), WriteBytes: zero(r.WriteBytes), ExtendBytes: zero(r.ExtendBytes),
		Hits: zero(r.Hits), Reads: zero(r.Reads), StatsReset: r.StatsReset,
	}
}
