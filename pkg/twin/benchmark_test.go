package twin_test

import (
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/open-feature/go-sdk/openfeature"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// A flag is looked up in under 1 µs, whatever the table holds.
func BenchmarkLookup(b *testing.B) {
	app := pgtest.New(b).App(b)
	exec(b, app, `
INSERT INTO ovasabi.twin_flag (campaign_id, twin, percentage)
SELECT n, 'test.shout', n % 101
FROM generate_series(1, 10000) AS n`)
	set(b, app, twin.Flag{Twin: "*", Percentage: 50})
	flags := newFlags(b, app, twin.FlagOptions{})
	own, common := inCampaign(b, 50), inCampaign(b, 20_000)
	for name, fn := range map[string]func(){
		"own row":    func() { flags.Choose(own, shout) },
		"common row": func() { flags.Choose(common, shout) },
		"sticky":     func() { flags.Choose(twin.WithKey(own, "user-1"), shout) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				fn()
			}
		})
	}
	b.Run("own row, parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				flags.Choose(own, shout)
			}
		})
	})
	client := openFeature(b, flags)
	eval := openfeature.NewTargetlessEvaluationContext(map[string]any{twin.CampaignAttribute: int64(50)})
	b.Run("OpenFeature client", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			client.Boolean(own, shout.Name(), true, eval)
		}
	})
	b.Run("OpenFeature client, parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				client.Boolean(own, shout.Name(), true, eval)
			}
		})
	})
}

// A twin against the same text on the pool, in turns, so that both meet the same
// noise: x/raw is the ratio of the medians.
func BenchmarkOverhead(b *testing.B) {
	on := newBench(b, twin.Options{Sampling: 0.01})
	ctx := inCampaign(b, 1)
	var id int64
	var word string
	drain := func(rows pgx.Rows, err error) error {
		if err != nil {
			return err
		}
		for rows.Next() {
			if err := rows.Scan(&id, &word); err != nil {
				return err
			}
		}
		return rows.Err()
	}
	b.Run("one row", func(b *testing.B) {
		inTurns(b, func() error {
			return on.app.QueryRow(ctx, shoutOne.SQL(twin.Optimised), 7).Scan(&word)
		}, func() error {
			return on.runner.QueryRow(ctx, on.app, shoutOne, 7).Scan(&word)
		})
	})
	b.Run("a thousand rows", func(b *testing.B) {
		inTurns(b, func() error {
			return drain(on.app.Query(ctx, shout.SQL(twin.Optimised), 1000))
		}, func() error {
			return drain(on.runner.Query(ctx, on.app, shout, 1000))
		})
	})
}

// inTurns times two ways of the same thing and reports their medians.
func inTurns(b *testing.B, ways ...func() error) {
	took := make([][]time.Duration, len(ways))
	for b.Loop() {
		for i, way := range ways {
			start := time.Now()
			if err := way(); err != nil {
				b.Fatal(err)
			}
			took[i] = append(took[i], time.Since(start))
		}
	}
	medians := make([]float64, len(ways))
	for i := range took {
		slices.Sort(took[i])
		medians[i] = float64(took[i][len(took[i])/2])
	}
	b.ReportMetric(0, "ns/op") // of both ways together, which says nothing
	b.ReportMetric(medians[0], "raw-p50-ns")
	b.ReportMetric(medians[1], "twin-p50-ns")
	b.ReportMetric(medians[1]/medians[0], "x/raw")
}

// What the savepoint of a call inside a transaction costs, and what Trust saves.
func BenchmarkInTransaction(b *testing.B) {
	on := newBench(b, twin.Options{})
	trusting := newRunner(b, on.flags, twin.Options{Trust: time.Hour})
	ctx := inCampaign(b, 1)
	var word string
	if err := trusting.QueryRow(ctx, on.app, shoutOne, 7).Scan(&word); err != nil {
		b.Fatal(err)
	}
	for name, ask := range map[string]func(db database.Querier) pgx.Row{
		"raw pgx":   func(db database.Querier) pgx.Row { return db.QueryRow(ctx, shoutOne.SQL(twin.Optimised), 7) },
		"savepoint": func(db database.Querier) pgx.Row { return on.runner.QueryRow(ctx, db, shoutOne, 7) },
		"trusted":   func(db database.Querier) pgx.Row { return trusting.QueryRow(ctx, db, shoutOne, 7) },
	} {
		b.Run(name, func(b *testing.B) {
			tx, err := on.app.Begin(ctx)
			if err != nil {
				b.Fatal(err)
			}
			defer tx.Rollback(ctx)
			for b.Loop() {
				if err := ask(tx).Scan(&word); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
