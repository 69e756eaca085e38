package twin

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ovasabi/ovasabi/pkg/campaign"
)

// table draws a flag table: at most one row for a campaign and a twin.
func table(t *rapid.T, label string) map[key]int16 {
	return rapid.MapOf(
		rapid.Custom(func(t *rapid.T) key {
			return key{
				campaign: rapid.Int64Range(0, 3).Draw(t, "campaign"),
				twin:     rapid.SampledFrom([]string{EveryTwin, "a.a", "b.b", "c.c"}).Draw(t, "twin"),
			}
		}),
		rapid.Int16Range(0, 100),
	).Draw(t, label)
}

type key struct {
	campaign int64
	twin     string
}

func rowsOf(flags map[key]int16) (rows []row) {
	for k, p := range flags {
		rows = append(rows, row{campaignID: k.campaign, twin: k.twin, percentage: p})
	}
	return rows
}

// expected is the precedence as the documentation says it.
func expected(flags map[key]int16, id int64, name string) uint8 {
	for _, k := range []key{{id, name}, {id, EveryTwin}, {0, name}, {0, EveryTwin}} {
		if p, ok := flags[k]; ok {
			return uint8(p)
		}
	}
	return defaultShare
}

// Over all tables, every campaign and twin gets the percentage that the
// precedence says, and a twin whose percentage differs between two tables is
// among the changed ones.
func TestSnapshotOverAllTables(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, after := table(t, "before"), table(t, "after")
		a, b := newSnapshot(rowsOf(before), time.Time{}), newSnapshot(rowsOf(after), time.Time{})
		names := changed(a, b)
		for id := range int64(4) {
			for _, name := range []string{"a.a", "b.b", "c.c"} {
				p, _ := a.share(campaign.ID(id), name)
				q, _ := b.share(campaign.ID(id), name)
				if p != expected(before, id, name) || q != expected(after, id, name) {
					t.Fatalf("campaign %d, twin %s: %d and %d, want %d and %d", id, name, p, q, expected(before, id, name), expected(after, id, name))
				}
				if p != q && !slices.Contains(names, name) && !slices.Contains(names, EveryTwin) {
					t.Fatalf("twin %s of campaign %d changed and is not among %v", name, id, names)
				}
			}
		}
		if same := changed(a, newSnapshot(rowsOf(before), time.Now())); len(same) != 0 {
			t.Fatalf("equal tables differ in %v", same)
		}
	})
}
