package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/ovasabi/ovasabi/internal/bench"
	"github.com/ovasabi/ovasabi/internal/bench/verb"
)

type benchCmd struct {
	Run     benchRun     `cmd:"" default:"withargs" help:"Measure before and after, on this machine or on a database of yours."`
	Compare benchCompare `cmd:"" help:"Compare two reports: what became slower, what faster."`
	Report  benchReport  `cmd:"" help:"Write a report as Markdown or HTML, or its table into a file."`
}

type benchRun struct {
	verb.Flags

	Peers bool `name:"peers" env:"OVASABI_BENCH_PEERS" help:"Measure gorm, bun, ent, lib/pq, database/sql and River on the same work in the same run. The program ovasabi-bench-peers does it, beside this one or on the PATH: make peers builds it."`
}

// Run measures. What was finished is written even when the run is stopped.
func (c benchRun) Run(ctx context.Context, t terminal, log *slog.Logger) error {
	r, err := c.Prepare(nil, log)
	if err != nil {
		return usage(err)
	}
	if c.Peers && !c.List {
		return c.runPeers(ctx, t)
	}
	return r.Do(ctx, t.out, t.err)
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
	Into string `name:"into" type:"existingfile" placeholder:"FILE" help:"Replace what stands between the benchmark lines of FILE by a short table, instead."`
}

// Run writes the report to standard output, or its table into a file.
func (c benchReport) Run(t terminal) error {
	r, err := bench.Read(c.File)
	if err != nil {
		return usage(err)
	}
	if c.Into != "" {
		return c.into(r)
	}
	if c.HTML {
		return r.WriteHTML(t.out)
	}
	return r.WriteMarkdown(t.out)
}

func (c benchReport) into(r *bench.Report) error {
	was, err := os.ReadFile(c.Into)
	if err != nil {
		return usage(err)
	}
	is, err := r.Into(string(was))
	if err != nil {
		return usage(err)
	}
	return os.WriteFile(c.Into, []byte(is), 0o644) //nolint:gosec // a README is meant to be read by others
}
