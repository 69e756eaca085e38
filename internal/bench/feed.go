package bench

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// goalFeedRows is the size at which the project's goal is set, and the largest by default.
const goalFeedRows = 1_000_000

// feedSizes are tenfold steps up to the largest.
func (s *stage) feedSizes() []int {
	largest := s.o.FeedRows
	if largest == 0 {
		largest = s.pick(goalFeedRows, 3000)
	}
	sizes := []int{largest}
	for n := largest / 10; n >= s.pick(10_000, 300); n /= 10 {
		sizes = append([]int{n}, sizes...)
	}
	return sizes
}

// feeds are the lists that a campaign's people open, each as often.
var feeds = []struct {
	name     string
	statuses []string
}{
	{"site", []string{"published", "review"}},
	{"desk", []string{"draft", "review"}},
	{"archive", []string{"archived"}},
}

func feedReads() []*read {
	var reads []*read
	for _, f := range feeds {
		reads = append(reads, &read{name: f.name, twin: "content.list_by_status", share: 1, args: func(_ *rand.Rand, c *known) []any {
			return []any{c.id, f.statuses, firstPage, firstID, 100, false}
		}})
	}
	return reads
}

func feed(ctx context.Context, s *stage) (Scenario, error) {
	sizes := s.feedSizes()
	pair, err := s.pair(ctx, "feed", population{campaigns: len(sizes), skew: 1, sizes: sizes, bodyWords: 4})
	if err != nil {
		return Scenario{}, err
	}
	r := &readers{pair: pair, reads: feedReads()}
	defer r.close()
	if r.p, err = openPlain(pair.plain.app, 2, false); err != nil {
		return Scenario{}, err
	}
	if r.f, err = openFull(ctx, pair.newest.app, fullOptions{conns: 4}); err != nil {
		return Scenario{}, err
	}
	for _, one := range r.reads {
		if err := one.prepare(ctx, r.f); err != nil {
			return Scenario{}, err
		}
	}
	found := Scenario{Of: "the newest 100 documents of one or two statuses: site, desk and archive in turn"}
	for i, size := range sizes {
		of := []*known{{id: int64(i + 1), contentN: int64(size)}}
		var each []call
		for _, one := range r.reads {
			each = append(each, draws(1, s.o.Seed, []*read{one}, of)...)
		}
		if err := compare(ctx, r.p, r.f, each); err != nil {
			return found, err
		}
		if err := s.feedCases(ctx, &found, r, size, each); err != nil {
			return found, err
		}
	}
	found.headline(found.Cases[len(found.Cases)-1-len(feeds)])
	largest := []*known{{id: int64(len(sizes)), contentN: int64(sizes[len(sizes)-1])}}
	spent, err := r.whereTimeGoes(ctx, draws(30, s.o.Seed, r.reads, largest))
	if err != nil {
		return found, err
	}
	found.Facts = spent.facts()
	if n := sizes[len(sizes)-1]; n >= goalFeedRows {
		found.Goals = append(found.Goals, atLeast(fmt.Sprintf("times faster than before at %d rows", n), found.Ratio, 50).because(fmt.Sprintf(
			"the rows cost after the same in a campaign of any size, and what is left is the page itself: of %s ms the server executes for %s; the rest carries 100 rows",
			figure(found.Variants["after"].Mean), figure(spent.running))))
	}
	found.Note = fmt.Sprintf("The plan's FindContentByStatus in campaigns of %v rows, all in one table; the older half is mostly archived. The plain schema has an index by time, so before is good while the statuses asked for are common among the newest rows, and reads through all that is newer where they are not. After reads an ordered range a status and merges: twice the rows where one scan would have done.", sizes)
	r.close()
	return found, s.drop(ctx, "feed")
}

// feedCases measures the three feeds together and each alone in one campaign.
func (s *stage) feedCases(ctx context.Context, found *Scenario, r *readers, size int, each []call) error {
	blocks := min(max(s.pick(200_000, 600)/size, 2), 10)
	for i := -1; i < len(each); i++ {
		name, calls, rounds := fmt.Sprintf("%d rows", size), each, 8
		if i >= 0 {
			name, calls, rounds = name+", "+each[i].read.name, each[i:i+1], 5
		}
		f, err := measure(ctx, s.plan(rounds, name), r.bothWays(blocks*len(calls), calls))
		if err == nil {
			err = s.countCalls(ctx, r, &f, calls)
		}
		if err != nil {
			return err
		}
		found.Cases = append(found.Cases, Case{Name: name, Figures: f})
	}
	return nil
}

// spent is where the time of after's calls goes on the server.
type spent struct {
	planning, running float64 // ms a call, the text planned anew
	anew              float64 // share of the executions since the pool was opened whose text was planned anew
}

func (s spent) facts() []Fact {
	return []Fact{
		{"executing a feed in the largest campaign, after", s.running, "ms"},
		{"planning it, where that is done anew", s.planning, "ms"},
		{"executions that the server planned anew, after", s.anew * 100, "%"},
	}
}

// whereTimeGoes asks the server: EXPLAIN for the times, and each connection for how
// often its prepared statements were planned anew.
func (r *readers) whereTimeGoes(ctx context.Context, calls []call) (spent, error) {
	var s spent
	var texts []string
	for _, c := range calls {
		t, ok := twin.Lookup(c.read.twin)
		if !ok {
			return s, fault.New(fault.Internal, "%s is no twin", c.read.name)
		}
		texts = append(texts, t.SQL(twin.Optimised))
		e, err := r.f.explain(ctx, c, twin.Optimised)
		if err != nil {
			return s, err
		}
		s.planning += e.Planning / float64(len(calls))
		s.running += e.Running / float64(len(calls))
	}
	var anew, all float64
	for _, conn := range r.f.pool.AcquireAllIdle(ctx) {
		var custom, generic float64
		err := conn.QueryRow(ctx, `
SELECT coalesce(sum(p.custom_plans), 0)::float8, coalesce(sum(p.generic_plans), 0)::float8
FROM pg_catalog.pg_prepared_statements AS p
WHERE p.statement = ANY ($1::text[])`, texts).Scan(&custom, &generic)
		conn.Release()
		if err != nil {
			return s, fault.FromPostgres(err)
		}
		anew, all = anew+custom, all+custom+generic
	}
	if all > 0 {
		s.anew = anew / all
	}
	return s, nil
}
