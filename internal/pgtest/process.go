package pgtest

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
