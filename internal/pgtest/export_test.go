package pgtest

import (
	"testing"
	"time"
)

// SetPatience changes how long the end of a test waits for its connections.
func SetPatience(t *testing.T, d time.Duration) {
	t.Helper()
	before := patience
	patience = d
	t.Cleanup(func() { patience = before })
}

// Lives reports whether a process runs; one that ended and waits for its parent does not.
func Lives(pid int) bool {
	_, alive := startOf(pid)
	return alive
}
