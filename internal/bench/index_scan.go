package bench

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/ovasabi/ovasabi/pkg/twin"
)

// indexTarget is the promised 30% less time, as a ratio.
const indexTarget = 1 / (1 - 0.30)

const day = 24 * time.Hour

// indexReads ask the same question in the same words of both schemas, except for
// the last two, whose words changed with the indexes.
func indexReads() []*read {
	since := func(d *rand.Rand) time.Time { return end.Add(-time.Duration(30+d.IntN(300)) * day) }
	return []*read{
		{name: "status, newest 50", share: 20, text: `
SELECT c.id, c.title, c.created_at
FROM ovasabi.service_content_main AS c
WHERE c.campaign_id = $1::bigint
  AND c.status = $2::text
ORDER BY c.created_at DESC, c.id DESC
LIMIT 50`, args: func(d *rand.Rand, c *known) []any {
			return []any{c.id, one(d, []string{"published", "draft", "review", "archived"})}
		}},
		{name: "status in two weeks", share: 20, text: `
SELECT c.id, c.title, c.created_at
FROM ovasabi.service_content_main AS c
WHERE c.campaign_id = $1::bigint
  AND c.status = $2::text
  AND c.created_at >= $3::timestamptz
  AND c.created_at < $3::timestamptz + interval '14 days'
ORDER BY c.created_at, c.id`, args: func(d *rand.Rand, c *known) []any {
			return []any{c.id, one(d, []string{"published", "draft"}), since(d)}
		}},
		{name: "a day, any status", share: 10, text: `
SELECT c.id, c.title, c.status, c.created_at
FROM ovasabi.service_content_main AS c
WHERE c.campaign_id = $1::bigint
  AND c.created_at >= $2::timestamptz
  AND c.created_at < $2::timestamptz + interval '1 day'
ORDER BY c.created_at, c.id`, args: func(d *rand.Rand, c *known) []any { return []any{c.id, since(d)} }},
		{name: "count of a status", share: 10, text: `
SELECT count(*)
FROM ovasabi.service_content_main AS c
WHERE c.campaign_id = $1::bigint
  AND c.status = $2::text`, args: func(d *rand.Rand, c *known) []any { return []any{c.id, one(d, []string{"draft", "review"})} }},
		{name: "events of a type in a week", share: 15, text: `
SELECT e.id, e.entity_id, e.occurred_at
FROM ovasabi.service_event AS e
WHERE e.campaign_id = $1::bigint
  AND e.event_type = $2::text
  AND e.occurred_at >= $3::timestamptz
  AND e.occurred_at < $3::timestamptz + interval '7 days'
ORDER BY e.occurred_at`, args: func(d *rand.Rand, c *known) []any { return []any{c.id, one(d, eventTypes), since(d)} }},
		{name: "users active in a month", share: 10, text: `
SELECT u.id, u.username, u.last_login_at
FROM ovasabi.service_user_main AS u
WHERE u.campaign_id = $1::bigint
  AND u.status = 'active'
  AND u.last_login_at >= $2::timestamptz
ORDER BY u.last_login_at DESC, u.id DESC
LIMIT 50`, args: func(_ *rand.Rand, c *known) []any { return []any{c.id, end.Add(-30 * day)} }},
		{name: "two statuses, newest 20 (twin)", twin: "content.list_by_status", share: 10, args: func(_ *rand.Rand, c *known) []any {
			return []any{c.id, []string{"published", "review"}, firstPage, firstID, pageSize, false}
		}},
		{name: "two event types, newest 20 (twin)", twin: "nexus.list_by_type", share: 5, args: func(_ *rand.Rand, c *known) []any {
			return []any{c.id, pgtype.Timestamptz{InfinityModifier: pgtype.NegativeInfinity, Valid: true}, firstPage, firstPage, firstID, pageSize, []string{eventTypes[4], eventTypes[6]}}
		}},
	}
}

// indexSides run the reads on both schemas and take the server's own time.
type indexSides struct {
	*readers
	onPlain *fullSide
}

// onServer is a block of calls whose time is the execution as the server
// measured it: no network, no client, only scans and what stands on them.
func (x *indexSides) onServer(f *fullSide, side twin.Side, n int, calls []call) func(context.Context, int) (sample, error) {
	return func(ctx context.Context, round int) (sample, error) {
		var s sample
		for i := range n {
			c := calls[(round*n+i)%len(calls)]
			e, err := f.explain(ctx, c, side)
			if err != nil {
				return s, err
			}
			took := time.Duration(e.Running * float64(time.Millisecond))
			s.took = append(s.took, took)
			s.elapsed += took
		}
		return s, nil
	}
}

func (x *indexSides) ways(n int, calls []call) []way {
	return []way{
		{name: "before", block: x.onServer(x.onPlain, twin.Plain, n, calls)},
		{name: "after", block: x.onServer(x.f, twin.Optimised, n, calls)},
	}
}

func indexScan(ctx context.Context, s *stage) (Scenario, error) {
	r, err := s.readers(ctx, 4)
	if err != nil {
		return Scenario{}, err
	}
	defer r.close()
	r.reads = indexReads()
	for _, one := range r.reads {
		if err := one.prepare(ctx, r.f); err != nil {
			return Scenario{}, err
		}
	}
	x := &indexSides{readers: r}
	if x.onPlain, err = openFull(ctx, r.pair.plain.app, fullOptions{conns: 4}); err != nil {
		return Scenario{}, err
	}
	defer x.onPlain.close()
	calls := draws(s.pick(400, 60), s.o.Seed, r.reads, r.campaigns)
	s.sayf("comparing the rows of both schemas")
	if err := compare(ctx, r.p, r.f, calls[:s.pick(200, 60)]); err != nil {
		return Scenario{}, err
	}
	found := Scenario{Of: "one query, executed on the server"}
	if found.Figures, err = measure(ctx, s.plan(10, "all queries"), x.ways(s.pick(200, 10), calls)); err != nil {
		return found, err
	}
	if err := s.countCalls(ctx, r, &found.Figures, calls[:s.pick(200, 40)]); err != nil {
		return found, err
	}
	found.promise(indexTarget)
	for _, one := range r.reads {
		own := draws(s.pick(60, 10), s.o.Seed, []*read{one}, r.campaigns)
		f, err := measure(ctx, s.plan(8, one.name), x.ways(s.pick(30, 5), own))
		if err != nil {
			return found, err
		}
		sub := &readers{p: r.p, f: r.f, pair: r.pair, reads: []*read{one}, campaigns: r.campaigns}
		if err := s.countCalls(ctx, sub, &f, own[:min(len(own), 30)]); err != nil {
			return found, err
		}
		found.Cases = append(found.Cases, Case{Name: one.name, Figures: f})
	}
	if found.Facts, err = indexSizes(ctx, r.pair); err != nil {
		return found, err
	}
	found.Note = "The server's own execution time (EXPLAIN ANALYZE, timing of nodes off) as ovasabi_app, without network and client: the same words on the plain and on the newest indexes, but for the two twins, whose words changed with the indexes."
	return found, nil
}
