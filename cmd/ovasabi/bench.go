package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"text/tabwriter"

	"github.com/ovasabi/ovasabi/internal/bench"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

type benchCmd struct {
	Run     benchRun     `cmd:"" default:"withargs" help:"Measure before and after, on this machine or on a database of yours."`
	Compare benchCompare `cmd:"" help:"Compare two reports: what became slower, what faster."`
	Report  benchReport  `cmd:"" help:"Write a report as Markdown or HTML."`
}

type benchRun struct {
	Scenarios []string `arg:"" optional:"" name:"scenario" help:"Scenarios to run, in any order (default: all; see --list)."`

	DatabaseURL string  `name:"database-url" env:"DATABASE_URL" placeholder:"URL" help:"Measure on this database, as the services' role: only scenarios that read. Without it a PostgreSQL of its own is started and removed again."`
	Campaign    []int64 `name:"campaign" env:"OVASABI_BENCH_CAMPAIGN" placeholder:"ID" help:"Campaigns to read with --database-url (default: all, which the audit records)."`
	PgBin       string  `name:"pg-bin" env:"OVASABI_PG_BIN" type:"path" placeholder:"DIR" help:"Folder that holds initdb and postgres of a PostgreSQL 18."`
	WorkDir     string  `name:"work-dir" env:"OVASABI_BENCH_WORK_DIR" type:"path" placeholder:"DIR" help:"Folder on the disk to measure (default: the system's for temporary files)."`
	Rounds      int     `name:"rounds" env:"OVASABI_BENCH_ROUNDS" default:"0" placeholder:"N" help:"Rounds of every comparison, 2 to 1000 (default: each scenario's own)."`
	FeedRows    int     `name:"feed-rows" env:"OVASABI_BENCH_FEED_ROWS" default:"0" placeholder:"N" help:"Rows of the largest campaign of the feed scenario (default: 200000)."`
	Callers     []int   `name:"callers" env:"OVASABI_BENCH_CALLERS" placeholder:"N" help:"Concurrencies of the concurrency scenario (default: 16,64,256,1000)."`
	Seed        uint64  `name:"seed" env:"OVASABI_BENCH_SEED" default:"18" help:"Seed of the data and of the order of calls."`
	Remark      string  `name:"remark" env:"OVASABI_BENCH_REMARK" placeholder:"TEXT" help:"A sentence for the report, such as who else used the machine."`
	Short       bool    `name:"short" env:"OVASABI_BENCH_SHORT" help:"Tiny sizes: proves that the tool works; its times mean nothing."`
	List        bool    `name:"list" help:"List the scenarios and end."`
	JSON        string  `name:"json" env:"OVASABI_BENCH_JSON" type:"path" placeholder:"FILE" help:"File that gets the report as JSON."`
	Add         bool    `name:"add" env:"OVASABI_BENCH_ADD" help:"Keep the scenarios of the file named by --json that this run does not measure."`
	HTML        string  `name:"html" env:"OVASABI_BENCH_HTML" type:"path" placeholder:"FILE" help:"File that gets the report as one page with plots."`
}

// Run measures. What was finished is written even when the run is stopped.
func (c benchRun) Run(ctx context.Context, t terminal, log *slog.Logger) error {
	if c.List {
		return listScenarios(t.out)
	}
	line := newProgressLine(t.err)
	o := bench.Options{
		Scenarios: c.Scenarios, DatabaseURL: c.DatabaseURL, Campaigns: c.Campaign, BinDir: c.PgBin, WorkDir: c.WorkDir,
		Rounds: c.Rounds, Short: c.Short, FeedRows: c.FeedRows, Callers: c.Callers, Seed: c.Seed, Remark: c.Remark,
		Progress: line.show, Log: log,
	}
	if err := o.Check(); err != nil {
		return usage(err)
	}
	earlier, err := c.earlier()
	if err != nil {
		return usage(err)
	}
	var printed error
	report, err := bench.Run(ctx, o, func(s bench.Scenario) {
		line.clear()
		printed = errors.Join(printed, bench.WriteScenario(t.out, s))
	})
	line.clear()
	if report == nil {
		return err
	}
	if len(report.Scenarios) > 0 {
		if earlier != nil {
			if err := report.Add(earlier); err != nil {
				return err
			}
		}
		fmt.Fprintln(t.out)
		bench.WriteGround(t.out, report)
		err = errors.Join(err, printed, c.write(report))
	}
	return err
}

// earlier reads the report that --add keeps, before hours are spent on another.
func (c benchRun) earlier() (*bench.Report, error) {
	switch {
	case !c.Add:
		return nil, nil //nolint:nilnil // nothing is to be kept
	case c.JSON == "":
		return nil, fault.Field("add", "needs --json FILE, the report to add to")
	default:
		return bench.Read(c.JSON)
	}
}

func (c benchRun) write(r *bench.Report) error {
	var err error
	if c.JSON != "" {
		err = writeFile(c.JSON, r.Write)
	}
	if c.HTML != "" {
		err = errors.Join(err, writeFile(c.HTML, r.WriteHTML))
	}
	return err
}

// writeFile writes a whole file or leaves what was there.
func writeFile(path string, write func(io.Writer) error) error {
	var text bytes.Buffer
	if err := write(&text); err != nil {
		return err
	}
	if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil { //nolint:gosec // a report is meant to be read by others
		return &fault.Error{Kind: fault.Invalid, Field: path, Message: "cannot be written", Err: err}
	}
	return nil
}

func listScenarios(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range bench.List() {
		where := "any database"
		if s.OwnServer {
			where = "own server"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\n", s.Name, where, s.Title)
	}
	return tw.Flush()
}

type benchCompare struct {
	Before string  `arg:"" name:"a" type:"existingfile" help:"The older report, written by --json."`
	After  string  `arg:"" name:"b" type:"existingfile" help:"The newer report."`
	Slower float64 `name:"slower" env:"OVASABI_BENCH_SLOWER" default:"0.1" help:"Share by which a ratio must have fallen, beyond both intervals, to be a finding."`
	JSON   bool    `name:"json" help:"Print the comparison as JSON."`
}

// Run compares. A regression is a finding.
func (c benchCompare) Run(t terminal) error {
	a, err := bench.Read(c.Before)
	if err != nil {
		return usage(err)
	}
	b, err := bench.Read(c.After)
	if err != nil {
		return usage(err)
	}
	found, err := bench.Compare(a, b, c.Slower)
	if err != nil {
		return usage(err)
	}
	if c.JSON {
		err = printJSON(t.out, found)
	} else {
		err = found.Write(t.out)
	}
	if err == nil && found.Worse > 0 {
		return errFindings
	}
	return err
}

type benchReport struct {
	File string `arg:"" name:"file" type:"existingfile" help:"A report, written by --json."`
	HTML bool   `name:"html" help:"Write a page with plots instead of Markdown."`
}

// Run writes the report to standard output.
func (c benchReport) Run(t terminal) error {
	r, err := bench.Read(c.File)
	if err != nil {
		return usage(err)
	}
	if c.HTML {
		return r.WriteHTML(t.out)
	}
	return r.WriteMarkdown(t.out)
}

// clear takes the line off the terminal, before results are printed.
func (p *progressLine) clear() {
	if p.open {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.open = false
	}
}
