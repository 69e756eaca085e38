package platform

import (
	"context"

	"github.com/ovasabi/ovasabi/internal/maintenance"
)

// openWatch makes the watch over integrity, whose findings the collector shows.
func (p *Platform) openWatch(at Addresses) error {
	if at.Owner == "" || at.Maintain == "" || p.config.Maintenance.Integrity.Every == 0 {
		return nil
	}
	watch, err := maintenance.NewWatch(at.Owner, p.config.Maintenance.Integrity, p.log)
	if err != nil {
		return err
	}
	p.watch = watch
	p.closers = append(p.closers, func() { _ = watch.Close() })
	return nil
}

func (p *Platform) openMaintenance(ctx context.Context, at Addresses) error {
	if at.Maintain == "" {
		return nil
	}
	m, err := maintenance.Open(ctx, at.Maintain, p.config.Maintenance, maintenance.Options{
		Integrity: p.watch, Latency: p.latency, Log: p.log,
	})
	if err != nil {
		return err
	}
	p.maintainer = m
	p.closers = append(p.closers, m.Close)
	return p.registry.Register(m)
}

// latency is how many times their usual the 95th percentiles of this process's
// queries are now, each query weighed by its calls.
func (p *Platform) latency() (times float64, known bool) {
	if p.collector == nil {
		return 0, false
	}
	s, _ := p.collector.Latest()
	if s == nil {
		return 0, false
	}
	const enough = 100 // calls, fewer of which say nothing of a percentile
	var took, usual float64
	for i := range s.Queries {
		q := &s.Queries[i]
		if q.P95MS == nil || q.UsualP95MS == nil || q.Recent < enough || q.Usual < enough {
			continue
		}
		took += float64(q.Recent) * *q.P95MS
		usual += float64(q.Recent) * *q.UsualP95MS
	}
	return took / usual, usual > 0
}
