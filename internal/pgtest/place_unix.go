//go:build unix

package pgtest

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// detach gives the program a session of its own: Ctrl-C does not reach it.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// hasEnded asks about a child without waiting for it: a goroutine that waits would
// be a leak to the tests that look for one.
func hasEnded(child int) bool {
	var status syscall.WaitStatus
	pid, err := syscall.Wait4(child, &status, syscall.WNOHANG, nil)
	return pid == child || err == syscall.ECHILD
}

// checkOwner refuses a meeting place that another user made in the temporary
// folder, where everybody may write: its address would be his server's.
func checkOwner(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		if os.IsNotExist(err) {
			return nil // removed by a supervisor that ends
		}
		return fmt.Errorf("look at the meeting place: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || ok && int(stat.Uid) != os.Getuid() {
		return fmt.Errorf("%s is not a folder of ours: remove it, or set TMPDIR to a folder of your own", dir)
	}
	return nil
}

func freeBytes(path string) (uint64, bool) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(path, &stat); err != nil {
		return 0, false
	}
	return stat.Bavail * uint64(stat.Bsize), true
}
