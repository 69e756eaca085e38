package monitoring

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// statsRows bounds each list of WriteStats.
const statsRows = 10

// WriteStats writes a snapshot as text for a terminal: the server, I/O, the log,
// the pool, campaigns, statements, vacuum, locks and findings. What is not known
// is a dash, never a zero.
func WriteStats(w io.Writer, s *Snapshot) error {
	b := &strings.Builder{}
	b.WriteString(headline(s))
	statsServer(b, s)
	statsIO(b, s)
	statsClient(b, s)
	statsStatements(b, s)
	statsVacuum(b, s)
	statsLocks(b, s)
	statsFindings(b, s)
	_, err := io.WriteString(w, b.String())
	return err
}

func headline(s *Snapshot) string {
	text := "read " + s.At.UTC().Format("2006-01-02 15:04:05") + " UTC in " + s.Took.Round(10*time.Microsecond).String()
	if s.Since > 0 {
		return text + ", rates over " + s.Since.Round(time.Millisecond).String() + "\n"
	}
	return text + ", no rates yet: they need a second look\n"
}

// table writes a title and a table; nothing where there is no row.
func table(b *strings.Builder, title string, header []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", strings.ToUpper(title))
	tw := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	if header != nil {
		fmt.Fprintln(tw, strings.Join(header, "\t"))
	}
	for _, row := range rows {
		fmt.Fprintln(tw, strings.Join(row, "\t"))
	}
	_ = tw.Flush() // a strings.Builder does not fail
}

const dash = "-"

func num(v *float64, format, unit string) string {
	if v == nil {
		return dash
	}
	return fmt.Sprintf(format, *v) + unit
}

func sized(v *float64) string {
	if v == nil {
		return dash
	}
	x := *v
	for _, unit := range []string{"B", "kB", "MB", "GB", "TB"} {
		if x < 1000 || unit == "TB" {
			return fmt.Sprintf("%.3g %s", x, unit)
		}
		x /= 1000
	}
	return dash
}

func sizedRate(v *float64) string {
	if v == nil {
		return dash
	}
	return sized(v) + "/s"
}

func sizedInt(v *int64) string {
	if v == nil {
		return dash
	}
	return sized(new(float64(*v)))
}

func count(v *int64) string {
	if v == nil {
		return dash
	}
	return strconv.FormatInt(*v, 10)
}

func share100(v *float64) string {
	if v == nil {
		return dash
	}
	return fmt.Sprintf("%.1f%%", *v*100)
}

func statsServer(b *strings.Builder, s *Snapshot) {
	var rows [][]string
	if sv := s.Server; sv != nil {
		checksums := "off"
		if sv.Checksums {
			checksums = "on"
		}
		rows = append(rows,
			[]string{"server", "PostgreSQL " + sv.Version + ", io_method " + sv.IOMethod + ", checksums " + checksums + ", up " + s.At.Sub(sv.StartedAt).Round(time.Second).String()})
	}
	if d := s.Database; d != nil {
		rows = append(rows,
			[]string{"transactions", num(d.CommitsPerS, "%.1f", "/s") + " committed, " + num(d.RollbacksPerS, "%.1f", "/s") + " rolled back, " + count(d.Deadlocks) + " deadlocks so far"},
			[]string{"cache", share100(d.CacheHits) + " of blocks found in shared buffers"},
			[]string{"wraparound", fmt.Sprintf("oldest transaction %d behind, oldest multixact %d", d.OldestXIDAge, d.OldestMultixactAge)})
	}
	rows = append(rows, []string{"size", sizedInt(s.DatabaseBytes)})
	table(b, "server", nil, rows)
}

func statsIO(b *strings.Builder, s *Snapshot) {
	if s.IO != nil {
		all := slices.Clone(s.IO.Rows)
		sum := func(r *IORow) float64 {
			total := 0.0
			for _, v := range []*int64{r.ReadBytes, r.WriteBytes, r.ExtendBytes} {
				if v != nil {
					total += float64(*v)
				}
			}
			return total
		}
		slices.SortStableFunc(all, func(x, y IORow) int { return cmp.Compare(sum(&y), sum(&x)) })
		var rows [][]string
		for i := range all[:min(len(all), statsRows)] {
			r := &all[i]
			rows = append(rows, []string{r.BackendType, r.Object, r.Context, sizedInt(r.ReadBytes), sizedInt(r.WriteBytes), sizedInt(r.ExtendBytes), sizedRate(r.ReadBytesPerS), sizedRate(r.WriteBytesPerS)})
		}
		table(b, "i/o", []string{"backend", "object", "context", "read", "written", "extended", "read now", "written now"}, rows)
	}
	if s.WAL != nil {
		table(b, "write-ahead log", nil, [][]string{{"now", sizedRate(s.WAL.BytesPerS)}, {"in all", sizedInt(s.WAL.Bytes) + ", " + count(s.WAL.FullPageImages) + " full pages"}})
	}
}

func statsClient(b *strings.Builder, s *Snapshot) {
	if p := s.Pool; p != nil {
		table(b, "pool", nil, [][]string{{fmt.Sprintf("%d of %d in use, %d idle", p.Used, p.Max, p.Idle), fmt.Sprintf("%d waits (%.3g s), %d gave up", p.Waited, p.WaitedSeconds, p.Canceled)}})
	}
	var rows [][]string
	for i := range s.Campaigns[:min(len(s.Campaigns), statsRows)] {
		u := &s.Campaigns[i]
		rows = append(rows, []string{campaignName(u.Campaign), strconv.FormatInt(u.Calls, 10), strconv.FormatInt(u.Errors, 10), strconv.FormatInt(u.Rows, 10), fmt.Sprintf("%.3g s", u.Seconds), fmt.Sprintf("%.3g s", u.QueuedSeconds), share100(u.PoolShare)})
	}
	table(b, "campaigns", []string{"campaign", "statements", "errors", "rows", "time", "queued", "share now"}, rows)
}

func campaignName(id int64) string {
	switch id {
	case 0:
		return "(none)"
	case overflow.Int64():
		return others
	default:
		return strconv.FormatInt(id, 10)
	}
}

func statsStatements(b *strings.Builder, s *Snapshot) {
	if s.Statements == nil {
		return
	}
	if s.Statements.Missing != "" {
		table(b, "statements", nil, [][]string{{s.Statements.Missing}})
		return
	}
	var rows [][]string
	for i := range s.Statements.List[:min(len(s.Statements.List), statsRows)] {
		st := &s.Statements.List[i]
		text := strings.Join(strings.Fields(st.Query), " ")
		if len([]rune(text)) > 80 {
			text = string([]rune(text)[:79]) + "…"
		}
		rows = append(rows, []string{strconv.FormatInt(st.Calls, 10), fmt.Sprintf("%.4g ms", st.ExecutionMS), fmt.Sprintf("%.3g ms", st.ExecutionMS/max(float64(st.Calls), 1)), share100(st.BusyShare), text})
	}
	table(b, "statements", []string{"calls", "time", "mean", "busy now", "text"}, rows)
}

func statsVacuum(b *strings.Builder, s *Snapshot) {
	if s.Vacuum == nil {
		return
	}
	var rows [][]string
	for _, p := range s.Vacuum.Running {
		done := dash
		if p.Done != nil && p.Total != nil && *p.Total > 0 {
			done = share100(new(float64(*p.Done) / float64(*p.Total)))
		}
		rows = append(rows, []string{p.Command, p.TableName, p.Phase, done, num(p.DelayMS, "%.0f", " ms asleep")})
	}
	table(b, "maintenance under way", nil, rows)
	dead := slices.Clone(s.Vacuum.Tables)
	slices.SortStableFunc(dead, func(x, y Table) int { return cmp.Compare(y.DeadRows, x.DeadRows) })
	rows = nil
	for i := range dead[:min(len(dead), statsRows)] {
		t := &dead[i]
		last := dash
		if v := later(t.LastVacuum, t.LastAutovacuum); v != nil {
			last = s.At.Sub(*v).Round(time.Second).String() + " ago"
		}
		rows = append(rows, []string{t.Name(), strconv.FormatInt(t.LiveRows, 10), strconv.FormatInt(t.DeadRows, 10), num(t.VacuumFrom, "%.0f", ""), last, fmt.Sprintf("%.0f ms", t.VacuumMS+t.AutovacuumMS), fmt.Sprintf("%.0f ms", t.AnalyzeMS+t.AutoanalyzeMS), strconv.FormatInt(t.XIDAge, 10)})
	}
	table(b, "vacuum", []string{"table", "live", "dead", "vacuum from", "last vacuum", "vacuum time", "analyze time", "age"}, rows)
}

// later returns the later of two times, nil where there is neither.
func later(a, b *time.Time) *time.Time {
	if a == nil || b != nil && b.After(*a) {
		return b
	}
	return a
}

func statsLocks(b *strings.Builder, s *Snapshot) {
	if s.Locks == nil || s.Locks.Waiting == 0 {
		return
	}
	var rows [][]string
	var walk func(n *Node, depth int)
	walk = func(n *Node, depth int) {
		waits := "holds, " + n.State
		if n.WaitingSince != nil {
			waits = "waits " + s.Locks.At.Sub(*n.WaitingSince).Round(time.Millisecond).String() + " for " + n.LockMode + " " + n.TableName
		}
		rows = append(rows, []string{strings.Repeat("  ", depth) + strconv.Itoa(int(n.PID)), campaignName(n.Campaign), waits})
		for _, next := range n.Waits {
			walk(next, depth+1)
		}
	}
	for _, root := range s.Locks.Tree() {
		walk(root, 0)
	}
	table(b, "locks", []string{"backend", "campaign", ""}, rows)
}

func statsFindings(b *strings.Builder, s *Snapshot) {
	var rows [][]string
	for _, f := range s.Findings {
		rows = append(rows, []string{f.Severity, f.Object, f.Evidence})
	}
	table(b, "findings", nil, rows)
}
