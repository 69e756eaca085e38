package maintenance

import (
	"context"
	"encoding/json"
	"time"
)

// The outcomes, as they stand in the log.
const (
	OutcomeDone    = "done"
	OutcomeSkipped = "skipped"
	OutcomeFailed  = "failed"
)

// figures are what a task took and what came of it; they stand in the log.
type figures map[string]any

// begin writes down that a task runs; a row that stays so tells of a process that was killed.
func (m *Maintainer) begin(ctx context.Context, t *Task) (id int64, err error) {
	err = m.pool.QueryRow(ctx, `
INSERT INTO ovasabi.maintenance_log (action, object, reason)
VALUES ($1, $2, $3)
RETURNING id`, string(t.Action), t.Object, t.Why).Scan(&id)
	return id, maintenanceFault(err)
}

func (m *Maintainer) end(ctx context.Context, id int64, outcome, detail string, f figures) error {
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	_, err = m.pool.Exec(ctx, `
UPDATE ovasabi.maintenance_log
SET outcome = $2, detail = $3, figures = $4::text::jsonb, ended_at = clock_timestamp()
WHERE id = $1`, id, outcome, detail, string(text))
	return maintenanceFault(err)
}

// skip writes down why a task was not done; the same reason again and again, with
// whatever figures, is one row.
func (m *Maintainer) skip(ctx context.Context, t *Task, detail string) error {
	_, err := m.pool.Exec(ctx, `
WITH last AS (
    SELECT l.id, l.outcome, l.detail
    FROM ovasabi.maintenance_log AS l
    WHERE l.action = $1
      AND l.object = $2
    ORDER BY l.id DESC
    LIMIT 1
),
again AS (
    UPDATE ovasabi.maintenance_log AS l
    SET ended_at = clock_timestamp(),
        reason = $3,
        detail = $4,
        figures = jsonb_build_object('times', coalesce((l.figures ->> 'times')::int, 1) + 1)
    FROM last
    WHERE l.id = last.id
      AND last.outcome = 'skipped'
      AND regexp_replace(last.detail, '[0-9]+', '', 'g') = regexp_replace($4, '[0-9]+', '', 'g')
    RETURNING l.id
)
INSERT INTO ovasabi.maintenance_log (action, object, reason, outcome, ended_at, detail)
SELECT $1, $2, $3, 'skipped', clock_timestamp(), $4
WHERE NOT EXISTS (SELECT FROM again)`, string(t.Action), t.Object, t.Why, detail)
	return maintenanceFault(err)
}

// keepLog is how long the log remembers.
const keepLog = 90 * 24 * time.Hour

// takeOver ends the rows of those who were killed: whoever holds the lease is alone.
func (m *Maintainer) takeOver(ctx context.Context) error {
	_, err := m.pool.Exec(ctx, `
UPDATE ovasabi.maintenance_log
SET outcome = 'failed',
    ended_at = clock_timestamp(),
    detail = 'cut short: the process that did it is gone; the next round goes on',
    figures = figures || '{"cut_short": true}'
WHERE outcome = 'running'`)
	if err != nil {
		return maintenanceFault(err)
	}
	_, err = m.pool.Exec(ctx, `DELETE FROM ovasabi.maintenance_log WHERE started_at < now() - $1::interval`, keepLog)
	return maintenanceFault(err)
}

// remember writes down the least bytes an entry that each index was seen with.
func (m *Maintainer) remember(ctx context.Context, indexes []indexFacts) error {
	const enough = 1000 // entries, below which pages are mostly air
	var names []string
	var sizes []float64
	for i := range indexes {
		x := &indexes[i]
		if per := float64(x.Bytes) / max(x.Entries, 1); x.Valid && x.Method == "btree" && x.Entries >= enough && (x.Best == nil || per < *x.Best) {
			names, sizes = append(names, x.name()), append(sizes, per)
		}
	}
	if len(names) == 0 {
		return nil
	}
	_, err := m.pool.Exec(ctx, `
INSERT INTO ovasabi.maintenance_index AS i (index_name, bytes_per_entry)
SELECT seen.name, seen.size
FROM unnest($1::text[], $2::float8[]) AS seen (name, size)
ON CONFLICT (index_name) DO UPDATE
SET bytes_per_entry = least(i.bytes_per_entry, excluded.bytes_per_entry), measured_at = now()`, names, sizes)
	return maintenanceFault(err)
}
