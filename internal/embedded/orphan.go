package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func (f *dataFolder) pidFilePath() string { return filepath.Join(f.cluster(), "postmaster.pid") }

// endOrphan clears the way for a start. The folder is locked, so whoever is named
// in the pid file is not run by any of us: most often nobody, sometimes another
// process that got the same id after a reboot, which would make PostgreSQL refuse
// to start, and at worst a server whose keeper was killed.
func (f *dataFolder) endOrphan(ctx context.Context, progress func(string)) error {
	pid, _, found := f.pidFile()
	if !found {
		return nil
	}
	if pid > 1 && pid != os.Getpid() && alive(pid) && f.serves(ctx, pid) {
		progress("stopping a PostgreSQL that was left behind on this folder, process " + strconv.Itoa(pid))
		if err := f.endServer(ctx, pid); err != nil {
			return err
		}
	}
	if err := os.Remove(f.pidFilePath()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return f.explain("write to", err)
	}
	return nil
}

// serves tells whether a process is a postmaster on this folder. Where the system
// does not show a process's folder, a process named postgres is taken for one.
func (f *dataFolder) serves(ctx context.Context, pid int) bool {
	if _, err := os.Stat("/proc/self/cwd"); err == nil {
		cwd, err := os.Stat(fmt.Sprintf("/proc/%d/cwd", pid))
		if err != nil {
			return false
		}
		cluster, err := os.Stat(f.cluster())
		return err == nil && os.SameFile(cwd, cluster)
	}
	out, err := exec.CommandContext(ctx, "ps", "-o", "comm=", "-p", strconv.Itoa(pid)).Output() //nolint:gosec // a number
	return err == nil && strings.Contains(string(out), "postgres")
}

func (f *dataFolder) endServer(ctx context.Context, pid int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, shutdownTime,
		fmt.Errorf("PostgreSQL process %d still runs on %s: end it with kill -INT %[1]d", pid, f.path))
	defer cancel()
	if err := interruptServer(pid, "INT"); err != nil {
		return fmt.Errorf("stop the PostgreSQL that was left behind: %w", err)
	}
	for alive(pid) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}
