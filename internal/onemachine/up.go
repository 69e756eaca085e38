// Package onemachine runs the whole platform on one machine: PostgreSQL 18, the
// migrations, the roles' passwords, the keys, the demo and the server, in this
// order, and stops them in the opposite one.
package onemachine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/internal/load/demo"
	"github.com/ovasabi/ovasabi/internal/platform"
	"github.com/ovasabi/ovasabi/internal/schema"
	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// The files that a data folder holds beside the database.
const (
	ReadyFile = "ready.json"
	KeysFile  = "token-keys.json"
)

// tokenTTL is how long the development token lives.
const tokenTTL = 24 * time.Hour

// stopTimeout bounds the stopping of PostgreSQL after everything else has stopped.
const stopTimeout = 30 * time.Second

// Options say what runs and where. Config, Log and DataDir are required.
type Options struct {
	// DatabaseURL names a PostgreSQL 18 and the owner of the schema; empty runs one of our own.
	DatabaseURL string
	// BinDir names the folder of a PostgreSQL 18; empty looks for one.
	BinDir string
	// DataDir keeps the database, the keys and the passwords between runs.
	DataDir string
	// Demo loads the built-in demo campaigns.
	Demo bool
	// NoMaintain leaves maintenance, and the watch over integrity, to others.
	NoMaintain bool

	Config platform.Config
	Log    *slog.Logger
	// Progress hears each step in a line for a person.
	Progress func(line string)
	// ReadyFile is written once everything answers, beside the one in DataDir. May be empty.
	ReadyFile string
	// Ready is called once everything answers.
	Ready func(platform.Ready, []Campaign)
}

// Campaign is one that the development token holds.
type Campaign struct {
	ID   campaign.ID
	Slug string
}

// Up runs everything until ctx ends or a part fails, and leaves nothing running.
func Up(ctx context.Context, o Options) (err error) {
	if err := probePort(ctx, o.Config.Server.Addr); err != nil {
		return err
	}
	db, err := startDatabase(ctx, o)
	if err != nil {
		return err
	}
	defer func() {
		o.Progress("stopping")
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		err = errors.Join(err, db.stop(stopping))
	}()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-ctx.Done():
		case <-db.done():
			cancel(db.ended())
		}
	}()
	err = run(ctx, o, db)
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

func run(ctx context.Context, o Options, db ground) error {
	o.Progress("migrating the schema")
	err := schema.Up(ctx, db.ownerURL(), schema.Latest(), schema.Options{Progress: o.Progress, Log: o.Log})
	if err != nil {
		return err
	}
	at, err := db.logins(ctx)
	if err != nil {
		return err
	}
	keys := filepath.Join(o.DataDir, KeysFile)
	if err := token.EnsureKeysFile(keys); err != nil {
		return err
	}
	ring, err := token.NewRing(token.Config{KeysFile: keys}, o.Log)
	if err != nil {
		return err
	}
	o.watchHere()
	if !o.NoMaintain {
		at.Owner, at.Maintain = db.ownerURL(), db.ownerURL()
	}
	p, err := platform.Open(ctx, o.Config, at, ring, o.Log)
	if err != nil {
		return err
	}
	defer p.Close()
	if o.Demo {
		o.Progress("loading the demo campaigns")
		if _, err := demo.Load(ctx, p.Scope, nil); err != nil {
			return fmt.Errorf("load the demo: %w", err)
		}
	}
	campaigns, err := campaignsOf(ctx, p.Scope)
	if err != nil {
		return err
	}
	created, err := ring.Keys().Create(grant(campaigns))
	if err != nil {
		return err
	}
	url, err := p.Listen(ctx)
	if err != nil {
		return err
	}
	ready := platform.Ready{
		APIURL: url, DashboardURL: url + "/dashboard/", MetricsURL: url + "/metrics",
		DatabaseURL: at.App, OwnerDatabaseURL: db.ownerURL(), MonitorDatabaseURL: at.Monitor,
		Token: created.Text, TokenKeysFile: keys, PID: os.Getpid(),
	}
	return serve(ctx, o, p, ready, campaigns)
}

// watchHere keeps what was seen in the data folder, and watches its disk where the
// database lies on it.
func (o *Options) watchHere() {
	if o.Config.Monitoring.StateDir == "" {
		o.Config.Monitoring.StateDir = filepath.Join(o.DataDir, "state")
	}
	if o.Config.Monitoring.DiskPath == "" && o.DatabaseURL == "" {
		o.Config.Monitoring.DiskPath = o.DataDir
	}
}

// serve runs the platform and tells that it is ready once it answers.
func serve(ctx context.Context, o Options, p *platform.Platform, ready platform.Ready, campaigns []Campaign) error {
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { ended <- p.Run(ctx) }()

	own := filepath.Join(o.DataDir, ReadyFile)
	err := awaitReady(ctx, ready.APIURL)
	for _, path := range []string{own, o.ReadyFile} {
		if err == nil && path != "" {
			err = ready.Write(path)
		}
	}
	if err != nil {
		cancel()
		if runErr := <-ended; runErr != nil {
			return runErr
		}
		return err
	}
	defer os.Remove(own)
	o.Ready(ready, campaigns)
	return <-ended
}

func grant(campaigns []Campaign) token.Grant {
	g := token.Grant{Subject: "development", Role: token.Operator, TTL: tokenTTL}
	for _, c := range campaigns {
		g.Campaigns = append(g.Campaigns, c.ID)
	}
	return g
}

// mostCampaigns is how many campaigns the development token holds: the oldest ones.
const mostCampaigns = 100

func campaignsOf(ctx context.Context, s *campaign.Scope) ([]Campaign, error) {
	var campaigns []Campaign
	err := s.AcrossCampaigns(ctx, "ovasabi up makes the development token", database.TxOptions{ReadOnly: true},
		func(ctx context.Context, tx pgx.Tx) error {
			rows, err := tx.Query(ctx, `
SELECT c.id, c.slug
FROM ovasabi.service_campaign_main AS c
WHERE c.status = 'active'
ORDER BY c.id
LIMIT $1`, mostCampaigns)
			if err != nil {
				return err
			}
			campaigns, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Campaign])
			return err
		})
	return campaigns, err
}

// probePort tells of a busy port before anything was started. Listen has the last word.
func probePort(ctx context.Context, addr string) error {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return &fault.Error{
			Kind: fault.Unavailable, Field: "addr", Err: err,
			Message: "cannot listen on " + addr + " (another program may have it): choose another with --addr, port 0 takes a free one",
		}
	}
	return l.Close()
}
