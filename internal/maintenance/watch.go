package maintenance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ovasabi/ovasabi/internal/schema"
	"github.com/ovasabi/ovasabi/pkg/monitoring"
)

// Watch goes through the whole database again and again, a portion at a time, as
// `migrate verify` does at once. Where it stands is kept in the database, so that
// it goes on after a restart. It is a monitoring.FindingSource, and safe for
// concurrent use.
type Watch struct {
	config   Integrity
	migrator *schema.Migrator
	log      *slog.Logger

	mu      sync.Mutex
	loaded  bool
	last    *verified            // the newest that came to its end
	current *schema.Verification // the one under way
	looked  time.Time            // at the end of the last portion
}

// verified is a going through that came to its end.
type verified struct {
	began, ended time.Time
	findings     []schema.Finding
	checked      map[string]int64
}

// watchName keeps the place of the watch apart from that of `migrate verify`.
const watchName = "watch"

// roundsKept is how many goings through are remembered.
const roundsKept = 30

// NewWatch returns a watch over the owner's database. It connects with its first portion. The caller closes it.
func NewWatch(ownerURL string, c Integrity, log *slog.Logger) (*Watch, error) {
	migrator, err := schema.Open(ownerURL, schema.Options{Log: log})
	if err != nil {
		return nil, err
	}
	return &Watch{config: c, migrator: migrator, log: log}, nil
}

// Close gives the connections back.
func (w *Watch) Close() error { return w.migrator.Close() }

// portion goes on with the going through that is under way, or begins the next one when it is due.
func (w *Watch) portion(ctx context.Context, pool *pgxpool.Pool, now time.Time) error {
	due, err := w.due(ctx, pool, now)
	if err != nil || !due {
		return err
	}
	until := time.Now().Add(w.config.Portion)
	v, err := w.migrator.Verify(ctx, schema.VerifyOptions{
		Name: watchName, Portion: w.config.Portion,
		Rest: func(ctx context.Context, took time.Duration) error {
			rest := time.Duration(float64(took) * (1/w.config.Share - 1))
			if left := time.Until(until); left < rest {
				rest = left // the time between portions is rest enough
			}
			if rest <= 0 {
				return ctx.Err()
			}
			timer := time.NewTimer(rest)
			defer timer.Stop()
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-timer.C:
				return nil
			}
		},
	})
	if err != nil {
		return err
	}
	if !v.Complete {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.current, w.looked = &v, time.Now()
		return nil
	}
	return w.completed(ctx, pool, v)
}

// due tells whether one is under way, or the last began long enough ago.
func (w *Watch) due(ctx context.Context, pool *pgxpool.Pool, now time.Time) (bool, error) {
	w.mu.Lock()
	loaded, underWay := w.loaded, w.current != nil
	w.mu.Unlock()
	if !loaded {
		if err := w.load(ctx, pool); err != nil {
			return false, err
		}
	}
	if underWay {
		return true, nil
	}
	begun, err := w.begun(ctx, pool)
	if err != nil || begun {
		return begun, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last == nil || !now.Before(w.last.began.Add(w.config.Every)), nil
}

// begun tells whether a process before this one left a going through under way.
func (w *Watch) begun(ctx context.Context, pool *pgxpool.Pool) (begun bool, err error) {
	err = pool.QueryRow(ctx, `SELECT to_regclass('ovasabi.schema_verification') IS NOT NULL`).Scan(&begun)
	if err != nil || !begun {
		return false, maintenanceFault(err)
	}
	err = pool.QueryRow(ctx, `
SELECT EXISTS (
    SELECT
    FROM ovasabi.schema_verification AS v
    WHERE v.options::jsonb ->> 'Name' = $1
)`, watchName).Scan(&begun)
	return begun, maintenanceFault(err)
}

// load reads what the last going through found.
func (w *Watch) load(ctx context.Context, pool *pgxpool.Pool) error {
	var v verified
	var findings, checked string
	err := pool.QueryRow(ctx, `
SELECT r.started_at, r.ended_at, r.findings::text, r.checked::text
FROM ovasabi.integrity_round AS r
ORDER BY r.id DESC
LIMIT 1`).Scan(&v.began, &v.ended, &findings, &checked)
	none := errors.Is(err, pgx.ErrNoRows)
	if err != nil && !none {
		return maintenanceFault(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.loaded = true
	if none {
		return nil
	}
	w.last, w.looked = &v, v.ended
	return errors.Join(json.Unmarshal([]byte(findings), &v.findings), json.Unmarshal([]byte(checked), &v.checked))
}

func (w *Watch) completed(ctx context.Context, pool *pgxpool.Pool, v schema.Verification) error {
	findings, err := json.Marshal(v.Findings)
	if err != nil {
		return err
	}
	checked, err := json.Marshal(v.Checked)
	if err != nil {
		return err
	}
	done := verified{began: v.Since, findings: v.Findings, checked: v.Checked}
	err = pool.QueryRow(ctx, `
INSERT INTO ovasabi.integrity_round (started_at, ended_at, findings, checked)
VALUES ($1, clock_timestamp(), $2::text::jsonb, $3::text::jsonb)
RETURNING ended_at`, v.Since, string(findings), string(checked)).Scan(&done.ended)
	if err != nil {
		return maintenanceFault(err)
	}
	if _, err := pool.Exec(ctx, `
DELETE FROM ovasabi.integrity_round AS r
WHERE r.id <= (SELECT max(o.id) FROM ovasabi.integrity_round AS o) - $1`, roundsKept); err != nil {
		return maintenanceFault(err)
	}
	w.mu.Lock()
	w.last, w.current, w.looked = &done, nil, done.ended
	w.mu.Unlock()
	w.log.LogAttrs(ctx, slog.LevelInfo, "integrity: everything was gone through",
		slog.Int("findings", len(v.Findings)), slog.Int64("rows", v.Checked["rows"]), slog.Int64("indexes", v.Checked["indexes"]), slog.Time("since", v.Since))
	return nil
}

// mostFindings bounds what is told at once.
const mostFindings = 100

// Name is that of the watch among the sources of findings.
func (w *Watch) Name() string { return "integrity" }

// Findings returns what the last going through found, what the one under way has
// found besides, and when the last portion ended.
func (w *Watch) Findings() (findings []monitoring.Finding, lookedAt time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.found(), w.looked
}

func (w *Watch) found() []monitoring.Finding {
	var found []monitoring.Finding
	if w.current != nil {
		for _, f := range w.current.Findings {
			found = append(found, told(f))
		}
	}
	if w.last != nil {
		for _, f := range w.last.findings {
			same := func(g monitoring.Finding) bool { return g.ID == told(f).ID && g.Object == f.Object }
			if !slices.ContainsFunc(found, same) {
				found = append(found, told(f))
			}
		}
	}
	if len(found) > mostFindings {
		more := len(found) - mostFindings
		found = append(found[:mostFindings], monitoring.Finding{
			ID: "integrity.more", Severity: schema.SeverityWarning, Object: "integrity",
			Evidence: fmt.Sprintf("%d more findings are not shown", more), Remedy: "run ovasabi migrate verify",
		})
	}
	return found
}

func told(f schema.Finding) monitoring.Finding {
	return monitoring.Finding{ID: "integrity." + f.ID, Severity: f.Severity, Object: f.Object, Evidence: f.Evidence, Remedy: f.Remedy}
}
