package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"

	"github.com/ovasabi/ovasabi/internal/embedded"
	"github.com/ovasabi/ovasabi/internal/onemachine"
	"github.com/ovasabi/ovasabi/internal/platform"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// target says which database a verb works on: the one that is named, or that of
// the `up` which runs on the data folder.
type target struct {
	DatabaseURL string `name:"database-url" env:"DATABASE_URL" placeholder:"URL" help:"Database to work on. Without it: that of the ovasabi up which runs on --data."`
	Data        string `name:"data" env:"OVASABI_DATA" type:"path" placeholder:"DIR" help:"Data folder of a running ovasabi up (default: the user's data folder)."`
}

// running returns what the `up` on the data folder has told.
func (t target) running() (platform.Ready, error) {
	dir, err := dataDir(t.Data)
	if err != nil {
		return platform.Ready{}, err
	}
	r, err := platform.ReadReady(filepath.Join(dir, onemachine.ReadyFile))
	if errors.Is(err, fault.NotFound) {
		return r, usage(fault.New(fault.Invalid, "no database is named: give --database-url (or DATABASE_URL), or start one with `ovasabi up`"))
	}
	return r, err
}

// app is the address for the services' role.
func (t target) app() (string, error) {
	if t.DatabaseURL != "" {
		return t.DatabaseURL, nil
	}
	r, err := t.running()
	return r.DatabaseURL, err
}

// owner is the address for the role that migrates.
func (t target) owner() (string, error) {
	if t.DatabaseURL != "" {
		return t.DatabaseURL, nil
	}
	r, err := t.running()
	return r.OwnerDatabaseURL, err
}

// open connects as the services' role and proves that campaigns are isolated for it.
func (t target) open(ctx context.Context, c database.PG18Config, log *slog.Logger) (*database.DB, *campaign.Scope, error) {
	if err := c.Validate(); err != nil {
		return nil, nil, usage(err)
	}
	url, err := t.app()
	if err != nil {
		return nil, nil, err
	}
	db, err := database.Open(ctx, url, c, database.WithLogger(log))
	if err != nil {
		return nil, nil, err
	}
	if err := campaign.CheckGuard(ctx, db, campaign.Guard{}); err != nil {
		db.Close()
		return nil, nil, err
	}
	return db, campaign.NewScope(db.Pool, campaign.WithTxCounters(&db.Transactions)), nil
}

func dataDir(flag string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	return embedded.DefaultDataDir()
}
