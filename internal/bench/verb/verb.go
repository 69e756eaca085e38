// Package verb is what `ovasabi bench` does, for the two programs that have it:
// the product's, and the one of bench/peers, which brings the peers along.
package verb

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
	"github.com/ovasabi/ovasabi/internal/progress"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Flags are those of a run, in kong's tags.
type Flags struct {
	Scenarios []string `arg:"" optional:"" name:"scenario" help:"Scenarios to run, in any order (default: all; see --list)."`

	DatabaseURL string  `name:"database-url" env:"DATABASE_URL" placeholder:"URL" help:"Measure on this database, as the services' role: only scenarios that read. Without it a PostgreSQL of its own is started and removed again."`
	Campaign    []int64 `name:"campaign" env:"OVASABI_BENCH_CAMPAIGN" placeholder:"ID" help:"Campaigns to read with --database-url (default: all, which the audit records)."`
	PgBin       string  `name:"pg-bin" env:"OVASABI_PG_BIN" type:"path" placeholder:"DIR" help:"Folder that holds initdb and postgres of a PostgreSQL 18."`
	WorkDir     string  `name:"work-dir" env:"OVASABI_BENCH_WORK_DIR" type:"path" placeholder:"DIR" help:"Folder on the disk to measure (default: the system's for temporary files)."`
	Rounds      int     `name:"rounds" env:"OVASABI_BENCH_ROUNDS" default:"0" placeholder:"N" help:"Rounds of every comparison, 2 to 1000 (default: each scenario's own)."`
	FeedRows    int     `name:"feed-rows" env:"OVASABI_BENCH_FEED_ROWS" default:"0" placeholder:"N" help:"Rows of the largest campaign of the feed scenario (default: 1000000)."`
	Callers     []int   `name:"callers" env:"OVASABI_BENCH_CALLERS" placeholder:"N" help:"Concurrencies of the concurrency scenario (default: 16,64,256,1000,2000)."`
	Seed        uint64  `name:"seed" env:"OVASABI_BENCH_SEED" default:"18" help:"Seed of the data and of the order of calls."`
	Remark      string  `name:"remark" env:"OVASABI_BENCH_REMARK" placeholder:"TEXT" help:"A sentence for the report, such as who else used the machine."`
	Short       bool    `name:"short" env:"OVASABI_BENCH_SHORT" help:"Tiny sizes: proves that the tool works; its times mean nothing."`
	List        bool    `name:"list" help:"List the scenarios and end."`
	JSON        string  `name:"json" env:"OVASABI_BENCH_JSON" type:"path" placeholder:"FILE" help:"File that gets the report as JSON, after every scenario anew."`
	Add         bool    `name:"add" env:"OVASABI_BENCH_ADD" help:"Keep the scenarios of the file named by --json that this run does not measure."`
	Resume      bool    `name:"resume" env:"OVASABI_BENCH_RESUME" help:"As --add, and leave out the scenarios that the file holds already."`
	HTML        string  `name:"html" env:"OVASABI_BENCH_HTML" type:"path" placeholder:"FILE" help:"File that gets the report as one page with plots."`
}

// Run is one run of the verb.
type Run struct {
	options bench.Options
	flags   Flags
	earlier *bench.Report
}

// Prepare checks the flags, before any work: its errors are of wrong usage.
func (f Flags) Prepare(peers []bench.Peer, log *slog.Logger) (*Run, error) {
	r := &Run{flags: f, options: bench.Options{
		Scenarios: f.Scenarios, DatabaseURL: f.DatabaseURL, Campaigns: f.Campaign, BinDir: f.PgBin, WorkDir: f.WorkDir,
		Rounds: f.Rounds, Short: f.Short, FeedRows: f.FeedRows, Callers: f.Callers, Seed: f.Seed, Remark: f.Remark,
		Peers: peers, Log: log,
	}}
	if err := r.options.Check(); err != nil {
		return nil, err
	}
	if !f.Add && !f.Resume {
		return r, nil
	}
	if f.JSON == "" {
		return nil, fault.Field("add", "needs --json FILE, the report to add to")
	}
	if _, err := os.Stat(f.JSON); f.Resume && errors.Is(err, os.ErrNotExist) {
		return r, nil // the first part
	}
	var err error
	if r.earlier, err = bench.Read(f.JSON); err == nil && f.Resume {
		r.options.Held = r.earlier.Names()
	}
	return r, err
}

// Do measures, and writes what was finished even when it is stopped.
func (r *Run) Do(ctx context.Context, out, errOut io.Writer) error {
	if r.flags.List {
		return list(out)
	}
	line := progress.NewLine(errOut)
	r.options.Progress = line.Show
	var written error
	report, err := bench.Run(ctx, r.options, func(s bench.Scenario, soFar *bench.Report) {
		line.Clear()
		written = errors.Join(written, bench.WriteScenario(out, s), r.write(soFar))
	})
	line.Clear()
	if report == nil {
		return err
	}
	if len(report.Scenarios) > 0 {
		fmt.Fprintln(out)
		bench.WriteGround(out, report)
		err = errors.Join(err, written, r.write(report))
	}
	return err
}

// write writes the files that were asked for, with what an earlier part found.
func (r *Run) write(report *bench.Report) error {
	if r.earlier != nil {
		joined, err := report.With(r.earlier)
		if err != nil {
			return err
		}
		report = joined
	}
	var err error
	if r.flags.JSON != "" {
		err = writeFile(r.flags.JSON, report.Write)
	}
	if r.flags.HTML != "" {
		err = errors.Join(err, writeFile(r.flags.HTML, report.WriteHTML))
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

func list(w io.Writer) error {
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
