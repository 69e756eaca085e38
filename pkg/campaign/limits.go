package campaign

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Limits are what one campaign may take of the platform.
type Limits struct {
	// MaxConcurrency is how many statements and transactions may run at once; 0 takes AdmissionConfig.DefaultConcurrency.
	MaxConcurrency int
	// MaxRate is statements and transactions a second, with a burst of one second's worth; 0 is without limit.
	MaxRate float64
	// StatementTimeout ends a statement on the server; 0 leaves the connection's.
	StatementTimeout time.Duration
}

// LimitSource reads the limits of campaigns. A campaign that does not exist is left out of the answer.
type LimitSource interface {
	Limits(ctx context.Context, ids []ID) (map[ID]Limits, error)
}

// RowLimits reads limits from the campaigns' own rows, in one round trip for all that are asked for.
type RowLimits struct {
	Pool *pgxpool.Pool
	// Engine defaults to PostgreSQL{}.
	Engine Engine
}

const limitsSQL = `
SELECT
    coalesce(c.max_concurrency, 0),
    coalesce(c.max_rate, 0),
    coalesce(c.statement_timeout_ms, 0)
FROM ovasabi.service_campaign_main AS c
WHERE c.id = $1`

// Limits reads each row inside its own campaign: a batch may enter one scope after another.
func (r RowLimits) Limits(ctx context.Context, ids []ID) (map[ID]Limits, error) {
	text := limitsSQL
	for attempt := 1; ; attempt++ {
		limits, err := r.limits(ctx, text, ids)
		if err == nil {
			return limits, nil
		}
		anew, again := database.Replan(limitsSQL, err, attempt)
		if !again {
			return nil, fault.FromPostgres(err)
		}
		text = anew
	}
}

func (r RowLimits) limits(ctx context.Context, text string, ids []ID) (map[ID]Limits, error) {
	engine := r.Engine
	if engine == nil {
		engine = PostgreSQL{}
	}
	b := &pgx.Batch{}
	for _, id := range ids {
		engine.Enter(b, id, Entry{})
		b.Queue(text, id.Int64())
	}
	results := r.Pool.SendBatch(ctx, b)
	limits := make(map[ID]Limits, len(ids))
	err := readLimits(results, ids, limits)
	if closeErr := results.Close(); err == nil {
		err = closeErr
	}
	return limits, err
}

func readLimits(results pgx.BatchResults, ids []ID, into map[ID]Limits) error {
	for _, id := range ids {
		if _, err := results.Exec(); err != nil {
			return err
		}
		var l Limits
		var timeoutMS int64
		err := results.QueryRow().Scan(&l.MaxConcurrency, &l.MaxRate, &timeoutMS)
		if errors.Is(err, pgx.ErrNoRows) {
			continue
		}
		if err != nil {
			return err
		}
		l.StatementTimeout = time.Duration(timeoutMS) * time.Millisecond
		into[id] = l
	}
	return nil
}
