// Command ovasabi runs the platform: everything on one machine (up), in
// production (serve), and what an operator does around them. A file a verb.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/ovasabi/ovasabi/internal/server"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// The exit codes are a contract.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

type cli struct {
	LogLevel  string `name:"log-level" env:"OVASABI_LOG_LEVEL" default:"" enum:",DEBUG,INFO,WARN,ERROR" placeholder:"LEVEL" help:"Least level that is logged: DEBUG, INFO, WARN or ERROR (default: INFO for up and serve, WARN for the others)."`
	LogFormat string `name:"log-format" env:"OVASABI_LOG_FORMAT" default:"text" enum:"text,json" help:"Form of the log on standard error: text or json."`

	Up       upCmd       `cmd:"" help:"Run everything on this machine: PostgreSQL 18, migrations, API, dashboard."`
	Serve    serveCmd    `cmd:"" help:"Serve against a given database, for production."`
	Ready    readyCmd    `cmd:"" help:"Ask a serving process whether it is ready, for health checks."`
	Migrate  migrateCmd  `cmd:"" help:"Bring the schema up or down, show it, verify it."`
	Load     loadCmd     `cmd:"" help:"Load NDJSON files: content, users, products, or events as CloudEvents."`
	Token    tokenCmd    `cmd:"" help:"Make keys, make tokens, take tokens back."`
	Stats    statsCmd    `cmd:"" help:"Show what the server does: I/O, vacuum, the pool, statements, locks."`
	Doctor   doctorCmd   `cmd:"" help:"Look for what is wrong with the server and the database, with the remedy of each."`
	Maintain maintainCmd `cmd:"" help:"Vacuum, analyze, reindex, partitions and retention ahead of need: plan, run, serve."`
	Config   configCmd   `cmd:"" help:"Settings of PostgreSQL for this machine: render, apply, roll back."`
	Flags    flagsCmd    `cmd:"" help:"Show and set which side of a twin answers, for whom."`
	Bench    benchCmd    `cmd:"" help:"Measure before and after, on this machine or on a database of yours."`
	Version  versionCmd  `cmd:"" help:"Print the version."`
}

// terminal is what a verb talks to: results go to out, everything else to err.
type terminal struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // a second Ctrl-C ends the process at once
	}()
	os.Exit(run(ctx, os.Args[1:], terminal{os.Stdin, os.Stdout, os.Stderr}))
}

// run is main without the process around it, for the tests.
func run(ctx context.Context, args []string, t terminal) int {
	var c cli
	exited := -1
	parser, err := kong.New(&c,
		kong.Name("ovasabi"),
		kong.Description("Campaign-scoped services on PostgreSQL 18."),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true}),
		kong.Writers(t.out, t.err),
		kong.Exit(func(code int) { exited = code }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(t),
	)
	if err != nil {
		fmt.Fprintln(t.err, "ovasabi:", err)
		return exitFailed
	}
	chosen, err := parser.Parse(args)
	if exited >= 0 { // --help has answered
		return exited
	}
	if err != nil {
		fmt.Fprintf(t.err, "ovasabi: %s\nSee: ovasabi --help\n", err)
		return exitUsage
	}
	log := logger(c, chosen.Command(), t.err)
	chosen.Bind(log)
	err = chosen.Run()
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, new(usageError)):
		fmt.Fprintf(t.err, "ovasabi: %s\nSee: ovasabi %s --help\n", err, chosen.Command())
		return exitUsage
	case errors.Is(err, errFindings):
		return exitFailed
	case errors.Is(err, fault.Canceled) && ctx.Err() != nil:
		fmt.Fprintln(t.err, "ovasabi: stopped")
		return exitFailed
	default:
		fmt.Fprintln(t.err, "ovasabi:", err)
		return exitFailed
	}
}

// logger writes at the level that was asked for; verbs that end by themselves
// say what they did in their own words and log only what went wrong.
func logger(c cli, verb string, w io.Writer) *slog.Logger {
	level := slog.LevelWarn
	if verb == "up" || verb == "serve" {
		level = slog.LevelInfo
	}
	if c.LogLevel != "" {
		_ = level.UnmarshalText([]byte(c.LogLevel)) // the enum holds only levels
	}
	o := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewTextHandler(w, o)
	if c.LogFormat == "json" {
		h = slog.NewJSONHandler(w, o)
	}
	return slog.New(server.LogHandler(h))
}

// usageError says that the command line or the environment is wrong, not the work.
type usageError struct{ err error }

func (u usageError) Error() string { return u.err.Error() }
func (u usageError) Unwrap() error { return u.err }

// usage marks the error of checking flags, before any work.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

// errFindings ends a verb whose findings are printed already.
var errFindings = errors.New("findings at error level")
