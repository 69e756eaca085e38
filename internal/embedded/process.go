package embedded

import (
	"context"
	"os"
	"os/exec"
	"time"
)

// command prepares a program of PostgreSQL's: as the given user, in a process
// group of its own (Ctrl-C in a terminal reaches only us, and we stop it in
// order), with an environment that carries none of our secrets and no PG…
// variables, and in English, because some of its answers are read.
func command(ctx context.Context, who account, path string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, args...) //nolint:gosec // an installation that was probed, or /bin/sh
	cmd.Env = []string{"LC_ALL=C"}
	for _, name := range []string{"PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "TZDIR", "SystemRoot"} {
		if value, set := os.LookupEnv(name); set {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	cmd.Dir = string(os.PathSeparator) // our own folder may be closed to the user
	cmd.WaitDelay = 5 * time.Second
	ownGroup(cmd)
	switchUser(cmd, who)
	return cmd
}
