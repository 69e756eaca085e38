package peers_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// order is how the peers are reported; the first is what the others are compared with.
var order = []string{"ovasabi", "gorm", "bun", "ent", "pq"}

// A comparison is worth nothing unless all do the same work.
func TestPeersWriteAndReadTheSameRows(t *testing.T) {
	ctx, db := newDatabase(t)
	owner := db.Owner(t)
	notes := makeNotes(2500)
	for name, p := range peers(t, db) {
		t.Run(name, func(t *testing.T) {
			_, err := owner.Exec(ctx, `TRUNCATE ovasabi.bench_note`)
			require.NoError(t, err)
			ids, err := p.insert(ctx, notes)
			require.NoError(t, err)
			require.Len(t, ids, len(notes))
			var right int
			require.NoError(t, owner.QueryRow(ctx, `
				SELECT count(*)
				FROM unnest($1::bigint[]) WITH ORDINALITY AS u (id, position)
				JOIN ovasabi.bench_note AS n ON n.campaign_id = 1 AND n.id = u.id AND n.score = u.position - 1
				WHERE n.status = 'open' AND n.created_at = timestamptz '2026-03-01 12:00:00+00' + n.score * interval '1 second'`, ids).Scan(&right))
			require.Equal(t, len(notes), right)
			id, body, err := p.read(ctx, notes[7].name)
			require.NoError(t, err)
			require.Equal(t, ids[7], id)
			require.Equal(t, notes[7].body, body)
		})
	}
}

// BenchmarkBulkInsert writes the same rows with ids by each of them in turn. The
// metric x_NAME is how many times NAME's rows/s OVASABI has, the median over the rounds.
func BenchmarkBulkInsert(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprintf("rows=%d", n), func(b *testing.B) {
			ctx, db := newDatabase(b)
			owner, all, notes := db.Owner(b), peers(b, db), makeNotes(n)
			inTurn(b, func(name string) time.Duration {
				if _, err := owner.Exec(ctx, `TRUNCATE ovasabi.bench_note`); err != nil {
					b.Fatal(err)
				}
				start := time.Now()
				if _, err := all[name].insert(ctx, notes); err != nil {
					b.Fatal(name, err)
				}
				return time.Since(start)
			})
		})
	}
}

// BenchmarkReadOne reads one row inside the campaign by each of them in turn.
func BenchmarkReadOne(b *testing.B) {
	ctx, db := newDatabase(b)
	all, notes := peers(b, db), makeNotes(1000)
	if _, err := all["ovasabi"].insert(ctx, notes); err != nil {
		b.Fatal(err)
	}
	inTurn(b, func(name string) time.Duration {
		start := time.Now()
		const reads = 20
		for i := range reads {
			if _, _, err := all[name].read(ctx, notes[i].name); err != nil {
				b.Fatal(name, err)
			}
		}
		return time.Since(start) / reads
	})
}

// inTurn runs each peer once a round, starting with another one each time.
func inTurn(b *testing.B, run func(name string) time.Duration) {
	for _, name := range order { // prepares statements, grows buffers
		run(name)
	}
	ratios := map[string][]float64{}
	var own []float64
	round := 0
	for b.Loop() {
		took := map[string]time.Duration{}
		for i := range order {
			name := order[(i+round)%len(order)]
			took[name] = run(name)
		}
		round++
		own = append(own, float64(took[order[0]].Nanoseconds()))
		for _, name := range order[1:] {
			ratios[name] = append(ratios[name], took[name].Seconds()/took[order[0]].Seconds())
		}
	}
	for _, name := range order[1:] {
		b.ReportMetric(median(ratios[name]), "x_"+name)
	}
	b.ReportMetric(median(own)/1e3, "µs")
	b.ReportMetric(0, "ns/op")
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}
