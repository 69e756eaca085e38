package maintenance

import (
	"fmt"
	"strings"
)

// index decides whether an index is to be built anew: because it cannot be used,
// or because it takes far more room an entry than it has been seen to need.
//
// The ratio of size and entries is compared with the least that was seen, as
// https://github.com/dataegret/pg_index_watch does, and with what the statistics of
// the columns make of it, where this role may read them; both hold for B-trees, of
// which https://www.postgresql.org/docs/18/routine-reindex.html says why they grow.
func (d *decider) index(i *indexFacts) {
	if d.building(i.table()) {
		return // an index that is being built is not valid yet
	}
	switch {
	case i.Half:
		d.add(Task{
			Action: DropIndex, Object: i.name(), table: i.table(),
			Why:       "is what a REINDEX CONCURRENTLY that was cut short left: it is written and never read",
			Statement: "DROP INDEX CONCURRENTLY IF EXISTS " + quotedName(i.name()), Blocked: blocked(i.MayAlter, ownerPrivilege), weight: float64(i.Bytes),
		})
	case !i.Valid:
		d.add(d.rebuild(i, "cannot be used: a build of it was cut short, and it is written and never read"))
	case d.dirty[i.table()]:
		return // its dead rows count as entries until they are removed
	case i.Method == "btree" && i.Bytes >= d.config.IndexMinBytes && i.Entries > 0:
		ideal, from := i.ideal()
		if ideal == 0 {
			return
		}
		if times := float64(i.Bytes) / (ideal * i.Entries); times >= d.config.IndexBloat {
			d.add(d.rebuild(i, fmt.Sprintf("takes %s for %.0f entries, %.1f times the %.0f bytes an entry %s; acts from %g times", size(i.Bytes), i.Entries, times, ideal, from, d.config.IndexBloat)))
		}
	}
}

func (d *decider) rebuild(i *indexFacts, why string) Task {
	return Task{
		Action: Reindex, Object: i.name(), table: i.table(), Why: why, Bytes: i.TableBytes + 2*i.Bytes,
		Statement: "REINDEX INDEX CONCURRENTLY " + quotedName(i.name()), Blocked: blocked(i.MayMaintain, maintainPrivilege), weight: float64(i.Bytes),
	}
}

// ideal is the bytes an entry that the index would take when built anew, and where that is known from.
func (i *indexFacts) ideal() (float64, string) {
	switch {
	case i.Best != nil && (i.Needed == nil || *i.Best <= *i.Needed):
		return *i.Best, "that it was seen with"
	case i.Needed != nil:
		return *i.Needed, "that its columns need by their statistics"
	default:
		return 0, ""
	}
}

// building tells whether somebody builds an index on the table at this moment.
func (d *decider) building(table string) bool {
	for _, p := range d.snapshot.Vacuum.Running {
		if p.TableName == table && strings.Contains(p.Command, "index") {
			return true
		}
	}
	return false
}
