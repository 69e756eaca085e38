package peers

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/ovasabi/ovasabi/internal/bench"
)

// riverSchema holds River's own tables in the database of the run.
const riverSchema = "bench_river"

// riverEvent is an event as a job's arguments.
type riverEvent struct {
	CampaignID int64           `json:"campaign_id"`
	EventID    string          `json:"event_id"`
	EventType  string          `json:"event_type"`
	EntityID   string          `json:"entity_id"`
	OccurredAt time.Time       `json:"occurred_at"`
	Metadata   json.RawMessage `json:"metadata"`
	Payload    json.RawMessage `json:"payload"`
}

// Kind is River's name for jobs of these arguments.
func (riverEvent) Kind() string { return "bench_event" }

const (
	riverStored = `
SELECT count(*), coalesce(sum(hashtextextended(concat_ws('|', j.args ->> 'campaign_id', j.args ->> 'event_id', j.args ->> 'event_type', j.args ->> 'entity_id', (j.args ->> 'occurred_at')::timestamptz, j.args -> 'metadata', j.args -> 'payload'), 0)), 0)::text
FROM bench_river.river_job AS j`
	riverEmpty = `TRUNCATE bench_river.river_job`
)

type riverPeer struct{ client *river.Client[pgx.Tx] }

// openRiver makes River's tables where they are not there yet. They belong to no
// campaign, so it works as their owner.
func openRiver(ctx context.Context, at bench.PeerAddress) (*bench.Session, error) {
	config, err := pgxpool.ParseConfig(at.Owner)
	if err != nil {
		return nil, err
	}
	config.MaxConns = int32(at.Conns)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	p, err := newRiver(ctx, pool)
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &bench.Session{Insert: p.insert, Stored: riverStored, Empty: riverEmpty, Close: func() error {
		pool.Close()
		return nil
	}}, nil
}

func newRiver(ctx context.Context, pool *pgxpool.Pool) (*riverPeer, error) {
	if _, err := pool.Exec(ctx, `CREATE SCHEMA IF NOT EXISTS `+riverSchema); err != nil {
		return nil, err
	}
	driver := riverpgxv5.New(pool)
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Schema: riverSchema})
	if err != nil {
		return nil, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, err
	}
	client, err := river.NewClient(driver, &river.Config{Schema: riverSchema})
	return &riverPeer{client}, err
}

func (p *riverPeer) insert(ctx context.Context, campaign int64, events []bench.Event) ([]int64, error) {
	jobs := make([]river.InsertManyParams, len(events))
	for i, e := range events {
		jobs[i].Args = riverEvent{campaign, e.EventID, e.EventType, e.EntityID, e.OccurredAt, json.RawMessage(e.Metadata), json.RawMessage(e.Payload)}
	}
	results, err := p.client.InsertMany(ctx, jobs)
	ids := make([]int64, len(results))
	for i, r := range results {
		ids[i] = r.Job.ID
	}
	return ids, err
}
