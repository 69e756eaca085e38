package maintenance

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// history is what the log tells of the last days.
type history struct {
	failures map[string]failure // by Task.key
	dead     map[string]leftOver
	speeds   map[Action]float64
	used     usage
}

type failure struct {
	times int64
	last  time.Time
}

// leftOver is what the last vacuum of a table could not remove.
type leftOver struct {
	rows float64
	at   time.Time
}

// usage is what maintenance has taken within the last 24 hours.
type usage struct {
	Seconds float64 `json:"seconds"`
	Bytes   int64   `json:"bytes"`
}

// Failures since an action last succeeded; one that was cut short has not failed by itself.
const failuresSQL = `
SELECT l.action || ' ' || l.object, count(*), max(l.ended_at)
FROM ovasabi.maintenance_log AS l
WHERE l.outcome = 'failed'
  AND NOT l.figures ? 'cut_short'
  AND l.started_at > now() - interval '7 days'
  AND NOT EXISTS (
      SELECT
      FROM ovasabi.maintenance_log AS later
      WHERE later.object = l.object
        AND later.action = l.action
        AND later.outcome = 'done'
        AND later.started_at >= l.started_at
  )
GROUP BY 1`

const leftDeadSQL = `
SELECT DISTINCT ON (l.object) l.object, (l.figures ->> 'dead_after')::float8, l.ended_at
FROM ovasabi.maintenance_log AS l
WHERE l.action IN ('vacuum', 'freeze')
  AND l.outcome = 'done'
  AND l.figures ? 'dead_after'
  AND l.started_at > now() - interval '1 day'
ORDER BY l.object, l.started_at DESC`

const speedsSQL = `
SELECT l.action, sum((l.figures ->> 'bytes')::float8) / sum((l.figures ->> 'seconds')::float8)
FROM ovasabi.maintenance_log AS l
WHERE l.outcome = 'done'
  AND l.started_at > now() - interval '7 days'
  AND (l.figures ->> 'bytes')::float8 >= 1048576
GROUP BY l.action
HAVING sum((l.figures ->> 'seconds')::float8) >= 1`

const usedSQL = `
SELECT
    coalesce(sum((l.figures ->> 'seconds')::float8), 0),
    coalesce(sum((l.figures ->> 'bytes')::float8), 0)::bigint
FROM ovasabi.maintenance_log AS l
WHERE l.started_at > now() - interval '24 hours'`

func readHistory(ctx context.Context, conn *pgxpool.Conn) (history, error) {
	h := history{failures: map[string]failure{}, dead: map[string]leftOver{}, speeds: map[Action]float64{}}
	batch := &pgx.Batch{}
	batch.Queue(failuresSQL).Query(func(rows pgx.Rows) error {
		var key string
		var f failure
		_, err := pgx.ForEachRow(rows, []any{&key, &f.times, &f.last}, func() error { h.failures[key] = f; return nil })
		return err
	})
	batch.Queue(leftDeadSQL).Query(func(rows pgx.Rows) error {
		var table string
		var l leftOver
		_, err := pgx.ForEachRow(rows, []any{&table, &l.rows, &l.at}, func() error { h.dead[table] = l; return nil })
		return err
	})
	batch.Queue(speedsSQL).Query(func(rows pgx.Rows) error {
		var action string
		var speed float64
		_, err := pgx.ForEachRow(rows, []any{&action, &speed}, func() error { h.speeds[Action(action)] = speed; return nil })
		return err
	})
	batch.Queue(usedSQL).QueryRow(func(row pgx.Row) error { return row.Scan(&h.used.Seconds, &h.used.Bytes) })
	return h, conn.SendBatch(ctx, batch).Close()
}

// firstRetry is how long a task that failed rests; each further failure doubles it, up to a day.
const firstRetry = 5 * time.Minute

// held says why a task that failed before is not tried now; "" where it may be.
func (h history) held(key string, now time.Time) string {
	f, ok := h.failures[key]
	if !ok {
		return ""
	}
	again := f.last.Add(min(firstRetry<<min(f.times-1, 10), 24*time.Hour))
	if !now.Before(again) {
		return ""
	}
	return fmt.Sprintf("failed %d times, last at %s (see ovasabi.maintenance_log); tried again at %s", f.times, stamp(f.last), stamp(again))
}

// leftDead returns the dead rows that the last vacuum left, where it was within the hour.
func (h history) leftDead(table string, now time.Time) (rows float64, at time.Time, recent bool) {
	l, ok := h.dead[table]
	return l.rows, l.at, ok && l.rows > 0 && now.Sub(l.at) < time.Hour
}

func (h history) speed(a Action) float64 {
	if s := h.speeds[a]; s > 0 {
		return s
	}
	return bytesPerSecond(a)
}
