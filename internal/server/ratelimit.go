package server

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// limits keeps a bucket for each token. It is safe for concurrent use.
type limits struct {
	rate  rate.Limit
	burst int

	mu      sync.Mutex
	buckets map[string]*bucket
	swept   time.Time
}

type bucket struct {
	limiter  *rate.Limiter
	lastUsed time.Time
}

// forgetBucket is how long a token's bucket is kept after its last use; it is full again by then.
const forgetBucket = 10 * time.Minute

func newLimits(c Config) *limits {
	return &limits{rate: rate.Limit(c.RatePerToken), burst: c.RateBurst, buckets: map[string]*bucket{}, swept: time.Now()}
}

// take takes one request of the token's share, or returns a Limited fault.
func (l *limits) take(tokenID string) error {
	if l.rate <= 0 {
		return nil
	}
	now := time.Now()
	l.mu.Lock()
	b := l.buckets[tokenID]
	if b == nil {
		b = &bucket{limiter: rate.NewLimiter(l.rate, l.burst)}
		l.buckets[tokenID] = b
	}
	b.lastUsed = now
	if now.Sub(l.swept) > forgetBucket {
		l.sweep(now)
	}
	l.mu.Unlock()

	r := b.limiter.ReserveN(now, 1)
	if pause := r.DelayFrom(now); pause > 0 {
		r.CancelAt(now)
		return &fault.Error{Kind: fault.Limited, RetryAfter: pause, Message: "the token is over its rate of requests"}
	}
	return nil
}

func (l *limits) sweep(now time.Time) {
	l.swept = now
	for id, b := range l.buckets {
		if now.Sub(b.lastUsed) > forgetBucket {
			delete(l.buckets, id)
		}
	}
}
