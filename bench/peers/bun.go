package peers

import (
	"context"
	"strconv"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/ovasabi/ovasabi/internal/bench"
)

type bunDocument struct {
	bun.BaseModel `bun:"table:ovasabi.service_content_main"`

	CampaignID int64
	ID         int64
	Slug       string
	Title      string
	Body       string
	Tags       string
	Status     string
	Metadata   string
	Version    int64
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

type bunEvent struct {
	bun.BaseModel `bun:"table:ovasabi.service_event"`

	ID         int64 `bun:"id,autoincrement"`
	CampaignID int64
	EventID    string
	EventType  string
	EntityID   string
	OccurredAt time.Time
	Metadata   string
	Payload    string
}

type bunPeer struct{ db *bun.DB }

func openBun(ctx context.Context, at bench.PeerAddress) (*bench.Session, error) {
	pool, err := openPool(ctx, "pgx", at)
	if err != nil {
		return nil, err
	}
	p := &bunPeer{bun.NewDB(pool, pgdialect.New())}
	return &bench.Session{Document: p.document, Events: p.events, Insert: p.insert, Close: p.db.Close}, nil
}

func (p *bunPeer) within(ctx context.Context, campaign int64, fn func(ctx context.Context, tx bun.Tx) error) error {
	return p.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, `SELECT set_config('app.campaign_id', ?, true)`, strconv.FormatInt(campaign, 10)); err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}

func (p *bunPeer) document(ctx context.Context, campaign, id int64) (bench.Document, error) {
	var r bunDocument
	err := p.within(ctx, campaign, func(ctx context.Context, tx bun.Tx) error {
		return tx.NewSelect().Model(&r).Where("campaign_id = ? AND id = ?", campaign, id).Scan(ctx)
	})
	return bench.Document{
		CampaignID: r.CampaignID, ID: r.ID, Slug: r.Slug, Title: r.Title, Body: r.Body, Tags: r.Tags, Status: r.Status,
		Metadata: r.Metadata, Version: r.Version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}, err
}

func (p *bunPeer) events(ctx context.Context, campaign int64, entity string, limit int) ([]bench.Event, error) {
	var rows []bunEvent
	err := p.within(ctx, campaign, func(ctx context.Context, tx bun.Tx) error {
		return tx.NewSelect().Model(&rows).Where("campaign_id = ? AND entity_id = ?", campaign, entity).Order("occurred_at DESC", "id DESC").Limit(int64(limit)).Scan(ctx)
	})
	all := make([]bench.Event, len(rows))
	for i, r := range rows {
		all[i] = bench.Event{CampaignID: r.CampaignID, ID: r.ID, EventID: r.EventID, EventType: r.EventType, EntityID: r.EntityID, OccurredAt: r.OccurredAt, Metadata: r.Metadata, Payload: r.Payload}
	}
	return all, err
}

func (p *bunPeer) insert(ctx context.Context, campaign int64, events []bench.Event) ([]int64, error) {
	rows := make([]bunEvent, len(events))
	for i, e := range events {
		rows[i] = bunEvent{CampaignID: campaign, EventID: e.EventID, EventType: e.EventType, EntityID: e.EntityID, OccurredAt: e.OccurredAt, Metadata: e.Metadata, Payload: e.Payload}
	}
	err := p.within(ctx, campaign, func(ctx context.Context, tx bun.Tx) error {
		for from := 0; from < len(rows); from += insertAtOnce {
			part := rows[from:min(from+insertAtOnce, len(rows))]
			if _, err := tx.NewInsert().Model(&part).ExcludeColumn("id").Returning("id").Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	ids := make([]int64, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	return ids, err
}
