package bench

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/repository"
)

// noise is what the noisy campaign does: it reads the documents of two months and
// counts their tags, again and again.
var noise = repository.Declare("bench.noise", `
SELECT t.tag, count(*)
FROM ovasabi.service_content_main AS c
CROSS JOIN LATERAL jsonb_array_elements_text(c.tags) AS t (tag)
WHERE c.campaign_id = $1::bigint
  AND c.created_at >= $2::timestamptz
GROUP BY t.tag
ORDER BY count(*) DESC`)

// quietTime bounds a block: where a read waits for seconds, few are enough to tell.
const quietTime = 2 * time.Second

// noLimits says that no campaign's row names a limit.
type noLimits struct{}

// Limits implements campaign.LimitSource.
func (noLimits) Limits(_ context.Context, ids []campaign.ID) (map[campaign.ID]campaign.Limits, error) {
	all := map[campaign.ID]campaign.Limits{}
	for _, id := range ids {
		all[id] = campaign.Limits{}
	}
	return all, nil
}

// neighbours are a noisy campaign, the largest, and a quiet one.
type neighbours struct {
	s            *stage
	r            *readers
	noisy, quiet *known
	page         *read
	callers      int
	calls        []call
}

// beside is a block of the quiet campaign's calls while the noisy one is busy
// through f. Without callers it is alone.
func (n *neighbours) beside(f *fullSide, callers int, noisyCalls *atomic.Int64) func(context.Context, int) (sample, error) {
	return func(ctx context.Context, round int) (sample, error) {
		busy, stop := context.WithCancel(ctx)
		var group sync.WaitGroup
		for range callers {
			group.Go(func() {
				var tag string
				var count int64
				// A call under way is let finish: its connection would go with it, and a
				// block that begins with a storm of new ones measures that.
				for busy.Err() == nil {
					err := f.read(ctx, n.noisy.id, noise, []any{n.noisy.id, end.Add(-60 * day)}, []any{&tag, &count}, nil)
					if err == nil {
						noisyCalls.Add(1)
					}
				}
			})
		}
		if callers > 0 { // let the queue grow
			select {
			case <-ctx.Done():
			case <-time.After(time.Duration(n.s.pick(150, 10)) * time.Millisecond):
			}
		}
		s, err := n.quietReads(ctx, f, round)
		stop()
		group.Wait()
		return s, err
	}
}

// quietReads are reads with a pause of a millisecond between them, which is not counted.
func (n *neighbours) quietReads(ctx context.Context, f *fullSide, round int) (sample, error) {
	var s sample
	block, dest := n.s.pick(150, 10), row(n.page.fields)
	for i := range block {
		if s.elapsed > quietTime {
			break
		}
		c := n.calls[(round*block+i)%len(n.calls)]
		start := time.Now()
		if err := f.read(ctx, c.id, c.read.declared, c.args, dest, nil); err != nil {
			return s, err
		}
		s.took = append(s.took, time.Since(start))
		s.elapsed += s.took[i]
		select {
		case <-ctx.Done():
		case <-time.After(time.Millisecond):
		}
	}
	return s, nil
}

func isolation(ctx context.Context, s *stage) (Scenario, error) {
	r, err := s.readers(ctx, poolSize)
	if err != nil {
		return Scenario{}, err
	}
	defer r.close()
	n := &neighbours{s: s, r: r, noisy: r.campaigns[0], quiet: r.campaigns[len(r.campaigns)-1], page: r.reads[0], callers: s.pick(150, 8)}
	n.calls = draws(200, s.o.Seed, []*read{n.page}, []*known{n.quiet})
	unlimited, err := openFull(ctx, r.pair.newest.app, fullOptions{conns: poolSize, unlimited: true})
	if err != nil {
		return Scenario{}, err
	}
	defer unlimited.close()
	if err := run(ctx, r.pair.newest.owner, fmt.Sprintf(`UPDATE ovasabi.service_campaign_main SET max_concurrency = 1 WHERE id = %d`, n.noisy.id)); err != nil {
		return Scenario{}, err
	}
	limited, err := openFull(ctx, r.pair.newest.app, fullOptions{conns: poolSize})
	if err != nil {
		return Scenario{}, err
	}
	defer limited.close()
	share, err := openFull(ctx, r.pair.newest.app, fullOptions{conns: poolSize, limits: noLimits{}})
	if err != nil {
		return Scenario{}, err
	}
	defer share.close()
	var work [4]atomic.Int64
	p := s.plan(8, "quiet beside noisy")
	p.by = byP99
	figures, err := measure(ctx, p, []way{
		{name: "alone", block: n.beside(unlimited, 0, &work[0])},
		{name: "before", block: n.beside(unlimited, n.callers, &work[1])},
		{name: "default share", block: n.beside(share, n.callers, &work[3])},
		{name: "after", block: n.beside(limited, n.callers, &work[2])},
	})
	if err != nil {
		return Scenario{}, err
	}
	if work[1].Load() == 0 || work[2].Load() == 0 {
		return Scenario{}, fault.New(fault.Internal, "the noisy campaign made no noise")
	}
	if err := run(ctx, r.pair.newest.owner, fmt.Sprintf(`UPDATE ovasabi.service_campaign_main SET max_concurrency = NULL WHERE id = %d`, n.noisy.id)); err != nil {
		return Scenario{}, err
	}
	found := Scenario{Of: "one read of the quiet campaign", Figures: figures}
	alone := figures.Variants["alone"].P99
	found.Goals = append(found.Goals, atMost("the quiet campaign's p99 with limits, times alone", figures.Variants["after"].P99/alone, 1.5))
	found.Facts = []Fact{
		{"the quiet campaign's p99 without limits, times alone", figures.Variants["before"].P99 / alone, "×"},
		{"the quiet campaign's p99 with the default share only, times alone", figures.Variants["default share"].P99 / alone, "×"},
		{"calls of the noisy campaign without limits", float64(work[1].Load()), "calls"},
		{"calls of the noisy campaign with limits", float64(work[2].Load()), "calls"},
	}
	found.Note = fmt.Sprintf("%d callers of the largest campaign count the tags of its documents of two months without a pause; one caller of the smallest reads a document each millisecond. Before: only the pool of %d bounds them. Default share: admission gives a campaign at most three quarters of the pool. After: admission, with max_concurrency 1 in the noisy campaign's row. On %d cores the noise that is let through still takes a core from the quiet campaign's backend.", n.callers, poolSize, runtime.NumCPU())
	return found, nil
}
