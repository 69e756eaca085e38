package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/ovasabi/ovasabi/internal/onemachine"
	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

type tokenCmd struct {
	Create tokenCreate `cmd:"" help:"Make a token for campaigns, with a role and an expiry."`
	Revoke tokenRevoke `cmd:"" help:"Take a token back before it expires, by its id."`
	Keys   tokenKeys   `cmd:"" help:"Make a file with a new signing key."`
}

// keyed finds the keys: those that are named, or those of the data folder.
type keyed struct {
	token.Config
	Data string `name:"data" env:"OVASABI_DATA" type:"path" placeholder:"DIR" help:"Data folder of ovasabi up, whose keys are taken when none are named."`
}

func (k keyed) load() (*token.Keys, error) {
	if k.Keys == "" && k.KeysFile == "" {
		dir, err := dataDir(k.Data)
		if err != nil {
			return nil, err
		}
		k.KeysFile = filepath.Join(dir, onemachine.KeysFile)
	}
	return token.LoadKeys(k.Config)
}

type tokenCreate struct {
	keyed
	Campaign []int64       `name:"campaign" env:"OVASABI_CAMPAIGN" placeholder:"ID" help:"Campaigns that the token holds, by id; may be given several times."`
	Role     token.Role    `name:"role" env:"OVASABI_ROLE" default:"reader" help:"What the bearer may do: reader, writer, admin or operator."`
	TTL      time.Duration `name:"ttl" env:"OVASABI_TOKEN_TTL" default:"24h" help:"How long the token lives."`
	Subject  string        `name:"subject" env:"OVASABI_SUBJECT" default:"ovasabi token create" help:"Name of the bearer, for the logs."`
	JSON     bool          `name:"json" env:"OVASABI_JSON" help:"Print the token with its id and expiry as JSON."`
}

// Run prints a token.
func (c tokenCreate) Run(t terminal) error {
	grant := token.Grant{Subject: c.Subject, Role: c.Role, TTL: c.TTL}
	for _, n := range c.Campaign {
		id, err := campaign.NewID(n)
		if err != nil {
			return usage(err)
		}
		grant.Campaigns = append(grant.Campaigns, id)
	}
	if err := grant.Validate(); err != nil {
		return usage(err)
	}
	keys, err := c.load()
	if err != nil {
		return err
	}
	made, err := keys.Create(grant)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(t.out, made)
	}
	fmt.Fprintln(t.out, made.Text)
	return nil
}

type tokenRevoke struct {
	target
	ID      string    `arg:"" help:"Id of the token, as token create --json printed it."`
	Expires time.Time `name:"expires" default:"9999-01-01T00:00:00Z" help:"When the token would have expired (RFC 3339); the entry may go after it."`
}

// Run takes the token back in every process within seconds.
func (c tokenRevoke) Run(ctx context.Context, t terminal, log *slog.Logger) error {
	url, err := c.app()
	if err != nil {
		return err
	}
	db, err := database.Open(ctx, url, database.Default(), database.WithLogger(log))
	if err != nil {
		return err
	}
	defer db.Close()
	if err := token.NewRevocations(db, log).Revoke(ctx, c.ID, c.Expires); err != nil {
		return err
	}
	fmt.Fprintln(t.err, "the token is refused from now on")
	return nil
}

type tokenKeys struct {
	File string `arg:"" type:"path" help:"File to make; one that is there is left alone."`
}

// Run makes the file.
func (c tokenKeys) Run(t terminal) error {
	if err := token.EnsureKeysFile(c.File); err != nil {
		return err
	}
	if _, err := token.LoadKeys(token.Config{KeysFile: c.File}); err != nil {
		return fault.New(fault.Invalid, "%w", err)
	}
	fmt.Fprintf(t.err, "%s holds the keys; give it to `serve` and `token create` as --token-keys-file, and keep it secret\n", c.File)
	return nil
}
