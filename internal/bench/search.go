package bench

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

func searchRead() *read {
	return &read{name: "search", twin: "content.search", share: 1, args: func(d *rand.Rand, c *known) []any {
		words := vocabulary[d.IntN(60)] + " " + vocabulary[d.IntN(60)]
		return []any{c.id, words, []string{"published", "archived"}, "[]", math.Inf(1), firstPage, firstID, pageSize}
	}}
}

// matches ask for the same ids in several ways; only the text of the vector differs.
const matchSQL = `
SELECT c.id
FROM ovasabi.service_content_main AS c
WHERE c.campaign_id = $1::bigint
  AND %s @@ websearch_to_tsquery('english', $2::text)
ORDER BY c.id`

func search(ctx context.Context, s *stage) (Scenario, error) {
	r, err := s.readers(ctx, 4)
	if err != nil {
		return Scenario{}, err
	}
	defer r.close()
	one := searchRead()
	if err := one.prepare(ctx, r.f); err != nil {
		return Scenario{}, err
	}
	r.reads = []*read{one}
	found := Scenario{Of: "a ranked search for two words, the first 20 hits with their passages"}
	// The largest campaign, and one of the middle.
	for _, of := range []*known{r.campaigns[len(r.campaigns)/3], r.campaigns[0]} {
		calls := draws(s.pick(20, 4), s.o.Seed, r.reads, []*known{of})
		if err := compare(ctx, r.p, r.f, calls[:4]); err != nil {
			return found, err
		}
		name := figure(float64(of.contentN)) + " documents"
		f, err := measure(ctx, s.plan(6, name), r.bothWays(s.pick(4, 2), calls))
		if err == nil {
			err = s.countCalls(ctx, r, &f, calls[:4])
		}
		if err != nil {
			return found, err
		}
		found.Cases = append(found.Cases, Case{Name: name, Figures: f})
	}
	found.headline(found.Cases[1])
	match, err := s.matching(ctx, r)
	if err != nil {
		return found, err
	}
	found.Cases = append(found.Cases, match)
	found.Note = "Before computes the vector of every document of the campaign in the query, because row-level security keeps a match from using an index. After asks the schema's function, which reads the stored vector by its index and fixes the campaign itself."
	return found, nil
}

// matching compares the vectors with and without row-level security.
func (s *stage) matching(ctx context.Context, r *readers) (Case, error) {
	owner, err := pgxpool.New(ctx, r.pair.newest.owner)
	if err != nil {
		return Case{}, fault.FromPostgres(err)
	}
	defer owner.Close()
	of := r.campaigns[0]
	d := rand.New(rand.NewPCG(s.o.Seed, 3))
	words := make([]string, 50)
	for i := range words {
		words[i] = one(d, vocabulary[1500:2500]) // the first are the frequent ones
	}
	scoped := in(ctx, of.id)
	ask := func(on querying, text string) func(context.Context, int) (sample, error) {
		return inTurn(s.pick(4, 2), func(_ context.Context, i int) error {
			_, err := idsOf(scoped, on, text, of.id, words[i%len(words)])
			return err
		})
	}
	virtual, stored := fmt.Sprintf(matchSQL, "c.search_vector_virtual"), fmt.Sprintf(matchSQL, "c.search_vector_stored")
	for _, w := range words[:10] {
		if err := sameIDs(scoped, of.id, w, []asked{{r.f.scope, virtual}, {r.f.scope, stored}, {owner, virtual}, {owner, stored}}); err != nil {
			return Case{}, err
		}
	}
	p := s.plan(6, "a rare word")
	f, err := measure(ctx, p, []way{
		{name: "before", block: ask(r.f.scope, virtual)},
		{name: "stored, row-level security", block: ask(r.f.scope, stored)},
		{name: "virtual, none", block: ask(owner, virtual)},
		{name: "after", block: ask(owner, stored)},
	})
	return Case{Name: "a rare word, without rank, largest campaign", Figures: f,
		Note: "Before: the virtual column under row-level security. After: the stored one without it, which is what the function sees."}, err
}
