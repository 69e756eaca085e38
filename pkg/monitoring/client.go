package monitoring

import "github.com/jackc/pgx/v5/pgxpool"

// Pool is the state of this process's pool.
type Pool struct {
	Used  int32 `json:"used"`
	Idle  int32 `json:"idle"`
	Total int32 `json:"total"`
	Max   int32 `json:"max"`
	// Acquired counts connections that were handed out, Waited those of them that
	// had to be waited for, and Canceled the calls that gave up.
	Acquired      int64   `json:"acquired"`
	Waited        int64   `json:"waited"`
	Canceled      int64   `json:"canceled"`
	WaitedSeconds float64 `json:"waited_seconds"`
	// NewWaits and NewCanceled are since the snapshot before.
	NewWaits    int64 `json:"new_waits"`
	NewCanceled int64 `json:"new_canceled"`
}

func poolFigures(p *pgxpool.Pool, before *Pool) *Pool {
	st := p.Stat()
	f := &Pool{
		Used: st.AcquiredConns(), Idle: st.IdleConns(), Total: st.TotalConns(), Max: st.MaxConns(),
		Acquired: st.AcquireCount(), Waited: st.EmptyAcquireCount(), Canceled: st.CanceledAcquireCount(),
		WaitedSeconds: st.EmptyAcquireWaitTime().Seconds(),
	}
	if before != nil {
		f.NewWaits, f.NewCanceled = f.Waited-before.Waited, f.Canceled-before.Canceled
	}
	return f
}

// ClientFigures sum up every statement of this process.
type ClientFigures struct {
	Calls   int64   `json:"calls"`
	Errors  int64   `json:"errors"`
	Rows    int64   `json:"rows"`
	Seconds float64 `json:"seconds"`
	// Commits and Rollbacks count transactions that ended on purpose, one way or the other.
	Commits   int64 `json:"commits"`
	Rollbacks int64 `json:"rollbacks"`
	// Retries counts transactions that were run again because they met another one.
	Retries int64 `json:"retries"`
	// LockFailures counts locks that were not had in time or at once, Deadlocks and
	// Serialization transactions that met another one, Canceled statements that were
	// cancelled or ran out of time.
	LockFailures  int64 `json:"lock_failures"`
	Deadlocks     int64 `json:"deadlocks"`
	Serialization int64 `json:"serialization_failures"`
	Canceled      int64 `json:"canceled"`

	// The rest is since the snapshot before; nil at the first, and MeanMS without a call.
	CallsPerS    *float64 `json:"calls_per_s"`
	ErrorsPerS   *float64 `json:"errors_per_s"`
	MeanMS       *float64 `json:"mean_ms"`
	NewRollbacks *int64   `json:"new_rollbacks"`
	NewCommits   *int64   `json:"new_commits"`
	NewRetries   *int64   `json:"new_retries"`
}

// addClient adds what this process measures itself.
func (c *PG18StatsCollector) addClient(s *Snapshot) {
	before := c.before
	if c.options.Pool != nil {
		var last *Pool
		if before != nil {
			last = before.Pool
		}
		s.Pool = poolFigures(c.options.Pool, last)
	}
	for i := range s.Transactions {
		s.Transactions[i].Query = Masked(s.Transactions[i].Query)
	}
	s.Locks, _ = c.locks.get()
	t := c.options.Client
	if t == nil {
		return
	}
	for i := range s.Transactions {
		s.Transactions[i].Campaign, _ = t.session(s.Transactions[i].PID)
	}
	s.Campaigns, s.Queries = t.campaigns.list(), t.queries.list()
	s.Client = t.figures(s.Campaigns)
	if c.options.Transactions != nil {
		s.Client.Retries = c.options.Transactions.Retries.Load()
	}
	if before != nil {
		s.clientRates(before)
	}
}

func (t *Tracer) figures(uses []CampaignUse) *ClientFigures {
	f := &ClientFigures{
		Commits: t.commits.Load(), Rollbacks: t.rollbacks.Load(),
		LockFailures: t.lockFailures.Load(), Deadlocks: t.deadlocks.Load(),
		Serialization: t.serialization.Load(), Canceled: t.canceled.Load(),
	}
	for _, u := range uses {
		f.Calls += u.Calls
		f.Errors += u.Errors
		f.Rows += u.Rows
		f.Seconds += u.Seconds
	}
	return f
}

func (s *Snapshot) clientRates(before *Snapshot) {
	busy := 0.0
	if b, n := before.Client, s.Client; b != nil {
		n.CallsPerS = rateOf(&b.Calls, &n.Calls, false, s.Since)
		n.ErrorsPerS = rateOf(&b.Errors, &n.Errors, false, s.Since)
		n.NewRollbacks = growth(&b.Rollbacks, &n.Rollbacks, false)
		n.NewCommits = growth(&b.Commits, &n.Commits, false)
		n.NewRetries = growth(&b.Retries, &n.Retries, false)
		busy = n.Seconds - b.Seconds
		n.MeanMS = meanMS(busy, n.Calls-b.Calls)
	}
	known := make(map[int64]*CampaignUse, len(before.Campaigns))
	for i := range before.Campaigns {
		known[before.Campaigns[i].Campaign] = &before.Campaigns[i]
	}
	for i := range s.Campaigns {
		n := &s.Campaigns[i]
		b, ok := known[n.Campaign]
		if !ok || n.Calls < b.Calls {
			b = &CampaignUse{}
		}
		n.CallsPerS = rateOf(&b.Calls, &n.Calls, false, s.Since)
		n.MeanMS = meanMS(n.Seconds-b.Seconds, n.Calls-b.Calls)
		if busy > 0 {
			n.PoolShare = new((n.Seconds - b.Seconds) / busy)
		}
	}
	queries := make(map[queryKey]*QueryFigures, len(before.Queries))
	for i := range before.Queries {
		q := &before.Queries[i]
		queries[queryKey{q.Name, q.Side}] = q
	}
	for i := range s.Queries {
		n := &s.Queries[i]
		b, ok := queries[queryKey{n.Name, n.Side}]
		if !ok {
			b = &QueryFigures{}
		}
		n.CallsPerS = rateOf(&b.Calls, &n.Calls, false, s.Since)
	}
}

func meanMS(seconds float64, calls int64) *float64 {
	if calls <= 0 {
		return nil
	}
	return new(seconds * 1000 / float64(calls))
}
