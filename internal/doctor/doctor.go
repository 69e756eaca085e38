// Package doctor looks at a PostgreSQL 18 and names what is wrong with it: each
// finding with its severity, its evidence in figures, why it matters, a remedy to
// run and a page to read.
//
// It reads. Every check is one transaction that is rolled back, each statement has
// a timeout of its own, and no lock is stronger than ACCESS SHARE. It
// runs on any PostgreSQL 18, with or without our schema, as any role: what a role
// may not see is listed as not checked, together with the grant that would allow it.
// Only [Options.Fix] changes anything, and only what is safe; [Options.Prove] writes to
// a catalog and takes it back.
package doctor

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/internal/pgconfig"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Severity says how soon somebody should act.
type Severity string

// The severities. An error is unsafe now or about to stop the server; a warning
// costs something and grows; info is worth knowing.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info"
)

// Finding is one thing that is wrong. Its JSON is a contract. It holds no row
// values and no text of a statement.
type Finding struct {
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	Object   string   `json:"object"`
	Evidence string   `json:"evidence"`
	Why      string   `json:"why"`
	Remedy   string   `json:"remedy"`
	Link     string   `json:"link"`

	fix []string // statements that mend it and can do no harm
}

// NotChecked is what could not be looked at, why, and what would allow it.
type NotChecked struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
	Remedy string `json:"remedy"`
}

// Fixed is one thing that Fix did, or tried.
type Fixed struct {
	ID     string `json:"id"`
	Object string `json:"object"`
	Did    string `json:"did"`
	// Error says why it did not work; empty when it did.
	Error string `json:"error,omitempty"`
}

// Checked says what the findings are about.
type Checked struct {
	Server     string       `json:"server"`
	Database   string       `json:"database"`
	Role       string       `json:"role"`
	Checks     []string     `json:"checks"`
	NotChecked []NotChecked `json:"not_checked"`
	Fixed      []Fixed      `json:"fixed"`
	// Statements is how many were sent, those that begin and end transactions apart.
	Statements int     `json:"statements"`
	Seconds    float64 `json:"seconds"`
}

// Report is what Run found. Its JSON is a contract.
type Report struct {
	Findings []Finding `json:"findings"`
	Checked  Checked   `json:"checked"`
}

// Worst is the highest severity among the findings, or empty without any.
func (r Report) Worst() Severity {
	for _, s := range []Severity{Error, Warning, Info} {
		if slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity == s }) {
			return s
		}
	}
	return ""
}

// Options shape a run. The zero value runs every check with the default limits.
type Options struct {
	// Only names the checks to run: an id, or a group such as "index". Empty runs all.
	Only []string
	// Fix does what is safe, says what it did, and looks again.
	Fix bool
	// Measure measures the bloat that was estimated, with pgstattuple: that reads the
	// tables, and may take Limits.MeasureTimeout for each.
	Measure bool
	// Prove hides an index from the planner by an UPDATE of the catalog pg_index that is
	// rolled back, where the extension hypopg is not there to do it. Without it no lock
	// of the run is stronger than ACCESS SHARE, and what could not be proven says so.
	// Needs a superuser on a primary.
	Prove bool
	// Limits say from when on a figure is a finding. Defaults to DefaultLimits.
	Limits *Limits
	// Releases are the minor versions that fixed security holes. Defaults to those known
	// to this build, and then says when its list has grown old.
	Releases []Release
	// Machine is the server's, for judging its settings. Without it the settings are
	// judged where the server proves to run on this machine.
	Machine *pgconfig.Machine
	// AppRole is the services' role. Defaults to "ovasabi_app".
	AppRole string
	// PoolSize is what one service opens at most (DB_MAX_OPEN_CONNS); 0 judges no pool.
	PoolSize int
}

func (o Options) withDefaults() Options {
	if o.Limits == nil {
		limits := DefaultLimits()
		o.Limits = &limits
	}
	if o.AppRole == "" {
		o.AppRole = "ovasabi_app"
	}
	return o
}

// About says what a check is. Its JSON is printed by `doctor --list --json`.
type About struct {
	ID    string `json:"id"`
	Finds string `json:"finds"`
	Why   string `json:"why"`
	Link  string `json:"link"`
}

// Checks lists all checks, in the order in which they run.
func Checks() []About {
	list := make([]About, 0, len(checks()))
	for _, c := range checks() {
		list = append(list, About{ID: c.id, Finds: c.finds, Why: c.why, Link: c.link})
	}
	return list
}

// chosen are the checks that only names, or an Invalid fault for a name that no check has.
func chosen(only []string) ([]check, error) {
	if len(only) == 0 {
		return checks(), nil
	}
	var list []check
	for _, c := range checks() {
		if slices.ContainsFunc(only, c.answersTo) {
			list = append(list, c)
		}
	}
	for _, name := range only {
		if !slices.ContainsFunc(list, func(c check) bool { return c.answersTo(name) }) {
			return nil, fault.Field("only", "%q is no check and no group of checks: see ovasabi doctor --list", name)
		}
	}
	return list, nil
}

// Run connects with config, looks, and closes the connection again. A fault is
// Invalid for a server older than 18 or a name in Options.Only that is none, and
// Unavailable where the server cannot be reached. A check that fails for a reason
// that it does not expect is an error too, beside the report of the others.
func Run(ctx context.Context, config *pgx.ConnConfig, o Options) (Report, error) {
	o = o.withDefaults()
	list, err := chosen(o.Only)
	if err != nil {
		return Report{}, err
	}
	start := time.Now()
	config = config.Copy()
	// A statement is described for each use and never left prepared behind a pooler.
	config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return Report{}, fault.New(fault.Unavailable, "could not connect to PostgreSQL: check the address, the role and the password: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	report, err := examine(ctx, conn, o, list)
	if err == nil && o.Fix {
		fixed := fixAll(ctx, conn, report.Findings)
		if len(fixed) > 0 {
			before := report.Checked.Statements + len(fixed)
			report, err = examine(ctx, conn, o, list)
			report.Checked.Statements += before
		}
		report.Checked.Fixed = append(report.Checked.Fixed, fixed...)
	}
	report.Checked.Seconds = time.Since(start).Seconds()
	return report, err
}

// examine runs the checks one after the other on one connection.
func examine(ctx context.Context, conn *pgx.Conn, o Options, list []check) (Report, error) {
	e := &examination{
		conn: conn, options: o, limits: *o.Limits, deadline: time.Now().Add(o.Limits.Budget),
		report: Report{Findings: []Finding{}, Checked: Checked{Checks: []string{}, NotChecked: []NotChecked{}, Fixed: []Fixed{}}},
	}
	if err := e.readFacts(ctx); err != nil {
		return e.report, err
	}
	var failed []error
	for _, c := range list {
		if err := e.check(ctx, c); err != nil {
			if ctx.Err() != nil || conn.IsClosed() {
				return e.report, fault.FromPostgres(err)
			}
			failed = append(failed, err)
		}
	}
	slices.SortStableFunc(e.report.Findings, func(a, b Finding) int {
		return strings.Compare(rank(a.Severity)+a.ID+a.Object, rank(b.Severity)+b.ID+b.Object)
	})
	return e.report, errors.Join(failed...)
}

func rank(s Severity) string {
	switch s {
	case Error:
		return "0"
	case Warning:
		return "1"
	default:
		return "2"
	}
}
