package monitoring

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestGrowthSurvivesResets(t *testing.T) {
	require.Nil(t, growth[int64](nil, new(int64(1)), false))
	require.Nil(t, growth(new(int64(1)), nil, false))
	require.EqualValues(t, 3, *growth(new(int64(4)), new(int64(7)), false))
	require.EqualValues(t, 2, *growth(new(int64(4)), new(int64(2)), false), "a counter that fell began anew")
	require.EqualValues(t, 7, *growth(new(int64(4)), new(int64(7)), true), "a reset is known even where the counter has passed its old value")
	require.Nil(t, perSecond(new(int64(1)), 0))
}

// No sequence of growth and resets makes a rate negative, or one that is not a number.
func TestRatesAreNeverNegative(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, now := rapid.Int64Min(0).Draw(t, "before"), rapid.Int64Min(0).Draw(t, "now")
		r := rateOf(&before, &now, rapid.Bool().Draw(t, "reset"), time.Duration(rapid.Int64Range(1, 1<<40).Draw(t, "over")))
		if r == nil || *r < 0 || math.IsNaN(*r) {
			t.Fatalf("rate %v of %d and %d", r, before, now)
		}
	})
}

// A quantile is within 7% of the true one, whatever the durations.
func TestQuantilesAreClose(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(int64(10*time.Microsecond), int64(time.Hour)).Draw(t, "duration"))
		var h durations
		h.add(d)
		if got := h.quantile(0.95); math.Abs(float64(got-d)) > 0.07*float64(d) {
			t.Fatalf("%s is reported as %s", d, got)
		}
	})
}

func TestAQueryThatBecameSlowerIsAFinding(t *testing.T) {
	now := time.Now()
	table := &queryTable{clock: func() time.Time { return now }}
	key := queryKey{"content.get", "optimised"}
	run := func(minutes, calls int, took time.Duration) {
		for range minutes {
			for range calls {
				table.add(key, took, 1, false)
			}
			now = now.Add(time.Minute)
		}
	}
	thresholds := DefaultThresholds()
	find := func() []Finding { return thresholds.ofQueries(&Snapshot{Queries: table.list()}) }
	run(30, 20, 2*time.Millisecond)
	require.Empty(t, find(), "steady")
	run(10, 20, 2200*time.Microsecond)
	require.Empty(t, find(), "a tenth slower is noise")
	run(10, 20, 6*time.Millisecond)
	found := find()
	require.Len(t, found, 1)
	require.Equal(t, "query.slower", found[0].ID)
	require.Equal(t, "content.get (optimised)", found[0].Object)
	run(60, 20, 6*time.Millisecond)
	require.Len(t, find(), 1, "an hour later it still is")
	run(60*24, 20, 6*time.Millisecond)
	run(60*24, 20, 6*time.Millisecond)
	require.Empty(t, find(), "a day later it is how long it takes")
	// An idle night forgets nothing of how long it usually takes.
	now = now.Add(8 * time.Hour)
	require.Positive(t, table.list()[0].Usual)
}

func TestQueriesAreBounded(t *testing.T) {
	var table queryTable
	for i := range 1000 {
		table.add(queryKey{name: string(rune('a'+i%26)) + time.Duration(i).String()}, time.Millisecond, 0, false)
	}
	all := table.list()
	require.LessOrEqual(t, len(all), mostQueries+1)
	calls := int64(0)
	for _, q := range all {
		calls += q.Calls
	}
	require.EqualValues(t, 1000, calls, "what has no room is counted under (others)")
}

func TestHistoryIsBoundedAndCoarsens(t *testing.T) {
	var h history
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for range 30 * 360 { // 30 hours, one point every 10 s
		h.add(&Snapshot{At: at, Pool: &Pool{Used: 5}})
		at = at.Add(10 * time.Second)
	}
	points := h.points()
	require.LessOrEqual(t, len(points), mostFine+24*60)
	require.GreaterOrEqual(t, points[len(points)-1].At.Sub(points[0].At), 23*time.Hour)
	for i := 1; i < len(points); i++ {
		require.True(t, points[i].At.After(points[i-1].At), "in order")
	}
	require.InDelta(t, 5, points[0].Values[SeriesPoolUsed], 0)
	require.True(t, math.IsNaN(points[0].Values[SeriesReadBytes]), "unknown stays unknown")
}

func TestPileUpsAreBoundedAndKeepTheLongest(t *testing.T) {
	var p pileUps
	at := time.Now()
	look := func(waits time.Duration) {
		l := &Locks{At: at}
		if waits > 0 {
			l.Waiters, l.Waiting = []Waiter{{PID: 1, WaitingSince: new(at.Add(-waits)), Blockers: []int32{2}}}, 1
		}
		p.add(l, time.Second)
		at = at.Add(5 * time.Second)
	}
	look(time.Hour) // the one that matters
	for range 3 * mostPileUps {
		look(0)
		look(time.Second)
	}
	all := p.list()
	require.Len(t, all, mostPileUps)
	require.Equal(t, time.Hour, all[len(all)-1].Longest, "the longest is not pushed out by many short ones")
}

func TestTreeEndsOnRings(t *testing.T) {
	l := &Locks{Waiters: []Waiter{{PID: 1, Blockers: []int32{2}}, {PID: 2, Blockers: []int32{1}}, {PID: 3, Blockers: []int32{2, 0}}}}
	roots := l.Tree()
	require.NotEmpty(t, roots)
	seen := map[int32]bool{}
	var walk func(n *Node)
	walk = func(n *Node) {
		seen[n.PID] = true
		for _, next := range n.Waits {
			walk(next)
		}
	}
	for _, r := range roots {
		walk(r)
	}
	require.True(t, seen[1] && seen[2] && seen[3], "everybody stands in the tree")
}

// What happens in a moment is told for ten minutes, not until the next look.
func TestADeadlockIsToldForTenMinutes(t *testing.T) {
	at := time.Now()
	var before *Database
	look := func(deadlocks int64) int64 {
		at = at.Add(time.Minute)
		d := &Database{Deadlocks: &deadlocks}
		d.rates(before, at, time.Minute)
		before = d
		return d.RecentDeadlocks
	}
	look(3)
	require.EqualValues(t, 2, look(5))
	for range 8 {
		require.EqualValues(t, 2, look(5))
	}
	require.EqualValues(t, 3, look(6))
	require.EqualValues(t, 1, look(6), "the older ones are forgotten")
}

func TestFindingsOfServerFigures(t *testing.T) {
	at := time.Now()
	thresholds := DefaultThresholds()
	s := &Snapshot{
		At: at, Server: &Server{Monitor: true, Checksums: true, FreezeMaxAge: 200},
		Database:     &Database{OldestXIDAge: 1 << 31 * 9 / 10, RecentDeadlocks: 1, ChecksumFailures: new(int64(2))},
		Pool:         &Pool{Used: 10, Max: 10},
		Client:       &ClientFigures{NewRollbacks: new(int64(30)), NewCommits: new(int64(70))},
		Replication:  &Replication{Standbys: []Standby{{Standby: "b", ReplayLagS: new(60.0)}}, Slots: []Slot{{Slot: "old", KeptBytes: new(int64(2 << 30))}}},
		Transactions: []Transaction{{PID: 4, State: "idle in transaction", StartedAt: at.Add(-time.Hour), StateSince: new(at.Add(-time.Hour))}},
		Vacuum:       &VacuumStats{Tables: []Table{{TableName: "t", DeadRows: 90_000, VacuumFrom: new(10_000.0), XIDAge: 400}}},
		Indexes:      []Index{{IndexName: "broken"}, {IndexName: "unused", IsValid: true, Bytes: 20 << 20}},
	}
	ids := map[string]string{}
	for _, f := range thresholds.find(s, nil) {
		ids[f.ID] = f.Severity
		require.NotEmpty(t, f.Evidence)
		require.NotEmpty(t, f.Remedy)
		require.NotEmpty(t, f.Object)
	}
	require.Equal(t, map[string]string{
		"wraparound": "error", "server.checksum_failures": "error", "locks.deadlock": "warning", "pool.exhausted": "warning",
		"transactions.rollbacks": "warning", "replication.lag": "warning", "replication.slot_unused": "warning",
		"transactions.long": "warning", "vacuum.behind": "warning", "vacuum.freeze": "warning",
		"index.invalid": "warning", "index.unused": "info",
	}, ids)
	require.Empty(t, thresholds.find(&Snapshot{At: at, Server: s.Server, Database: &Database{}, Pool: &Pool{Max: 10}}, nil), "a quiet server")
}
