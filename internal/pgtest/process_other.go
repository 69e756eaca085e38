//go:build !linux

package pgtest

import (
	"path/filepath"
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
