package maintenance

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// loadWatch compares the latency of others' statements with their usual, each
// statement with itself, so that another mixture of statements is no other latency.
type loadWatch struct {
	text  string // "" where the server does not count statements
	seen  map[statementKey]total
	usual map[statementKey]float64 // milliseconds a call
}

type statementKey struct {
	query int64
	user  uint32
	top   bool
}

type total struct {
	calls int64
	ms    float64
}

// enoughCalls is how many a comparison needs.
const enoughCalls = 20

func newLoadWatch(schema string) *loadWatch {
	w := &loadWatch{usual: map[statementKey]float64{}}
	if schema != "" {
		w.text = strings.ReplaceAll(sqlOf("load"), "{statements}", pgx.Identifier{schema}.Sanitize())
	}
	return w
}

// look reads the counters and returns how many times their usual the statements
// since the look before took; 1 where there were too few to tell. At a quiet time,
// when no maintenance runs, what was seen becomes the usual.
func (w *loadWatch) look(ctx context.Context, q querier, quiet bool) (times float64, err error) {
	if w.text == "" {
		return 1, nil
	}
	rows, err := q.Query(ctx, w.text)
	if err != nil {
		return 1, err
	}
	now := map[statementKey]total{}
	var k statementKey
	var t total
	_, err = pgx.ForEachRow(rows, []any{&k.query, &k.user, &k.top, &t.calls, &t.ms}, func() error {
		now[k] = t
		return nil
	})
	if err != nil {
		return 1, err
	}
	before := w.seen
	w.seen = now
	var calls int64
	var took, wanted float64
	for key, t := range now {
		usual, known := w.usual[key]
		if !known && t.calls > 0 {
			usual = t.ms / float64(t.calls) // all that was counted before
			w.usual[key] = usual
		}
		was, ok := before[key]
		if !ok || t.calls <= was.calls {
			continue
		}
		n, ms := t.calls-was.calls, t.ms-was.ms
		calls += n
		took += ms
		wanted += float64(n) * usual
		if quiet {
			const weight = 0.2
			w.usual[key] = (1-weight)*usual + weight*ms/float64(n)
		}
	}
	for key := range w.usual {
		if _, there := now[key]; !there {
			delete(w.usual, key)
		}
	}
	if calls < enoughCalls || wanted <= 0 {
		return 1, nil
	}
	return took / wanted, nil
}

// pressure is what may ask maintenance to wait.
type pressure struct {
	// load is passing: it may be waited out, or overruled by what is due.
	load string
	// lag must not grow.
	lag string
}

func (p pressure) String() string {
	if p.lag != "" {
		return p.lag
	}
	return p.load
}

// pressed looks at the load and the standbys now.
func (m *Maintainer) pressed(ctx context.Context) (p pressure, err error) {
	var active, standbys int64
	var lag *float64
	var behind *int64
	if err := m.pool.QueryRow(ctx, sqlOf("pressure")).Scan(&active, &lag, &behind, &standbys); err != nil {
		return p, maintenanceFault(err)
	}
	c := m.config
	switch {
	case c.MaxLag > 0 && lag != nil && *lag > c.MaxLag.Seconds():
		p.lag = fmt.Sprintf("a standby replays %.0f s behind, more than %s", *lag, c.MaxLag)
	case c.MaxLagBytes > 0 && behind != nil && *behind > c.MaxLagBytes:
		p.lag = fmt.Sprintf("a standby is %s behind, more than %s", size(*behind), size(c.MaxLagBytes))
	}
	times, err := m.load.look(ctx, m.pool, false)
	if err != nil {
		return p, maintenanceFault(err)
	}
	if m.latency != nil {
		if own, ok := m.latency(); ok {
			times = max(times, own)
		}
	}
	switch {
	case c.LatencyRise > 0 && times > c.LatencyRise:
		p.load = fmt.Sprintf("the statements of others take %.1f times their usual, more than %g", times, c.LatencyRise)
	case c.MaxActive > 0 && active > int64(c.MaxActive):
		p.load = fmt.Sprintf("%d sessions of others are active, more than %d", active, c.MaxActive)
	}
	return p, nil
}

// calm waits until nothing presses, for as long as patience lasts; it returns what
// still presses then, or "". What is due goes on in spite of load.
func (m *Maintainer) calm(ctx context.Context, t *Task) (string, error) {
	if t.Urgent {
		return "", nil
	}
	deadline := time.Now().Add(m.config.Patience)
	for {
		p, err := m.pressed(ctx)
		if err != nil || p.String() == "" {
			return "", err
		}
		if !time.Now().Before(deadline) {
			if t.Due && p.lag == "" {
				return "", nil
			}
			return p.String(), nil
		}
		m.progress("waiting: " + p.String())
		if err := m.wait(ctx, m.beat); err != nil {
			return "", err
		}
	}
}
