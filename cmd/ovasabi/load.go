package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/ovasabi/ovasabi/internal/load"
	"github.com/ovasabi/ovasabi/internal/progress"
	"github.com/ovasabi/ovasabi/pkg/database"
)

type loadCmd struct {
	target
	Database database.PG18Config `embed:"" prefix:"db-" group:"Database"`

	Kind          string   `arg:"" enum:"content,users,products,events" help:"What the files hold: content, users, products or events (CloudEvents)."`
	Files         []string `arg:"" name:"file" help:"NDJSON files, plain or gzip; - for standard input."`
	Campaign      string   `name:"campaign" env:"OVASABI_CAMPAIGN" placeholder:"ID|SLUG" help:"Campaign of every line that names none by --campaign-field; it must exist."`
	CampaignField string   `name:"campaign-field" env:"OVASABI_CAMPAIGN_FIELD" placeholder:"FIELD" help:"Field of each line that names its campaign; campaigns that are new are made."`
	Rejects       string   `name:"rejects" env:"OVASABI_REJECTS" type:"path" placeholder:"FILE" help:"File that gets every refused line, with its number and reason."`
	MaxLineBytes  int      `name:"max-line-bytes" env:"OVASABI_MAX_LINE_BYTES" default:"4194304" help:"Longest line in bytes; a longer one is rejected."`
	Writers       int      `name:"writers" env:"OVASABI_WRITERS" default:"2" help:"Connections that write at once."`
	JSON          bool     `name:"json" env:"OVASABI_JSON" help:"Print the summary as JSON."`
}

// Run loads. Refused lines are no failure; a file that ends in the middle is.
func (c loadCmd) Run(ctx context.Context, t terminal, log *slog.Logger) error {
	kind, err := load.ParseKind(c.Kind)
	if err != nil {
		return usage(err)
	}
	inputs, err := load.Files(c.Files, t.in)
	if err != nil {
		return usage(err)
	}
	db, scope, err := c.open(ctx, c.Database, log)
	if err != nil {
		return err
	}
	defer db.Close()
	line := progress.NewLine(t.err)
	o := load.Options{
		Kind: kind, Campaign: c.Campaign, CampaignField: c.CampaignField,
		BatchRows: c.Database.BatchSize, Writers: c.Writers, MaxLineBytes: c.MaxLineBytes,
		Progress: func(p load.Progress) { line.Show(loadLine(p)) },
	}
	var rejects *os.File
	if c.Rejects != "" {
		if rejects, err = os.OpenFile(c.Rejects, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600); err != nil { // refused lines hold users' data
			return usage(err)
		}
		o.Rejects = rejects
	}
	summary, err := load.Run(ctx, scope, inputs, o)
	line.End()
	if rejects != nil {
		err = errors.Join(err, rejects.Close())
	}
	if c.JSON {
		return errors.Join(err, printJSON(t.out, summary))
	}
	fmt.Fprintln(t.out, summary)
	for _, note := range summary.Notes {
		fmt.Fprintln(t.out, "note:", note)
	}
	if summary.Rejected > 0 && c.Rejects == "" {
		for _, r := range summary.FirstRejections {
			fmt.Fprintf(t.out, "rejected: %s line %d: %s\n", r.File, r.Line, r.Reason)
		}
		fmt.Fprintln(t.out, "note: name a file with --rejects to get every refused line with its reason")
	}
	return err
}

// loadLine is one line of progress.
func loadLine(p load.Progress) string {
	line := fmt.Sprintf("%s: %d lines, %d accepted, %d duplicates, %d rejected, %.0f/s", p.Kind, p.Lines, p.Accepted, p.Duplicates, p.Rejected, p.Rate())
	if p.Total > 0 {
		line += fmt.Sprintf(", %d%%", min(100*p.Bytes/p.Total, 100))
	}
	return line
}
