package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/ovasabi/ovasabi/internal/onemachine"
	"github.com/ovasabi/ovasabi/internal/platform"
)

type upCmd struct {
	platform.Config

	DatabaseURL string `name:"database-url" env:"DATABASE_URL" placeholder:"URL" help:"Use this PostgreSQL 18, as the owner of the schema, instead of one of our own."`
	PgBin       string `name:"pg-bin" env:"OVASABI_PG_BIN" type:"path" placeholder:"DIR" help:"Folder that holds initdb and postgres of a PostgreSQL 18."`
	Data        string `name:"data" env:"OVASABI_DATA" type:"path" placeholder:"DIR" help:"Folder that keeps the database, keys and passwords (default: the user's data folder)."`
	Demo        bool   `name:"demo" env:"OVASABI_DEMO" help:"Load the built-in demo campaigns."`
	NoMaintain  bool   `name:"no-maintain" env:"OVASABI_NO_MAINTAIN" help:"Leave maintenance and the watch over integrity out."`
	ReadyFile   string `name:"ready-file" env:"OVASABI_READY_FILE" type:"path" placeholder:"FILE" help:"File to write, once ready, with the addresses and the token as JSON."`
}

// Run starts everything, says where it is, and stops everything when it is told to.
func (c upCmd) Run(ctx context.Context, t terminal, log *slog.Logger) error {
	if err := c.Validate(); err != nil {
		return usage(err)
	}
	dir, err := dataDir(c.Data)
	if err != nil {
		return err
	}
	started := time.Now()
	return onemachine.Up(ctx, onemachine.Options{
		DatabaseURL: c.DatabaseURL, BinDir: c.PgBin, DataDir: dir, Demo: c.Demo, NoMaintain: c.NoMaintain, Config: c.Config, Log: log,
		Progress:  func(line string) { fmt.Fprintln(t.err, line) },
		ReadyFile: c.ReadyFile,
		Ready: func(r platform.Ready, campaigns []onemachine.Campaign) {
			greet(t, r, campaigns, time.Since(started))
		},
	})
}

// greet says where everything is and what to try first.
func greet(t terminal, r platform.Ready, campaigns []onemachine.Campaign, took time.Duration) {
	fmt.Fprintf(t.out, `
OVASABI is ready (in %.1f s). Ctrl-C stops it and PostgreSQL.

  API        %s
  Dashboard  %s
  Docs       %s/docs
  Metrics    %s
  Database   %s

The token below is for development: an operator's, for 24 hours.
`, took.Seconds(), r.APIURL, r.DashboardURL, r.APIURL, r.MetricsURL, r.DatabaseURL)
	if len(campaigns) == 0 {
		fmt.Fprintf(t.out, "\nThere are no campaigns yet: start with --demo, or load some and make a token for them:\n\n  ovasabi load events FILE --campaign-field source\n  ovasabi token create --role writer --campaign 1\n")
		return
	}
	first := campaigns[0]
	fmt.Fprintf(t.out, `
Three things to try:

  export TOKEN=%s
  curl -s %s/ovasabi.campaign.v1.CampaignService/ListCampaigns -H "Authorization: Bearer $TOKEN" --json '{}'
  curl -s %s/ovasabi.content.v1.ContentService/SearchContent -H "Authorization: Bearer $TOKEN" --json '{"campaignId":"%d","query":"coffee"}'
  curl -s %s/ovasabi.nexus.v1.NexusService/ListEvents -H "Authorization: Bearer $TOKEN" --json '{"campaignId":"%d","pageSize":3}'
`, r.Token, r.APIURL, r.APIURL, first.ID, r.APIURL, first.ID)
}
