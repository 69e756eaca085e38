package maintenance

import (
	"context"
	"time"
)

// Plan is what a maintainer would do, and why. Its JSON is a contract.
type Plan struct {
	At time.Time `json:"at"`
	// Role is the one that would do it.
	Role string `json:"role"`
	// Leader is who maintains at this moment, or empty.
	Leader string `json:"leader,omitempty"`
	Tasks  []Task `json:"tasks"`
	// Notes are things seen that no maintenance mends.
	Notes []string `json:"notes"`
	// Used is what the last 24 hours took of the budget.
	Used usage `json:"used_24h"`
	// Pressure is what would make it wait now, or empty.
	Pressure string `json:"pressure,omitempty"`
}

// Plan looks and decides, and changes nothing.
func (m *Maintainer) Plan(ctx context.Context) (Plan, error) {
	o, err := m.observe(ctx)
	if err != nil {
		return Plan{}, err
	}
	d := decide(o, m.config)
	p := Plan{At: o.at, Tasks: []Task{}, Notes: append([]string{}, d.notes...), Used: o.history.used}
	if o.snapshot.Server != nil {
		p.Role = o.snapshot.Server.Role
	}
	if p.Leader, _, err = m.leader(ctx); err != nil {
		return p, err
	}
	pressure, err := m.pressed(ctx)
	if err != nil {
		return p, err
	}
	p.Pressure = pressure.String()
	used := o.history.used
	for _, t := range d.tasks {
		t.When = m.when(&t, used, p.Pressure)
		if t.When == "now" {
			used.Seconds += t.Seconds
			used.Bytes += t.Bytes
		}
		p.Tasks = append(p.Tasks, t)
	}
	return p, nil
}

// when says what a task waits for.
func (m *Maintainer) when(t *Task, used usage, pressed string) string {
	if t.Blocked != "" {
		return "never by this role"
	}
	if why := m.shut(t, used); why != "" {
		return why
	}
	if pressed != "" && !t.Urgent {
		return "when it is calmer: " + pressed
	}
	return "now"
}

// shut says why a task may not begin at this time: the window, or the budget. What
// cannot be broken off without loss begins only where there is time to end it.
func (m *Maintainer) shut(t *Task, used usage) string {
	if t.Urgent {
		return ""
	}
	now := m.now()
	end, open := m.windows.end(now)
	switch {
	case !open:
		return "in the window at " + m.windows.next(now).In(m.windows.zone).Format("2006-01-02 15:04 MST")
	case m.config.MaxTime > 0 && used.Seconds >= m.config.MaxTime.Seconds():
		return "when the budget of time is free again: " + m.config.MaxTime.String() + " within 24 hours are used"
	case m.config.MaxBytes > 0 && used.Bytes > 0 && used.Bytes+t.Bytes > m.config.MaxBytes:
		// What alone is more than the budget is done on a day that has used none of it.
		return "when the budget of bytes is free again: " + size(used.Bytes) + " of " + size(m.config.MaxBytes) + " within 24 hours are used"
	case !t.interruptible() && !end.IsZero() && now.Add(time.Duration(t.Seconds*float64(time.Second))).After(end):
		return "in a window with time for it: this one closes at " + end.Format("15:04 MST")
	}
	return ""
}
