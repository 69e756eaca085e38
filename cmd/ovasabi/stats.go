package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/monitoring"
)

type statsCmd struct {
	DatabaseURL string        `name:"database-url" env:"OVASABI_MONITOR_DATABASE_URL,DATABASE_URL" placeholder:"URL" help:"Database to look at, as ovasabi_monitor. Without it: that of the ovasabi up which runs on --data."`
	Data        string        `name:"data" env:"OVASABI_DATA" type:"path" placeholder:"DIR" help:"Data folder of a running ovasabi up (default: the user's data folder)."`
	Interval    time.Duration `name:"interval" env:"OVASABI_STATS_INTERVAL" default:"2s" help:"Time over which rates are taken, and between two looks with --watch."`
	Watch       bool          `name:"watch" env:"OVASABI_WATCH" help:"Look again and again until Ctrl-C."`
	JSON        bool          `name:"json" env:"OVASABI_JSON" help:"Print each snapshot as JSON."`
}

// Run shows what the server does.
func (c statsCmd) Run(ctx context.Context, t terminal, log *slog.Logger) error {
	url := c.DatabaseURL
	if url == "" {
		ready, err := target{Data: c.Data}.running()
		if err != nil {
			return err
		}
		url = ready.MonitorDatabaseURL
	}
	config := database.Default()
	config.MaxOpenConns, config.MaxIdleConns, config.ApplicationName = 2, 2, "ovasabi stats"
	db, err := database.Open(ctx, url, config, database.WithLogger(log))
	if err != nil {
		return err
	}
	defer db.Close()
	collector, err := monitoring.NewPG18StatsCollector(db.Pool, monitoring.Options{Interval: c.Interval, Log: log})
	if err != nil {
		return usage(err)
	}
	if _, err := collector.Collect(ctx); err != nil { // the first look, which rates are counted from
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(c.Interval):
		}
		if err := c.show(ctx, t, collector); err != nil || !c.Watch {
			return err
		}
	}
}

// cleared begins the next look at the top of a terminal, and below the last one elsewhere.
func (c statsCmd) cleared(t terminal) string {
	if f, ok := t.out.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		return "\x1b[H\x1b[2J" // to the corner, and clear: ECMA-48
	}
	return "\n"
}

func (c statsCmd) show(ctx context.Context, t terminal, collector *monitoring.PG18StatsCollector) error {
	if _, err := collector.CollectLocks(ctx); err != nil { // so that the snapshot holds them
		return err
	}
	snapshot, err := collector.Collect(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(t.out, snapshot)
	}
	if c.Watch {
		fmt.Fprintf(t.out, "%s%s\n", c.cleared(t), time.Now().Format(time.TimeOnly))
	}
	return monitoring.WriteStats(t.out, snapshot)
}
