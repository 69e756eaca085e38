package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/ovasabi/ovasabi/internal/maintenance"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

type maintainCmd struct {
	Plan     maintainPlan     `cmd:"" help:"Show what maintenance would do, to what, why and when."`
	Run      maintainRun      `cmd:"" help:"Do it once."`
	Serve    maintainServe    `cmd:"" help:"Keep doing it, and watch over integrity."`
	Set      maintainSet      `cmd:"" help:"Set retention, partitions ahead or thresholds for a table, or for one campaign in it."`
	Settings maintainSettings `cmd:"" help:"List what is set."`
}

// maintained is the database of a maintainer: its URL is for the owner, or for ovasabi_maintain.
type maintained struct {
	target
	maintenance.Config

	Schemas []string `name:"schema" env:"OVASABI_MAINTAIN_SCHEMA" default:"ovasabi" placeholder:"NAME" help:"Schemas whose tables are kept; may be repeated."`
}

func (c maintained) open(ctx context.Context, o maintenance.Options) (*maintenance.Maintainer, error) {
	if err := c.Validate(); err != nil {
		return nil, usage(err)
	}
	url, err := c.owner()
	if err != nil {
		return nil, err
	}
	o.Schemas = c.Schemas
	return maintenance.Open(ctx, url, c.Config, o)
}

type maintainPlan struct {
	maintained
	JSON bool `name:"json" env:"OVASABI_JSON" help:"Print JSON."`
}

// Run shows the plan, and changes nothing.
func (c maintainPlan) Run(ctx context.Context, t terminal, log *slog.Logger) error {
	m, err := c.open(ctx, maintenance.Options{Log: log})
	if err != nil {
		return err
	}
	defer m.Close()
	return showPlan(ctx, m, c.JSON, t)
}

func showPlan(ctx context.Context, m *maintenance.Maintainer, asJSON bool, t terminal) error {
	p, err := m.Plan(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(t.out, p)
	}
	return printMaintenance(t.out, p)
}

func printMaintenance(out io.Writer, p maintenance.Plan) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(p.Tasks) > 0 {
		fmt.Fprintln(w, "ACTION\tOBJECT\tWHEN\tABOUT\tWHY")
	}
	for _, task := range p.Tasks {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d kB, %.1f s\t%s\n", task.Action, task.Object, task.When, task.Bytes>>10, task.Seconds, task.Why)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, note := range p.Notes {
		fmt.Fprintf(out, "note: %s\n", note)
	}
	if p.Leader != "" {
		fmt.Fprintf(out, "at work: %s\n", p.Leader)
	}
	fmt.Fprintf(out, "%d tasks; the last 24 hours took %.1f s and %d kB\n", len(p.Tasks), p.Used.Seconds, p.Used.Bytes>>10)
	return nil
}

type maintainRun struct {
	maintained
	DryRun bool `name:"dry-run" env:"OVASABI_DRY_RUN" help:"Show the plan and change nothing."`
	JSON   bool `name:"json" env:"OVASABI_JSON" help:"Print JSON."`
}

// Run does one round. A task that fails makes the exit code 1.
func (c maintainRun) Run(ctx context.Context, t terminal, log *slog.Logger) error {
	m, err := c.open(ctx, maintenance.Options{Log: log, Progress: func(line string) { fmt.Fprintln(t.err, line) }})
	if err != nil {
		return err
	}
	defer m.Close()
	if c.DryRun {
		return showPlan(ctx, m, c.JSON, t)
	}
	r, err := m.Run(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(t.out, r)
	} else {
		err = printReportOf(t.out, r)
	}
	if err == nil && r.Failed() {
		return errFindings
	}
	return err
}

func printReportOf(out io.Writer, r maintenance.Report) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, result := range r.Results {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d kB, %.1f s\t%s\n", result.Outcome, result.Action, result.Object, result.IOBytes>>10, result.TookS, result.Detail)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, note := range r.Notes {
		fmt.Fprintf(out, "note: %s\n", note)
	}
	fmt.Fprintf(out, "%d tasks\n", len(r.Results))
	return nil
}

type maintainServe struct {
	maintained
	NoIntegrity bool `name:"no-integrity" env:"OVASABI_NO_INTEGRITY" help:"Leave the watch over integrity out, which only the owner can do."`
}

// Run maintains until it is told to stop.
func (c maintainServe) Run(ctx context.Context, t terminal, log *slog.Logger) error {
	o := maintenance.Options{Log: log, Progress: func(line string) { fmt.Fprintln(t.err, line) }}
	if !c.NoIntegrity && c.Integrity.Every > 0 {
		url, err := c.owner()
		if err != nil {
			return err
		}
		watch, err := maintenance.NewWatch(url, c.Integrity, log)
		if err != nil {
			return err
		}
		defer watch.Close()
		o.Integrity = watch
	}
	m, err := c.open(ctx, o)
	if err != nil {
		return err
	}
	defer m.Close()
	fmt.Fprintf(t.err, "maintaining every %s; Ctrl-C ends it\n", c.Interval)
	return m.Serve(ctx)
}

type maintainSet struct {
	target
	Table       string        `arg:"" help:"Table with its schema, such as ovasabi.service_event."`
	Campaign    int64         `name:"campaign" env:"OVASABI_CAMPAIGN" default:"0" placeholder:"ID" help:"Only for this campaign (default: for all that have no setting of their own)."`
	Keep        time.Duration `name:"keep" placeholder:"DURATION" help:"Age at which rows are deleted, such as 2160h for 90 days; a table by ranges of time loses whole partitions."`
	Ahead       int           `name:"ahead" placeholder:"N" help:"Partitions that a table by ranges of time has ahead of now, 1 to 366."`
	VacuumScale *float64      `name:"vacuum-scale" placeholder:"SHARE" help:"Share of dead rows at which the campaign's partition is vacuumed (autovacuum_vacuum_scale_factor)."`
	VacuumBase  *int          `name:"vacuum-base" placeholder:"N" help:"Dead rows added to that (autovacuum_vacuum_threshold)."`
	AnalyzeBase *int          `name:"analyze-base" placeholder:"N" help:"As --vacuum-base, for analyze."`

	AnalyzeScale *float64 `name:"analyze-scale" placeholder:"SHARE" help:"As --vacuum-scale, for analyze."`
	Reason       string   `name:"reason" env:"OVASABI_REASON" help:"Why, for the operator who comes next."`
	Clear        bool     `name:"clear" help:"Remove what is set; storage parameters that it led to stay until ALTER TABLE … RESET."`
}

// Run writes the setting down, whole: what is not named is not set any more.
func (c maintainSet) Run(ctx context.Context, t terminal, log *slog.Logger) error {
	m, err := maintained{target: c.target, Config: maintenance.Default()}.open(ctx, maintenance.Options{Log: log})
	if err != nil {
		return err
	}
	defer m.Close()
	if c.Clear {
		return m.Clear(ctx, c.Campaign, c.Table)
	}
	s := maintenance.Setting{
		CampaignID: c.Campaign, TableName: c.Table, Reason: c.Reason,
		VacuumScaleFactor: c.VacuumScale, VacuumThreshold: c.VacuumBase, AnalyzeScaleFactor: c.AnalyzeScale, AnalyzeThreshold: c.AnalyzeBase,
	}
	if c.Keep != 0 {
		s.Retention = &c.Keep
	}
	if c.Ahead != 0 {
		s.PartitionsAhead = &c.Ahead
	}
	err = m.Set(ctx, s)
	if fault.KindOf(err) == fault.Invalid && err != nil {
		return usage(err)
	}
	if err == nil {
		fmt.Fprintln(t.err, "the next round of maintenance goes by it: see ovasabi maintain plan")
	}
	return err
}

type maintainSettings struct {
	target
	JSON bool `name:"json" env:"OVASABI_JSON" help:"Print JSON."`
}

// Run lists.
func (c maintainSettings) Run(ctx context.Context, t terminal, log *slog.Logger) error {
	m, err := maintained{target: c.target, Config: maintenance.Default()}.open(ctx, maintenance.Options{Log: log})
	if err != nil {
		return err
	}
	defer m.Close()
	settings, err := m.Settings(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(t.out, settings)
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TABLE\tCAMPAIGN\tKEEP\tAHEAD\tVACUUM\tANALYZE\tREASON")
	for _, s := range settings {
		who := "all"
		if s.CampaignID != 0 {
			who = strconv.FormatInt(s.CampaignID, 10)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s + %s\t%s + %s\t%s\n", s.TableName, who, orDash(s.Retention), orDash(s.PartitionsAhead),
			orDash(s.VacuumThreshold), orDash(s.VacuumScaleFactor), orDash(s.AnalyzeThreshold), orDash(s.AnalyzeScaleFactor), s.Reason)
	}
	return w.Flush()
}

func orDash[T any](v *T) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprint(*v)
}
