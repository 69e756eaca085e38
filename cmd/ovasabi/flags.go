package main

import (
	"context"
	"fmt"
	"log/slog"
	"text/tabwriter"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

type flagsCmd struct {
	List flagsList `cmd:"" help:"List the twins and the flags in force."`
	Set  flagsSet  `cmd:"" help:"Say how many calls in a hundred take the optimised query."`
}

type flagsList struct {
	target
	JSON bool `name:"json" env:"OVASABI_JSON" help:"Print JSON."`
}

// Run lists.
func (c flagsList) Run(ctx context.Context, t terminal, log *slog.Logger) error {
	db, err := c.openPool(ctx, log)
	if err != nil {
		return err
	}
	defer db.Close()
	flags, err := twin.List(ctx, db)
	if err != nil {
		return err
	}
	names := []string{}
	for _, declared := range twin.Declared() {
		names = append(names, declared.Name())
	}
	if c.JSON {
		return printJSON(t.out, struct {
			Twins []string    `json:"twins"`
			Flags []twin.Flag `json:"flags"`
		}{names, flags})
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TWIN\tCAMPAIGN\tOPTIMISED\tREASON")
	set := map[string]bool{}
	for _, f := range flags {
		set[f.Twin] = set[f.Twin] || f.Campaign == 0
		who := "all"
		if f.Campaign != 0 {
			who = f.Campaign.String()
		}
		fmt.Fprintf(w, "%s\t%s\t%d%%\t%s\n", f.Twin, who, f.Percentage, f.Reason)
	}
	for _, name := range names {
		if !set[name] && !set[twin.EveryTwin] {
			fmt.Fprintf(w, "%s\tall\t100%%\t(default)\n", name)
		}
	}
	return w.Flush()
}

type flagsSet struct {
	target
	Twin       string `arg:"" help:"Name of the twin, or * for all of them."`
	Percentage int    `arg:"" help:"Calls in a hundred that take the optimised query: 0 to 100."`
	Campaign   int64  `name:"campaign" env:"OVASABI_CAMPAIGN" default:"0" placeholder:"ID" help:"Only for this campaign (default: for all that have no flag of their own)."`
	Reason     string `name:"reason" env:"OVASABI_REASON" help:"Why, for the operator who comes next."`
	Clear      bool   `name:"clear" help:"Remove the flag, so that the next one in precedence holds; the percentage is not used."`
}

// Run sets or clears a flag; every process follows within a second.
func (c flagsSet) Run(ctx context.Context, t terminal, log *slog.Logger) error {
	if c.Campaign < 0 {
		return usage(fault.Field("campaign", "must be a positive whole number"))
	}
	db, err := c.openPool(ctx, log)
	if err != nil {
		return err
	}
	defer db.Close()
	id := campaign.ID(c.Campaign)
	if c.Clear {
		err = twin.Clear(ctx, db, id, c.Twin)
	} else {
		err = twin.Set(ctx, db, twin.Flag{Campaign: id, Twin: c.Twin, Percentage: c.Percentage, Reason: c.Reason})
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(t.err, "every process follows within a second")
	return nil
}

func (t target) openPool(ctx context.Context, log *slog.Logger) (*database.DB, error) {
	url, err := t.app()
	if err != nil {
		return nil, err
	}
	return database.Open(ctx, url, database.Default(), database.WithLogger(log))
}
