package campaign

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

const (
	// refreshBatch bounds how many campaigns one refresh reads; the longest unread go first.
	refreshBatch = 500
	// forgetAfter is how long an idle campaign is remembered.
	forgetAfter = 10 * time.Minute
	// loadTimeout bounds the reading of limits.
	loadTimeout = 5 * time.Second
)

// load reads a campaign's limits for the first time. Callers that come meanwhile share the one reading.
func (a *Admission) load(ctx context.Context, id ID) error {
	result := a.loads.DoChan(id.String(), func() (any, error) {
		// Not the caller's context: others wait for this reading as well.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
		defer cancel()
		limits, err := a.source.Limits(ctx, []ID{id})
		if err != nil {
			return nil, err
		}
		l, ok := limits[id]
		if !ok {
			return nil, &fault.Error{Kind: fault.NotFound, Field: "campaign_id", Message: "there is no campaign " + id.String()}
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.campaigns[id] == nil {
			now := time.Now()
			s := &share{id: id, lastUsed: now, refreshed: now}
			a.campaigns[id] = s
			a.apply(s, l)
		}
		return nil, nil
	})
	select {
	case r := <-result:
		return r.Err
	case <-ctx.Done():
		return fault.FromPostgres(ctx.Err())
	}
}

// apply puts limits in force; a.mu is held. A changed rate keeps the tokens already spent.
func (a *Admission) apply(s *share, l Limits) {
	switch {
	case l.MaxRate <= 0:
		s.bucket = nil
	case s.bucket == nil:
		s.bucket = rate.NewLimiter(rate.Limit(l.MaxRate), burst(l.MaxRate))
	case l.MaxRate != s.limits.MaxRate:
		s.bucket.SetLimit(rate.Limit(l.MaxRate))
		s.bucket.SetBurst(burst(l.MaxRate))
	}
	s.limits = l
	a.line(s)
	a.dispatch()
}

func burst(perSecond float64) int { return max(int(perSecond), 1) }

func (a *Admission) refreshLoop(ctx context.Context) {
	defer close(a.done)
	ticker := time.NewTicker(a.config.Refresh)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := a.refresh(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			a.config.Log.LogAttrs(ctx, slog.LevelWarn, "campaign limits cannot be read; those last read stay in force", slog.String("error", err.Error()))
		}
		failing = err != nil
	}
}

// refresh reads again the limits of campaigns that were active since the last
// time, and forgets those that have been idle for long or are gone.
func (a *Admission) refresh(ctx context.Context) error {
	ids := a.due(time.Now())
	if len(ids) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	limits, err := a.source.Limits(ctx, ids)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	for _, id := range ids {
		s := a.campaigns[id]
		if s == nil {
			continue
		}
		l, ok := limits[id]
		if !ok { // deleted: the next call asks the source and hears so
			if s.idle() {
				delete(a.campaigns, id)
			}
			continue
		}
		s.refreshed = now
		a.apply(s, l)
	}
	return nil
}

// due returns the campaigns used since their limits were read, the longest unread
// first, and forgets those long idle. An idle campaign is not read again: when it
// comes back, its first second may go by the limits of before.
func (a *Admission) due(now time.Time) []ID {
	a.mu.Lock()
	defer a.mu.Unlock()
	var active []*share
	for id, s := range a.campaigns {
		switch {
		case !s.idle() || s.lastUsed.After(s.refreshed):
			active = append(active, s)
		case now.Sub(s.lastUsed) > forgetAfter:
			delete(a.campaigns, id)
		}
	}
	slices.SortFunc(active, func(x, y *share) int { return x.refreshed.Compare(y.refreshed) })
	active = active[:min(len(active), refreshBatch)]
	ids := make([]ID, len(active))
	for i, s := range active {
		ids[i] = s.id
	}
	return ids
}

func (s *share) idle() bool { return s.running == 0 && s.waiting.Len() == 0 }

// Load is what one campaign has running and waiting at a moment, and since it was first seen.
type Load struct {
	Campaign          ID
	Running, Waiting  int
	Admitted, Refused int64
	// Waited is the time that admitted calls spent in the queue, added up.
	Waited time.Duration
	Limits Limits
}

// Loads returns the load of every campaign known to the admission, in order of campaign.
func (a *Admission) Loads() []Load {
	a.mu.Lock()
	loads := make([]Load, 0, len(a.campaigns))
	for id, s := range a.campaigns {
		loads = append(loads, Load{id, s.running, s.waiting.Len(), s.admitted, s.refused, s.waited, s.limits})
	}
	a.mu.Unlock()
	slices.SortFunc(loads, func(x, y Load) int { return cmp.Compare(x.Campaign, y.Campaign) })
	return loads
}
