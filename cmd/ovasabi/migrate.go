package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/ovasabi/ovasabi/internal/schema"
)

type migrateCmd struct {
	Up     migrateUp     `cmd:"" help:"Apply the phases, up to the newest or to --to."`
	Down   migrateDown   `cmd:"" help:"Revert the newest phase, or all above --to."`
	Status migrateStatus `cmd:"" help:"Show the phase, what is pending, invalid or changed by hand."`
	Verify migrateVerify `cmd:"" help:"Compare every row, generated value, index, partition and policy with what the schema promises."`
}

// owned is the database of a migration: its URL is for the owner.
type owned struct {
	target
	LockTimeout time.Duration `name:"lock-timeout" env:"OVASABI_LOCK_TIMEOUT" default:"500ms" help:"Longest wait of one statement for a lock; then it is tried again."`
	Patience    time.Duration `name:"patience" env:"OVASABI_MIGRATE_PATIENCE" default:"10m" help:"How long a step is tried again, and another migrator waited for."`
}

func (o owned) open(t terminal, log *slog.Logger, more schema.Options) (*schema.Migrator, error) {
	url, err := o.owner()
	if err != nil {
		return nil, err
	}
	more.LockTimeout, more.Patience, more.Log = o.LockTimeout, o.Patience, log
	more.Progress = func(line string) { fmt.Fprintln(t.err, line) }
	return schema.Open(url, more)
}

type migrateUp struct {
	owned
	To     int  `name:"to" env:"OVASABI_MIGRATE_TO" default:"-1" placeholder:"PHASE" help:"Phase to stop at (default: the newest)."`
	DryRun bool `name:"dry-run" env:"OVASABI_DRY_RUN" help:"Print the SQL and change nothing."`

	Partitions *int `name:"partitions" env:"OVASABI_PARTITIONS" placeholder:"N" help:"Partitions of the events by campaign, 1 to 1024; 0 leaves them in one table (default: as they are)."`
}

// Run applies.
func (c migrateUp) Run(ctx context.Context, t terminal, log *slog.Logger) error {
	to := schema.Latest()
	if c.To >= 0 {
		var err error
		if to, err = schema.ParsePhase(c.To); err != nil {
			return usage(err)
		}
	}
	m, err := c.open(t, log, schema.Options{Partitions: c.Partitions})
	if err != nil {
		return err
	}
	defer m.Close()
	if c.DryRun {
		return printPlan(ctx, m, to, true, t)
	}
	if err := m.Up(ctx, to); err != nil {
		return err
	}
	fmt.Fprintf(t.err, "the schema is at phase %d (%s)\n", to, to)
	return nil
}

type migrateDown struct {
	owned
	To       int  `name:"to" env:"OVASABI_MIGRATE_TO" default:"-1" placeholder:"PHASE" help:"Phase to stop at (default: one below the present)."`
	DryRun   bool `name:"dry-run" env:"OVASABI_DRY_RUN" help:"Print the SQL and change nothing."`
	DropData bool `name:"drop-data" env:"OVASABI_DROP_DATA" help:"Allow --to 0, which drops the tables, while there are campaigns."`
}

// Run reverts.
func (c migrateDown) Run(ctx context.Context, t terminal, log *slog.Logger) error {
	m, err := c.open(t, log, schema.Options{DropData: c.DropData})
	if err != nil {
		return err
	}
	defer m.Close()
	to, err := c.phase(ctx, m)
	if err != nil {
		return err
	}
	if c.DryRun {
		return printPlan(ctx, m, to, false, t)
	}
	if err := m.Down(ctx, to); err != nil {
		return err
	}
	fmt.Fprintf(t.err, "the schema is at phase %d (%s)\n", to, to)
	return nil
}

// phase is the one that was asked for, or the one below the present.
func (c migrateDown) phase(ctx context.Context, m *schema.Migrator) (schema.Phase, error) {
	if c.To >= 0 {
		to, err := schema.ParsePhase(c.To)
		return to, usage(err)
	}
	s, err := m.Status(ctx)
	return max(s.Phase-1, schema.Empty), err
}

func printPlan(ctx context.Context, m *schema.Migrator, to schema.Phase, up bool, t terminal) error {
	steps, err := m.Plan(ctx, to, up)
	if err != nil {
		return err
	}
	for _, s := range steps {
		fmt.Fprintf(t.out, "-- %s (phase %d)\n%s\n\n", s.Name, s.Phase, s.SQL)
	}
	fmt.Fprintf(t.err, "%d steps; nothing was changed\n", len(steps))
	return nil
}

type migrateStatus struct {
	owned
	JSON bool `name:"json" env:"OVASABI_JSON" help:"Print JSON."`
}

// Run shows where the database stands. Invalid indexes and changes by hand are findings.
func (c migrateStatus) Run(ctx context.Context, t terminal, log *slog.Logger) error {
	m, err := c.open(t, log, schema.Options{})
	if err != nil {
		return err
	}
	defer m.Close()
	s, err := m.Status(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(t.out, s)
	} else {
		err = printStatus(s, t)
	}
	if err == nil && len(s.Invalid)+len(s.Drift) > 0 {
		return errFindings
	}
	return err
}

func printStatus(s schema.Status, t terminal) error {
	fmt.Fprintf(t.out, "phase %d of %d (%s)\n", s.Phase, s.Latest, s.Phase)
	for _, p := range s.Pending {
		fmt.Fprintf(t.out, "pending  %s\n", p)
	}
	for _, i := range s.Invalid {
		fmt.Fprintf(t.out, "invalid  %s: run `ovasabi migrate up`, which builds it again\n", i)
	}
	for _, u := range s.Unfinished {
		fmt.Fprintf(t.out, "half done  %s: `ovasabi migrate up` goes on with it, `ovasabi migrate down` undoes it\n", u)
	}
	for _, d := range s.Drift {
		fmt.Fprintf(t.out, "by hand  %s %s\n", d.Object, d.Problem)
	}
	for _, table := range slices.Sorted(maps.Keys(s.Partitions)) {
		fmt.Fprintf(t.out, "partitions  %s has %d by campaign_id\n", table, s.Partitions[table])
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	for _, o := range s.Objects {
		rows := ""
		if o.Rows >= 0 {
			rows = fmt.Sprintf("about %d rows", o.Rows)
		}
		fmt.Fprintf(w, "%s\t%s\t%d kB\t%s\n", o.Kind, o.Name, o.Bytes/1024, rows)
	}
	return w.Flush()
}

type migrateVerify struct {
	owned
	JSON bool `name:"json" env:"OVASABI_JSON" help:"Print JSON."`
}

// Run verifies; a run that was cut short goes on where it was.
func (c migrateVerify) Run(ctx context.Context, t terminal, log *slog.Logger) error {
	m, err := c.open(t, log, schema.Options{})
	if err != nil {
		return err
	}
	defer m.Close()
	v, err := m.Verify(ctx, schema.VerifyOptions{})
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(t.out, v)
	} else {
		err = printVerification(v, t)
	}
	if err == nil && v.Worst() == schema.SeverityError {
		return errFindings
	}
	return err
}

func printVerification(v schema.Verification, t terminal) error {
	for _, f := range v.Findings {
		fmt.Fprintf(t.out, "%s  %s  %s\n    %s\n    remedy: %s\n", f.Severity, f.ID, f.Object, f.Evidence, f.Remedy)
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	for _, what := range slices.Sorted(maps.Keys(v.Checked)) {
		fmt.Fprintf(w, "checked\t%s\t%d\n", what, v.Checked[what])
	}
	fmt.Fprintf(w, "%d findings\n", len(v.Findings))
	return w.Flush()
}
