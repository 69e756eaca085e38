package campaign

import (
	"container/list"
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// AdmissionConfig shapes how campaigns share a pool. The zero value of a field takes its default.
type AdmissionConfig struct {
	// Capacity is how many calls may run at once over all campaigns: the pool's size. Required.
	Capacity int
	// DefaultConcurrency is the share of a campaign whose row names none. Defaults
	// to three quarters of Capacity (at least 1), so that no campaign alone fills the pool.
	DefaultConcurrency int
	// MaxWait is how long a call waits for its turn before it is refused as Limited. Defaults to 10s.
	MaxWait time.Duration
	// MaxQueue is how many calls of one campaign may wait; the next is refused at once. Defaults to 10,000.
	MaxQueue int
	// Refresh is how often the limits of active campaigns are read again. Defaults to 1s.
	Refresh time.Duration
	// Log hears when limits cannot be read. Defaults to slog.Default().
	Log *slog.Logger
}

func (c AdmissionConfig) withDefaults() (AdmissionConfig, error) {
	if c.Capacity < 1 {
		return c, fault.Field("Capacity", "must be at least 1, the size of the pool")
	}
	if c.DefaultConcurrency == 0 {
		c.DefaultConcurrency = max(c.Capacity*3/4, 1)
	}
	if c.MaxWait == 0 {
		c.MaxWait = 10 * time.Second
	}
	if c.MaxQueue == 0 {
		c.MaxQueue = 10_000
	}
	if c.Refresh == 0 {
		c.Refresh = time.Second
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c, nil
}

// Admission lets calls to the pool fairly: places are given to campaigns in turn,
// and within a campaign in order of arrival. So a busy campaign waits behind its
// own share, and a quiet one never behind the busy one's queue.
//
// It is safe for concurrent use. The caller closes it.
type Admission struct {
	config AdmissionConfig
	source LimitSource
	loads  singleflight.Group

	mu        sync.Mutex
	running   int
	campaigns map[ID]*share
	turns     list.List // *share: campaigns with someone waiting who may run, next first

	cancel context.CancelFunc
	done   chan struct{}
}

// share is one campaign's part of the pool; Admission.mu guards it.
type share struct {
	id        ID
	limits    Limits
	bucket    *rate.Limiter // nil without a rate
	running   int
	waiting   list.List     // *waiter, first come first
	turn      *list.Element // in Admission.turns, or nil
	lastUsed  time.Time
	refreshed time.Time

	admitted, refused int64
	waited            time.Duration
}

// NewAdmission starts the admission, with one goroutine that keeps limits fresh until Close.
func NewAdmission(config AdmissionConfig, source LimitSource) (*Admission, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	a := &Admission{
		config: config, source: source,
		campaigns: map[ID]*share{}, cancel: cancel, done: make(chan struct{}),
	}
	go a.refreshLoop(ctx)
	return a, nil
}

// Close ends the refreshing. Calls that wait go on by the limits last read.
func (a *Admission) Close() {
	a.cancel()
	<-a.done
}

// admit waits for a place. Its errors: NotFound when there is no such campaign,
// Limited with RetryAfter, Canceled, or what kept the limits from being read.
func (a *Admission) admit(ctx context.Context, id ID) (ticket, error) {
	since := time.Now()
	a.mu.Lock()
	s, err := a.paced(ctx, id, since)
	if err != nil {
		return ticket{}, err
	}
	return a.place(ctx, s, since, 1)
}

// pace waits for the campaign's rate alone; admitPaced then gives a place, which
// several calls may share.
func (a *Admission) pace(ctx context.Context, id ID) error {
	a.mu.Lock()
	if _, err := a.paced(ctx, id, time.Now()); err != nil {
		return err
	}
	a.mu.Unlock()
	return nil
}

func (a *Admission) admitPaced(ctx context.Context, id ID, calls int) (ticket, error) {
	since := time.Now()
	a.mu.Lock()
	s, err := a.shareOf(ctx, id)
	if err != nil {
		return ticket{}, err
	}
	return a.place(ctx, s, since, calls)
}

// paced returns the campaign's share once its rate lets one more call in. It is
// entered with a.mu held, and leaves it held unless it returns an error.
func (a *Admission) paced(ctx context.Context, id ID, now time.Time) (*share, error) {
	s, err := a.shareOf(ctx, id)
	if err != nil || s.bucket == nil {
		return s, err
	}
	token, err := a.reserve(s, now)
	if err != nil {
		a.mu.Unlock()
		return nil, err
	}
	pause := token.DelayFrom(now)
	if pause <= 0 {
		return s, nil
	}
	a.mu.Unlock()
	if err := sleep(ctx, pause); err != nil {
		token.Cancel() // those who come after need not wait for this call
		return nil, fault.FromPostgres(err)
	}
	a.mu.Lock()
	return a.shareOf(ctx, id) // it may have been forgotten meanwhile
}

// place gives calls one place together. It is entered with a.mu held and leaves it unlocked.
func (a *Admission) place(ctx context.Context, s *share, since time.Time, calls int) (ticket, error) {
	if s.waiting.Len() == 0 && a.turns.Len() == 0 && a.mayRun(s) {
		t := a.take(s, calls)
		a.mu.Unlock()
		return t, nil
	}
	return a.wait(ctx, s, since, calls)
}

// shareOf returns the campaign's share, read from the source when it is not
// known. It is entered with a.mu held, and leaves it held unless it returns an error.
func (a *Admission) shareOf(ctx context.Context, id ID) (*share, error) {
	for {
		if s, known := a.campaigns[id]; known {
			s.lastUsed = time.Now()
			return s, nil
		}
		a.mu.Unlock()
		if err := a.load(ctx, id); err != nil {
			return nil, err
		}
		a.mu.Lock()
	}
}

// reserve takes a token of the campaign's rate, or refuses when it would come too late.
func (a *Admission) reserve(s *share, now time.Time) (*rate.Reservation, error) {
	r := s.bucket.ReserveN(now, 1)
	pause := r.DelayFrom(now)
	if !r.OK() || pause > a.config.MaxWait {
		r.CancelAt(now)
		s.refused++
		return nil, &fault.Error{Kind: fault.Limited, Field: "max_rate", RetryAfter: pause, Message: "the campaign is over its rate"}
	}
	return r, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
