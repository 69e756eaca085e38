package pgtest

import (
	"context"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// A process is told from a later one of the same id by its start time, in whatever
// unit the system gives it.
type process struct {
	PID   int    `json:"pid"`
	Start string `json:"start"`
}

func (p process) lives() bool {
	start, alive := startOf(p.PID)
	return alive && start == p.Start
}

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
