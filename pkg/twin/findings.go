package twin

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/ovasabi/ovasabi/pkg/database"
)

// Finding is one thing that an operator should know of, in the form that
// doctor and migrate verify print.
type Finding struct {
	ID string `json:"id"`
	// Severity is error, warning or info.
	Severity string `json:"severity"`
	Object   string `json:"object"`
	Evidence string `json:"evidence"`
	Remedy   string `json:"remedy"`
}

// The ids of the findings.
const (
	FindingSlower     = "twin.slower"
	FindingFallen     = "twin.fallen"
	FindingNoEvidence = "twin.no_evidence"
	FindingStaleFlags = "twin.stale_flags"
)

// Findings returns what the figures say now, by twin: an optimised side that is
// the slower one or cannot run (warnings), twins whose optimised side is in use
// without anything to compare it with (info), and flags that cannot be read (warning).
func (r *Runner) Findings() []Finding {
	found := []Finding{}
	if r == nil {
		return found
	}
	if s := r.flags.Status(); s.Stale {
		found = append(found, Finding{
			ID: FindingStaleFlags, Severity: "warning", Object: "ovasabi.twin_flag",
			Evidence: fmt.Sprintf("the flags in force are from %s and could not be compared with the table for %s: %s",
				s.LoadedAt.UTC().Format(time.RFC3339), s.Age.Round(time.Second), s.LastError),
			Remedy: "see that the database can be reached; until then a change of a flag has no effect here",
		})
	}
	for _, st := range r.called() {
		found = append(found, r.findingsOf(st)...)
	}
	return found
}

func (r *Runner) findingsOf(st *state) (found []Finding) {
	if since := st.health.fallenAt.Load(); since != 0 {
		code := ""
		if p := st.health.code.Load(); p != nil {
			code = *p
		}
		found = append(found, Finding{
			ID: FindingFallen, Severity: "warning", Object: st.twin.name,
			Evidence: fmt.Sprintf("the optimised side cannot run on this schema (SQLSTATE %s) since %s; the plain side has answered %d calls for it",
				code, time.Unix(0, since).UTC().Format(time.RFC3339), st.sides[Optimised].read(st.twin, Optimised).Fallbacks),
			Remedy: "bring the schema to its newest phase with ovasabi migrate up, or set the twin's flag to 0 until then",
		})
	}
	switch c := r.compare(st); {
	case c.Verdict == Slower:
		found = append(found, Finding{
			ID: FindingSlower, Severity: "warning", Object: st.twin.name,
			Evidence: c.Text,
			Remedy:   "set the flag to 0 with ovasabi flags set, then look at the plan of the optimised side as the application's role",
		})
	case c.Verdict == Unknown && c.Optimised.Calls >= uint64(r.options.Enough):
		found = append(found, Finding{
			ID: FindingNoEvidence, Severity: "info", Object: st.twin.name,
			Evidence: c.Text,
			Remedy:   "let the plain side answer a larger share of the calls: raise the sampling share, or set a percentage below 100",
		})
	}
	return found
}

// RevertSlower turns every twin whose optimised side is the slower one to its
// plain side, for every campaign, with the evidence as the reason, and returns
// the findings it acted on. Whoever owns the Runner calls it now and then, or
// gives the task to Watch. Several processes may; a flag that is 0 already stays.
//
// When a flag could not be written, the error is returned with what was reverted before.
func (r *Runner) RevertSlower(ctx context.Context, db database.Querier) ([]Finding, error) {
	reverted := []Finding{}
	for _, st := range r.called() {
		for _, found := range r.findingsOf(st) {
			if found.ID != FindingSlower {
				continue
			}
			if err := Revert(ctx, db, st.twin, "reverted, because the optimised side is the slower one: "+found.Evidence); err != nil {
				return reverted, err
			}
			st.forgetComparison()
			r.options.Log.LogAttrs(ctx, slog.LevelWarn, "a twin was reverted to its plain side",
				slog.String("twin", st.twin.name), slog.String("evidence", found.Evidence))
			found.Remedy = "the flag was set to 0 for every campaign; set it again once the optimised side is mended"
			reverted = append(reverted, found)
		}
	}
	return reverted, nil
}

// revertTimeout bounds one round of Watch.
const revertTimeout = 10 * time.Second

// Watch runs RevertSlower every so often until ctx ends: it is for a goroutine of
// the Runner's owner. A round that fails is logged, and the next one tries again.
func (r *Runner) Watch(ctx context.Context, db database.Querier, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		round, cancel := context.WithTimeout(ctx, revertTimeout)
		_, err := r.RevertSlower(round, db)
		cancel()
		if err != nil && ctx.Err() == nil {
			r.options.Log.LogAttrs(ctx, slog.LevelWarn, "a slower twin could not be reverted: its optimised side goes on answering",
				slog.Any("error", err))
		}
	}
}
