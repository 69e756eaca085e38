package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// peersProgram is `ovasabi bench` with the peers linked in: they are the
// dependencies of a module of their own, bench/peers, and none of the product.
const peersProgram = "ovasabi-bench-peers"

// peersStop is how long the peers' program has to stop its server.
const peersStop = 45 * time.Second

// runPeers runs this command in the peers' program. The values of the flags go
// through the environment, because one of them may hold a password.
func (c benchRun) runPeers(ctx context.Context, t terminal) error {
	path, err := findPeers()
	if err != nil {
		return usage(err)
	}
	peers := exec.CommandContext(ctx, path, c.Scenarios...)
	peers.Env = append(os.Environ(), c.Environ()...)
	peers.Stdout, peers.Stderr = t.out, t.err
	peers.Cancel = func() error { return peers.Process.Signal(os.Interrupt) }
	peers.WaitDelay = peersStop
	err = peers.Run()
	if ctx.Err() != nil {
		return fault.FromPostgres(ctx.Err())
	}
	if errors.As(err, new(*exec.ExitError)) {
		return fmt.Errorf("%s has said why it failed (%w)", peersProgram, err)
	}
	return err
}

// findPeers looks beside this program, then on the PATH.
func findPeers() (string, error) {
	if self, err := os.Executable(); err == nil {
		if beside, err := exec.LookPath(filepath.Join(filepath.Dir(self), peersProgram)); err == nil {
			return beside, nil
		}
	}
	path, err := exec.LookPath(peersProgram)
	if err != nil {
		return "", fault.Field("peers", "needs the program %s beside ovasabi or on the PATH: `make peers` in a clone of the repository builds it", peersProgram)
	}
	return path, nil
}
