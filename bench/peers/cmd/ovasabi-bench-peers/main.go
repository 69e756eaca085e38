// Command ovasabi-bench-peers is `ovasabi bench` with the peers linked in: the same
// scenarios, with gorm, bun, ent, lib/pq, database/sql and River measured in turn
// with them. `ovasabi bench --peers` starts it.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/ovasabi/ovasabi/bench/peers"
	"github.com/ovasabi/ovasabi/internal/bench/verb"
)

// The exit codes are those of ovasabi.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // a second Ctrl-C ends the process at once
	}()
	os.Exit(run(ctx))
}

func run(ctx context.Context) int {
	var flags struct{ verb.Flags }
	kong.Parse(&flags,
		kong.Name("ovasabi-bench-peers"),
		kong.Description("ovasabi bench with the peers in the same run: gorm, bun, ent, lib/pq, database/sql and River."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Exit(func(code int) {
			if code != 0 {
				code = exitUsage
			}
			os.Exit(code)
		}),
	)
	r, err := flags.Prepare(peers.All(), slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		fmt.Fprintln(os.Stderr, "ovasabi-bench-peers:", err)
		return exitUsage
	}
	if err := r.Do(ctx, os.Stdout, os.Stderr); err != nil {
		if ctx.Err() != nil {
			err = errors.New("stopped")
		}
		fmt.Fprintln(os.Stderr, "ovasabi-bench-peers:", err)
		return exitFailed
	}
	return 0
}
