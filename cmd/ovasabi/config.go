package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/internal/pgconfig"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

type configCmd struct {
	Render   configRender   `cmd:"" help:"Print postgresql.conf for this machine and workload, every line with its reason."`
	Apply    configApply    `cmd:"" help:"Try it, set it through ALTER SYSTEM, and keep the former values."`
	Rollback configRollback `cmd:"" help:"Take the last apply back."`
}

// configured is a server, and the configuration that is computed for it.
type configured struct {
	target
	machineFlags
	Profile string   `name:"profile" env:"OVASABI_PROFILE" default:"oltp" enum:"oltp,mixed,bulk" help:"Kind of work: oltp (many small transactions), mixed, bulk (large loads and reports)."`
	Set     []string `name:"set" env:"OVASABI_CONFIG_SET" sep:"none" placeholder:"NAME=VALUE" help:"A value of your own over the computed one; may be repeated."`
	JSON    bool     `name:"json" env:"OVASABI_JSON" help:"Print JSON."`
}

// open connects as the owner and reads what the server knows.
func (t target) openServer(ctx context.Context) (*pgx.Conn, *pgconfig.Server, error) {
	config, err := t.config()
	if err != nil {
		return nil, nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, nil, fault.New(fault.Unavailable, "could not connect to PostgreSQL: check the address, the role and the password: %w", err)
	}
	server, err := pgconfig.ReadServer(ctx, conn)
	if err != nil {
		_ = conn.Close(context.WithoutCancel(ctx)) // its error is told already
		return nil, nil, err
	}
	return conn, server, nil
}

func (c configured) render(server *pgconfig.Server) (pgconfig.Config, error) {
	profile, err := pgconfig.ParseProfile(c.Profile)
	if err != nil {
		return pgconfig.Config{}, usage(err)
	}
	var overrides []pgconfig.Override
	for _, s := range c.Set {
		o, err := pgconfig.ParseOverride(s)
		if err != nil {
			return pgconfig.Config{}, usage(err)
		}
		overrides = append(overrides, o)
	}
	if !server.Local && (c.Memory == "" || c.Cores == 0) {
		return pgconfig.Config{}, usage(fault.Field("memory", "the server runs on another machine, or its data folder cannot be read from here: name --memory and --cores (and --disk)"))
	}
	machine := pgconfig.Detect(server.DataDirectory)
	if !server.Local {
		machine = machine.Elsewhere()
	}
	machine, err = c.over(machine)
	if err != nil {
		return pgconfig.Config{}, usage(err)
	}
	config, err := pgconfig.Render(machine, profile, server, overrides...)
	if fault.KindOf(err) == fault.Invalid {
		err = usage(err)
	}
	return config, err
}

type configRender struct {
	configured
}

// Run prints, and changes nothing.
func (c configRender) Run(ctx context.Context, t terminal) error {
	conn, server, err := c.openServer(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	config, err := c.render(server)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(t.out, config)
	}
	_, err = config.WriteTo(t.out)
	return err
}

// kept is where the former values are.
type kept struct {
	State string `name:"state" env:"OVASABI_CONFIG_STATE" type:"path" placeholder:"FILE" help:"File that keeps the former values (default: config-CLUSTER.json in --data)."`
}

func (k kept) file(data string, server *pgconfig.Server) (string, error) {
	if k.State != "" {
		return k.State, nil
	}
	dir, err := dataDir(data)
	if err != nil {
		return "", err
	}
	return pgconfig.StateFile(dir, server.Identifier), nil
}

type configApply struct {
	configured
	kept
	PgBin string `name:"pg-bin" env:"OVASABI_PG_BIN" type:"path" placeholder:"DIR" help:"Folder of the server's own initdb and postgres, for the trial start (default: found where the server runs here)."`
}

// Run applies, and says what waits for a restart.
func (c configApply) Run(ctx context.Context, t terminal) error {
	conn, server, err := c.openServer(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	config, err := c.render(server)
	if err != nil {
		return err
	}
	file, err := c.file(c.Data, server)
	if err != nil {
		return err
	}
	result, err := pgconfig.Apply(ctx, conn, server, config, pgconfig.Options{
		StateFile: file, BinDir: c.PgBin, Progress: func(line string) { fmt.Fprintln(t.err, line) },
	})
	if err != nil {
		return err
	}
	return printResult(t, result, c.JSON, "ovasabi config rollback takes it back; the former values are in "+result.StateFile)
}

type configRollback struct {
	target
	kept
	JSON bool `name:"json" env:"OVASABI_JSON" help:"Print JSON."`
}

// Run takes the last apply back.
func (c configRollback) Run(ctx context.Context, t terminal) error {
	conn, server, err := c.openServer(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	file, err := c.file(c.Data, server)
	if err != nil {
		return err
	}
	result, err := pgconfig.Rollback(ctx, conn, server, pgconfig.Options{StateFile: file})
	if err != nil {
		return err
	}
	return printResult(t, result, c.JSON, "")
}

func printResult(t terminal, r pgconfig.Result, asJSON bool, next string) error {
	if asJSON {
		return printJSON(t.out, r)
	}
	value := func(v *string) string {
		if v == nil {
			return "(not set)"
		}
		return *v
	}
	for _, c := range r.Changed {
		fmt.Fprintf(t.out, "%s: %s -> %s\n", c.Name, value(c.Before), value(c.After))
	}
	fmt.Fprintf(t.out, "checked: %s\n", r.Check)
	for _, name := range r.Kept {
		fmt.Fprintf(t.out, "left: %s was changed by somebody else meanwhile\n", name)
	}
	if len(r.Restart) > 0 {
		fmt.Fprintf(t.out, "restart the server for: %s\n", strings.Join(r.Restart, ", "))
	}
	if len(r.Changed) > 0 && next != "" {
		fmt.Fprintln(t.out, next)
	}
	return nil
}
