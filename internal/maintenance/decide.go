package maintenance

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/ovasabi/ovasabi/pkg/monitoring"
)

// decision is what is to be done, and what was seen that no maintenance mends.
type decision struct {
	tasks []Task
	notes []string
}

// decide tells what needs doing. It looks at nothing but its arguments.
func decide(o *observation, c Config) decision {
	d := &decider{observation: o, config: c, known: map[string]*monitoring.Table{}, dirty: map[string]bool{}}
	for i := range o.snapshot.Vacuum.Tables {
		t := &o.snapshot.Vacuum.Tables[i]
		d.known[t.Name()] = t
	}
	for i := range o.tables {
		d.table(&o.tables[i])
	}
	for i := range o.indexes {
		d.index(&o.indexes[i])
	}
	d.partitions()
	d.retention()
	d.configure()
	for i := range d.out.tasks {
		d.estimate(&d.out.tasks[i])
	}
	slices.SortStableFunc(d.out.tasks, func(a, b Task) int {
		if a.Urgent != b.Urgent {
			if a.Urgent {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(slices.Index(order, a.Action), slices.Index(order, b.Action)), cmp.Compare(b.weight, a.weight))
	})
	return d.out
}

type decider struct {
	*observation
	config Config
	known  map[string]*monitoring.Table
	dirty  map[string]bool // tables that are vacuumed first
	out    decision
}

func (d *decider) notef(format string, args ...any) {
	d.out.notes = append(d.out.notes, fmt.Sprintf(format, args...))
}

func (d *decider) add(t Task) {
	if held := d.history.held(t.key(), d.at); held != "" {
		d.notef("%s of %s: %s", t.Action, t.Object, held)
		return
	}
	d.out.tasks = append(d.out.tasks, t)
}

// blocked says why the role may not do it, where one of two privileges is missing.
func blocked(may bool, privilege string) string {
	if may {
		return ""
	}
	return "this role has no " + privilege
}

const (
	maintainPrivilege = "MAINTAIN on the table: GRANT pg_maintain TO it, or run maintain as the owner"
	ownerPrivilege    = "ownership of the table: run maintain as the owner"
)

func (d *decider) table(t *tableFacts) {
	if t.Kind == "p" {
		d.parent(t)
		return
	}
	s := d.known[t.name()]
	if s == nil {
		return // beyond the largest tables that the snapshot holds
	}
	if d.freeze(t, s) {
		return // which does what a vacuum does
	}
	vacuum, due := d.vacuumReasons(t, s)
	analyze, late := d.analyzeReason(t, s)
	task := Task{
		Action: Vacuum, Object: t.name(), table: t.name(), Due: due || late, Blocked: blocked(t.MayMaintain, maintainPrivilege),
		Bytes: int64(float64(t.Bytes)*(1-t.VisibleShare)) + t.IndexBytes, analyze: analyze != "",
	}
	switch {
	case len(vacuum) == 0 && analyze == "":
		return
	case len(vacuum) == 0:
		task.Action, task.Why, task.Bytes = Analyze, analyze, sampled(t.Bytes)
		task.Statement = "ANALYZE (SKIP_LOCKED) " + quotedName(t.name())
	default:
		if analyze != "" {
			vacuum = append(vacuum, analyze)
		}
		task.Why = strings.Join(vacuum, "; ")
		d.dirty[t.name()] = true
		task.weight = float64(s.DeadRows) / (float64(max(s.LiveRows, 0)) + 1)
		task.Statement = d.vacuumStatement(t, false, analyze != "")
	}
	d.add(task)
}

// sampled is what ANALYZE reads: 300 times the statistics target in pages, at most.
// Source: https://www.postgresql.org/docs/18/sql-analyze.html
func sampled(bytes int64) int64 { return min(bytes, 30_000*8192) }

func (d *decider) vacuumStatement(t *tableFacts, freeze, analyze bool) string {
	options := []string{"SKIP_LOCKED", "PARALLEL 0"}
	if freeze {
		options = append(options, "FREEZE")
	}
	if analyze {
		options = append(options, "ANALYZE")
	}
	if r := d.snapshot.Replication; r != nil && len(r.Standbys) > 0 {
		// Giving back the pages at the end takes a lock that a standby's readers feel.
		options = append(options, "TRUNCATE false")
	}
	return "VACUUM (" + strings.Join(options, ", ") + ") " + quotedName(t.name())
}

// threshold is autovacuum's formula: a base, and a share of the rows, at most a
// ceiling. lead is the share of the scale factor that is taken; 1 is autovacuum's own.
// Source: https://www.postgresql.org/docs/18/routine-vacuuming.html#AUTOVACUUM
func threshold(base, scale, lead, rows, ceiling float64) float64 {
	v := base + lead*scale*rows
	if ceiling >= 0 {
		v = min(v, ceiling)
	}
	return v
}

func (d *decider) vacuumReasons(t *tableFacts, s *monitoring.Table) (why []string, due bool) {
	rows := float64(max(s.RowsEstimated, 0))
	from := threshold(t.VacuumBase, t.VacuumScale, d.config.VacuumLead, rows, t.VacuumMost)
	own := threshold(t.VacuumBase, t.VacuumScale, 1, rows, t.VacuumMost)
	if dead := float64(s.DeadRows); dead > from {
		if left, when, again := d.history.leftDead(t.name(), d.at); again && dead-left < from {
			d.notef("%s has %d dead rows, of which its vacuum at %s could not remove %.0f: %s", t.name(), s.DeadRows, stamp(when), left, d.holder())
		} else {
			why = append(why, fmt.Sprintf("%d dead rows beside %d live ones; acts from %.0f, autovacuum from %.0f", s.DeadRows, s.LiveRows, from, own))
			due = dead > own
		}
	}
	if t.InsertBase >= 0 {
		unfrozen := 1.0
		if s.FrozenShare != nil {
			unfrozen = 1 - *s.FrozenShare
		}
		// The ceiling is of dead rows alone.
		from := threshold(t.InsertBase, t.InsertScale, d.config.VacuumLead, rows*unfrozen, -1)
		own := threshold(t.InsertBase, t.InsertScale, 1, rows*unfrozen, -1)
		if inserted := float64(s.InsertedSinceVacuum); inserted > from {
			why = append(why, fmt.Sprintf("%d rows inserted since its last vacuum; acts from %.0f, autovacuum from %.0f", s.InsertedSinceVacuum, from, own))
			due = due || inserted > own
		}
	}
	return why, due
}

// holder names what keeps dead rows from being removed.
func (d *decider) holder() string {
	var oldest *monitoring.Transaction
	for i := range d.snapshot.Transactions {
		if tx := &d.snapshot.Transactions[i]; tx.XminAge > 0 && (oldest == nil || tx.XminAge > oldest.XminAge) {
			oldest = tx
		}
	}
	if oldest == nil {
		return "look for old transactions, prepared transactions and replication slots (ovasabi doctor --only transactions,replication)"
	}
	return fmt.Sprintf("the transaction of process %d, open since %s, still sees them: end it", oldest.PID, stamp(oldest.StartedAt))
}

func (d *decider) analyzeReason(t *tableFacts, s *monitoring.Table) (why string, due bool) {
	rows := float64(max(s.RowsEstimated, 0))
	from := t.AnalyzeBase + d.config.AnalyzeLead*t.AnalyzeScale*rows
	own := t.AnalyzeBase + t.AnalyzeScale*rows
	never := s.LastAnalyze == nil && s.LastAutoanalyze == nil
	switch changed := float64(s.ChangedSinceAnalyze); {
	case never && float64(max(s.LiveRows, s.ChangedSinceAnalyze)) > t.AnalyzeBase:
		return fmt.Sprintf("never analyzed, with %d rows", max(s.LiveRows, s.ChangedSinceAnalyze)), changed > own
	case changed > from:
		return fmt.Sprintf("%d rows changed since its last analyze; acts from %.0f, autovacuum from %.0f", s.ChangedSinceAnalyze, from, own), changed > own
	default:
		return "", false
	}
}

func (d *decider) freeze(t *tableFacts, s *monitoring.Table) bool {
	lead := d.config.FreezeLead
	xid, multi := float64(s.XIDAge)/float64(t.FreezeAge), float64(t.MultixactAge)/float64(t.MultixactFreezeAge)
	if max(xid, multi) < lead {
		return false
	}
	why := fmt.Sprintf("its oldest row is %d transactions old; acts from %.0f, autovacuum from %d", s.XIDAge, lead*float64(t.FreezeAge), t.FreezeAge)
	if multi > xid {
		why = fmt.Sprintf("its oldest multixact is %d behind; acts from %.0f, autovacuum from %d", t.MultixactAge, lead*float64(t.MultixactFreezeAge), t.MultixactFreezeAge)
	}
	frozen := 0.0
	if s.FrozenShare != nil {
		frozen = *s.FrozenShare
	}
	d.add(Task{
		Action: Freeze, Object: t.name(), table: t.name(), Why: why, Urgent: max(xid, multi) >= 1, Due: max(xid, multi) >= 1,
		Bytes: int64(2*float64(t.Bytes)*(1-frozen)) + t.IndexBytes, Blocked: blocked(t.MayMaintain, maintainPrivilege),
		weight: max(xid, multi), Statement: d.vacuumStatement(t, true, false),
	})
	return true
}

// parent is a partitioned table, which autovacuum never analyzes: only its
// partitions have rows.
// Source: https://www.postgresql.org/docs/18/routine-vacuuming.html#AUTOVACUUM
func (d *decider) parent(t *tableFacts) {
	var live, bytes int64
	for _, s := range d.known {
		if s.Parent == t.name() {
			live += rowsOf(s)
			bytes += s.Bytes
		}
	}
	rows := max(t.RowsRecorded, 0)
	from := t.AnalyzeBase + d.config.AnalyzeLead*t.AnalyzeScale*rows
	var why string
	switch moved := math.Abs(float64(live) - rows); {
	case t.LastAnalyze == nil && t.RowsRecorded < 0 && float64(live) > t.AnalyzeBase:
		why = fmt.Sprintf("never analyzed as a whole, with %d rows in its partitions; autovacuum does not", live)
	case t.RowsRecorded >= 0 && moved > from:
		why = fmt.Sprintf("%d rows in its partitions, %.0f at its last analyze; acts at a difference of %.0f, autovacuum never", live, rows, from)
	default:
		return
	}
	d.add(Task{
		Action: Analyze, Object: t.name(), table: t.name(), Why: why, Bytes: sampled(bytes), Due: true,
		Blocked: blocked(t.MayMaintain, maintainPrivilege), Statement: "ANALYZE " + quotedName(t.name()),
	})
}

// rowsOf is how many rows a table has; counters that were reset since its last
// vacuum and analyze do not know.
func rowsOf(s *monitoring.Table) int64 {
	if s.LastVacuum == nil && s.LastAutovacuum == nil && s.LastAnalyze == nil && s.LastAutoanalyze == nil {
		return max(s.LiveRows, s.RowsEstimated)
	}
	return s.LiveRows
}

func (d *decider) estimate(t *Task) {
	t.Seconds = math.Ceil(10*float64(t.Bytes)/d.history.speed(t.Action)) / 10
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04Z") }
