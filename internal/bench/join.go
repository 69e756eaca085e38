package bench

import (
	"cmp"
	"slices"
	"time"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Names are those of the scenarios that the report holds.
func (r *Report) Names() []string {
	names := make([]string, len(r.Scenarios))
	for i, s := range r.Scenarios {
		names[i] = s.Name
	}
	return names
}

// add adds a scenario that was just measured.
func (r *Report) add(s Scenario) {
	r.Scenarios = append(r.Scenarios, s)
	r.Seconds = time.Since(r.Started).Seconds()
	r.Parts = []Part{{r.Started, r.Seconds, r.Names()}}
}

// With returns the report with the scenarios of an earlier one that it does not
// have, in the order of List. Both must be of the same machine, server and seed;
// Parts says which scenario was measured in which run.
func (r *Report) With(earlier *Report) (*Report, error) {
	switch {
	case !sameMachine(r, earlier) || r.Server.Version != earlier.Server.Version || r.Server.SchemaAfter != earlier.Server.SchemaAfter:
		return nil, fault.New(fault.Conflict, "the earlier report is of another machine, server or schema: run all scenarios again, without --add and --resume")
	case r.Seed != earlier.Seed || r.Short != earlier.Short:
		return nil, fault.New(fault.Conflict, "the earlier report has another seed or is a short run: run all scenarios again, without --add and --resume")
	}
	joined := *r
	joined.Scenarios, joined.Parts = nil, slices.Clone(r.Parts)
	for _, s := range List() {
		for _, from := range []*Report{r, earlier} {
			i := slices.IndexFunc(from.Scenarios, func(have Scenario) bool { return have.Name == s.Name })
			if i >= 0 {
				joined.Scenarios = append(joined.Scenarios, from.Scenarios[i])
				break
			}
		}
	}
	for _, p := range earlier.Parts { // what was measured anew is no longer of that part
		p.Scenarios = slices.DeleteFunc(slices.Clone(p.Scenarios), func(name string) bool { return slices.Contains(r.Names(), name) })
		if len(p.Scenarios) > 0 {
			joined.Parts = append(joined.Parts, p)
		}
	}
	slices.SortFunc(joined.Parts, func(a, b Part) int { return a.Started.Compare(b.Started) })
	joined.Started, joined.Seconds = joined.Parts[0].Started, 0
	for _, p := range joined.Parts {
		joined.Seconds += p.Seconds
	}
	joined.Remark = cmp.Or(r.Remark, earlier.Remark)
	return &joined, nil
}
