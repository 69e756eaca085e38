//go:build !linux

package pgtest

import (
	"context"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// pollInterval is longer here, because every look runs ps.
const pollInterval = time.Second

func startOf(pid int) (string, bool) { return ps(pid, "lstart") }

func isGoCommand(pid int) bool {
	name, found := ps(pid, "comm")
	return found && filepath.Base(name) == "go"
}

func availableMemory() uint64 { return 0 }

// psTime bounds a call of ps.
const psTime = 10 * time.Second

// ps asks for one property of a process, where there is no /proc.
func ps(pid int, property string) (string, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), psTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ps", "-o", property+"=", "-p", strconv.Itoa(pid)).Output() //nolint:gosec // a number
	text := strings.TrimSpace(string(out))
	return text, err == nil && text != ""
}
