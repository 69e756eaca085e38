package repository

import (
	"maps"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ovasabi/ovasabi/pkg/campaign"
)

// meterKey is a query as the labels have it.
type meterKey struct{ query, operation string }

// meter keeps what a query's calls need, so that a call looks up no labels.
type meter struct {
	owner *RepositoryMetrics
	key   meterKey
	ok    prometheus.Observer
	rows  prometheus.Counter
}

// mostQueries bounds the query names that have series; those after are "other".
const mostQueries = 1000

const other = "other"

func (m *RepositoryMetrics) meter(query, operation string) *meter {
	if m == nil {
		return nil
	}
	key := meterKey{query, operation}
	if found, ok := (*m.meters.Load())[key]; ok {
		return found
	}
	return m.addMeter(key)
}

func (m *RepositoryMetrics) addMeter(key meterKey) *meter {
	m.growing.Lock()
	defer m.growing.Unlock()
	before := *m.meters.Load()
	if found, ok := before[key]; ok {
		return found
	}
	if key.query == "" {
		key.query = other
	}
	if len(before) >= mostQueries && key.query != other {
		key.query = other
		if found, ok := before[key]; ok {
			return found
		}
	}
	after := make(map[meterKey]*meter, len(before)+1)
	maps.Copy(after, before)
	added := &meter{
		owner: m, key: key,
		ok:   m.QueryDuration.WithLabelValues(key.query, key.operation, outcomeOK),
		rows: m.QueryRows.WithLabelValues(key.query),
	}
	after[key] = added
	m.meters.Store(&after)
	return added
}

// call is one measured call. Its zero value measures nothing.
type call struct {
	meter    *meter
	campaign campaign.ID
	started  time.Time
}

func (m *meter) start(id campaign.ID) call {
	if m == nil {
		return call{}
	}
	return call{meter: m, campaign: id, started: time.Now()}
}

// end measures the call; only the first end of a call counts.
func (c *call) end(rows int64, err error) {
	if c.meter == nil {
		return
	}
	m := c.meter
	c.meter = nil
	took := time.Since(c.started)
	if err == nil {
		m.ok.Observe(took.Seconds())
	} else {
		m.owner.QueryDuration.WithLabelValues(m.key.query, m.key.operation, outcomeOf(err)).Observe(took.Seconds())
	}
	if rows > 0 {
		m.rows.Add(float64(rows))
	}
	if c.campaign.Valid() {
		m.owner.campaigns.observe(c.campaign, took)
	}
}
