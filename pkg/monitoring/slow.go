package monitoring

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ovasabi/ovasabi/pkg/campaign"
)

// SlowQuery is a group of slow statements: one query, or one side of a twin.
type SlowQuery struct {
	Name string `json:"name"`
	Side string `json:"side,omitempty"`
	// SQL has its constants replaced.
	SQL       string    `json:"sql"`
	Count     int64     `json:"count"`
	Errors    int64     `json:"errors"`
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
	// Total and Worst are of the slow calls alone.
	Total time.Duration `json:"total_ns"`
	Worst time.Duration `json:"worst_ns"`
	// Campaigns counts the slow calls by campaign, 0 for those outside one; at most 20.
	Campaigns map[int64]int64 `json:"campaigns"`
	// Calls are the latest, newest first; at most 20.
	Calls []SlowCall `json:"calls"`
	// Plan is what the server would do whatever the parameters (EXPLAIN with
	// GENERIC_PLAN, as the application's role); PlanNote says why there is none.
	Plan     string    `json:"plan"`
	PlanNote string    `json:"plan_note,omitempty"`
	PlanAt   time.Time `json:"plan_at"`
}

// SlowCall is one slow statement.
type SlowCall struct {
	At       time.Time     `json:"at"`
	Campaign int64         `json:"campaign_id"`
	Took     time.Duration `json:"took_ns"`
	Rows     int64         `json:"rows"`
	// Queued is how long the connection was waited for before it. LockWait is how
	// long it was seen to wait for a lock, at the looks of a collector.
	Queued   time.Duration `json:"queued_ns"`
	LockWait time.Duration `json:"lock_wait_ns"`
	// Code is the SQLSTATE that ended it, or empty.
	Code string `json:"code,omitempty"`
}

const (
	mostSlow          = 200
	mostSlowCalls     = 20
	mostSlowCampaigns = 20
	// planAgain is when a plan is asked for again, if the query is still slow.
	planAgain = time.Hour
	// longestSQL is how much of a text is kept.
	longestSQL = 10_000
)

type slowTable struct {
	mu   sync.Mutex
	rows map[queryKey]*slowRow
}

type slowRow struct {
	SlowQuery
	text  string
	asker campaign.ID // whose scope the plan is asked in
}

func (t *slowTable) add(c *call, took time.Duration, rows int64, err error) {
	s := SlowCall{At: time.Now(), Campaign: c.campaign.Int64(), Took: took, Rows: rows}
	if c.session != nil {
		c.session.mu.Lock()
		s.Queued = c.session.waited
		if !c.session.lockSeen.IsZero() {
			s.LockWait = c.session.lockSeen.Sub(c.session.lockSince)
		}
		c.session.mu.Unlock()
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		s.Code = pg.Code
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.row(c, s.At)
	r.Count++
	if err != nil {
		r.Errors++
	}
	r.LastSeen, r.asker = s.At, c.campaign
	r.Total += took
	r.Worst = max(r.Worst, took)
	if _, known := r.Campaigns[s.Campaign]; known || len(r.Campaigns) < mostSlowCampaigns {
		r.Campaigns[s.Campaign]++
	}
	r.Calls = append([]SlowCall{s}, r.Calls[:min(len(r.Calls), mostSlowCalls-1)]...)
}

func (t *slowTable) row(c *call, now time.Time) *slowRow {
	if t.rows == nil {
		t.rows = map[queryKey]*slowRow{}
	}
	r, ok := t.rows[c.key]
	if ok {
		r.text = c.sql // that of a process before was not kept
		return r
	}
	if len(t.rows) >= mostSlow {
		var oldest queryKey
		var at time.Time
		for key, other := range t.rows {
			if at.IsZero() || other.LastSeen.Before(at) {
				oldest, at = key, other.LastSeen
			}
		}
		delete(t.rows, oldest)
	}
	r = &slowRow{
		SlowQuery: SlowQuery{
			Name: c.key.name, Side: c.key.side, SQL: Masked(c.sql[:min(len(c.sql), longestSQL)]),
			FirstSeen: now, Campaigns: map[int64]int64{},
		},
		text: c.sql,
	}
	t.rows[c.key] = r
	return r
}

// recall begins with the groups of the process before. Their texts are masked, so
// that a plan is asked for only once a query was slow again.
func (t *slowTable) recall(all []SlowQuery) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rows == nil {
		t.rows = map[queryKey]*slowRow{}
	}
	for _, q := range all[:min(len(all), mostSlow)] {
		if q.Campaigns == nil {
			q.Campaigns = map[int64]int64{}
		}
		t.rows[queryKey{q.Name, q.Side}] = &slowRow{SlowQuery: q}
	}
}

// SlowQueries returns the groups of slow statements, the one that took most time first.
func (t *Tracer) SlowQueries() []SlowQuery {
	t.slow.mu.Lock()
	all := make([]SlowQuery, 0, len(t.slow.rows))
	for _, r := range t.slow.rows {
		q := r.SlowQuery
		q.Calls = slices.Clone(q.Calls)
		q.Campaigns = make(map[int64]int64, len(r.Campaigns))
		maps.Copy(q.Campaigns, r.Campaigns)
		all = append(all, q)
	}
	t.slow.mu.Unlock()
	slices.SortFunc(all, func(a, b SlowQuery) int { return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Name, b.Name)) })
	return all
}
