package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ovasabi/ovasabi/internal/platform"
	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

type serveCmd struct {
	platform.Config

	DatabaseURL string        `name:"database-url" env:"DATABASE_URL" required:"" placeholder:"URL" help:"Database of the services, as role ovasabi_app."`
	MonitorURL  string        `name:"monitor-database-url" env:"OVASABI_MONITOR_DATABASE_URL" placeholder:"URL" help:"The same database as role ovasabi_monitor, for the statistics."`
	ListenURL   string        `name:"listen-database-url" env:"OVASABI_LISTEN_DATABASE_URL" placeholder:"URL" help:"The same database and role without a pooler between, for LISTEN. Needed behind PgBouncer in transaction mode; without it changes are polled for there."`
	MaintainURL string        `name:"maintain-database-url" env:"OVASABI_MAINTAIN_DATABASE_URL" placeholder:"URL" help:"The same database as the owner or as role ovasabi_maintain, to maintain it from this process too (default: left to others)."`
	StartupWait time.Duration `name:"startup-wait" env:"OVASABI_STARTUP_WAIT" default:"30s" help:"How long a database that does not answer yet is waited for."`
	Token       token.Config  `embed:"" group:"Tokens"`
}

// Run serves until it is told to stop.
func (c serveCmd) Run(ctx context.Context, t terminal, log *slog.Logger) error {
	if err := c.Validate(); err != nil {
		return usage(err)
	}
	ring, err := token.NewRing(c.Token, log)
	if err != nil {
		return usage(err)
	}
	p, err := c.openWaiting(ctx, ring, log)
	if err != nil {
		return err
	}
	defer p.Close()
	url, err := p.Listen(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.err, "serving on %s\n", url)
	return p.Run(ctx)
}

// openWaiting opens the platform, and tries again while the database cannot answer yet.
func (c serveCmd) openWaiting(ctx context.Context, ring *token.Ring, log *slog.Logger) (*platform.Platform, error) {
	at := platform.Addresses{App: c.DatabaseURL, Monitor: c.MonitorURL, Maintain: c.MaintainURL, Listen: c.ListenURL}
	deadline := time.Now().Add(c.StartupWait)
	for attempt := 1; ; attempt++ {
		p, err := platform.Open(ctx, c.Config, at, ring, log)
		if err == nil || !errors.Is(err, fault.Unavailable) || time.Now().After(deadline) {
			return p, err
		}
		if attempt == 1 {
			log.WarnContext(ctx, "waiting for the database", slog.String("reason", err.Error()))
		}
		if err := database.Pause(ctx, attempt); err != nil {
			return nil, fault.FromPostgres(err)
		}
	}
}
