package bench

import (
	"context"
	"fmt"
)

// ways writes batches of a size in every way; one operation is one batch.
func (w *inserter) ways(size, blocks int) []way {
	var ways []way
	for _, one := range w.all() {
		ways = append(ways, way{name: one.name, before: w.empty, rows: size, block: func(ctx context.Context, round int) (sample, error) {
			batches := make([][][]any, blocks)
			for i := range batches {
				batches[i] = w.rows(size)
			}
			return inTurn(blocks, func(ctx context.Context, i int) error { return one.write(ctx, batches[i%blocks]) })(ctx, round)
		}})
	}
	return ways
}

// bulkTarget is the promised 50% more.
const bulkTarget = 1.5

// bulkGoals are the project's own: ten times before, and nine tenths of COPY.
const (
	bulkGoal = 10
	copyGoal = 0.9
)

func bulkInsert(ctx context.Context, s *stage) (Scenario, error) {
	w, closeAll, err := s.inserter(ctx)
	if err != nil {
		return Scenario{}, err
	}
	defer closeAll()
	s.sayf("comparing what every way stores")
	if err := w.sameRows(ctx, s.pick(500, 50)); err != nil {
		return Scenario{}, err
	}
	found := Scenario{Of: "one batch of events, stored and committed, on disk"}
	for _, one := range []struct{ size, batches int }{{s.pick(100, 10), s.pick(10, 2)}, {s.pick(1000, 50), s.pick(3, 1)}, {s.pick(5000, 100), 1}} {
		name := fmt.Sprintf("%d rows", one.size)
		f, err := measure(ctx, s.plan(10, name), w.ways(one.size, one.batches))
		if err == nil {
			err = w.countBatch(ctx, one.size, &f)
		}
		if err != nil {
			return found, err
		}
		found.Cases = append(found.Cases, Case{Name: name, Figures: f})
	}
	found.headline(found.Cases[1])
	found.promise(bulkTarget)
	commits, err := measure(ctx, s.plan(8, "a transaction a row"), []way{
		{name: "before", before: w.empty, rows: 100, block: inTurn(1, func(ctx context.Context, _ int) error { return w.rowCommits(ctx, w.rows(100)) })},
		{name: "after", before: w.empty, rows: 100, block: inTurn(1, func(ctx context.Context, _ int) error { return w.batched(ctx, w.rows(100)) })},
	})
	if err != nil {
		return found, err
	}
	found.Cases = append(found.Cases, Case{Name: "100 rows, before commits each", Figures: commits})
	loading, err := s.loading(ctx, w)
	if err != nil {
		return found, err
	}
	found.Cases = append(found.Cases, loading)
	found.Goals = bulkGoalsOf(found.Cases)
	found.Note = "Before: a statement a row, all rows in one transaction (its fairest form); a case below commits each row, as a plain repository called in a loop does. pgx_batch sends the same statements in one round trip; pgx_unnest is what somebody writes by hand for this one table. two_connections is after with its chunks over two connections at once, each committed on its own; below 500 rows it has one. COPY is the floor: it runs as the owner, because PostgreSQL refuses it under row-level security, and returns no ids. Every block meets an empty table with four indexes, three checks and a foreign key, whose cost all ways share. River stores jobs with the event as their arguments in a table of its own."
	return found, s.drop(ctx, "bulk")
}

// copyBound is what keeps a statement behind COPY.
const copyBound = "COPY fills a page at a time (heap_multi_insert) and returns no ids; a statement puts in row by row and sends each id back"

// bulkGoalsOf judges the sizes and says what bounds them.
func bulkGoalsOf(cases []Case) []Goal {
	share := func(c Case, of string) float64 { return c.Variants[of].OpsPerS / c.Variants["copy"].OpsPerS }
	floor := func(c Case) float64 { return c.Variants["before"].Mean / c.Variants["copy"].Mean }
	small, large, commits := cases[1], cases[2], cases[3]
	bound := func(c Case) string {
		return fmt.Sprintf("COPY itself is %s times before: indexes, checks, the foreign key and the commit cost the server the same whichever way the rows come, so that no way of sending them goes much further", figure(floor(c)))
	}
	goals := []Goal{
		atLeast("times the rows a second of before, "+small.Name, small.Ratio, bulkGoal).because(bound(small)),
		atLeast("times the rows a second of before, "+large.Name, large.Ratio, bulkGoal).because(bound(large)),
		atLeast("times the rows a second of before, "+commits.Name, commits.Ratio, bulkGoal),
		atLeast("share of COPY's rows a second, "+small.Name, share(small, "after"), copyGoal).because(copyBound),
		atLeast("share of COPY's rows a second, "+large.Name, share(large, "after"), copyGoal).because(copyBound),
	}
	for _, c := range []Case{small, large} {
		const two = "two_connections"
		times := c.Variants["before"].Mean / c.Variants[two].Mean
		goals = append(goals,
			atLeast("times the rows a second of before, "+c.Name+" over two connections", times, bulkGoal).because(bound(c)),
			atLeast("share of COPY's rows a second, "+c.Name+" over two connections", share(c, two), copyGoal).because("it has as many processors as the client leaves to the server"))
	}
	return goals
}
