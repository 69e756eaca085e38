package peers

import (
	"context"
	"strconv"
	"time"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/ovasabi/ovasabi/internal/bench"
)

type gormDocument struct {
	CampaignID, ID                            int64
	Slug, Title, Body, Tags, Status, Metadata string
	Version                                   int64
	CreatedAt, UpdatedAt                      time.Time
}

// TableName is gorm's way to name the table.
func (gormDocument) TableName() string { return "ovasabi.service_content_main" }

type gormEvent struct {
	ID                           int64
	CampaignID                   int64
	EventID, EventType, EntityID string
	OccurredAt                   time.Time
	Metadata, Payload            string
}

// TableName is gorm's way to name the table.
func (gormEvent) TableName() string { return "ovasabi.service_event" }

type gormPeer struct{ db *gorm.DB }

func openGorm(ctx context.Context, at bench.PeerAddress) (*bench.Session, error) {
	pool, err := openPool(ctx, "pgx", at)
	if err != nil {
		return nil, err
	}
	db, err := gorm.Open(postgres.New(postgres.Config{Conn: pool}), &gorm.Config{
		Logger: logger.Discard, SkipDefaultTransaction: true, PrepareStmt: true, CreateBatchSize: insertAtOnce,
	})
	if err != nil {
		return nil, err
	}
	p := &gormPeer{db}
	return &bench.Session{Document: p.document, Events: p.events, Insert: p.insert, Close: pool.Close}, nil
}

func (p *gormPeer) within(ctx context.Context, campaign int64, fn func(tx *gorm.DB) error) error {
	return p.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := tx.Exec(`SELECT set_config('app.campaign_id', ?, true)`, strconv.FormatInt(campaign, 10)).Error; err != nil {
			return err
		}
		return fn(tx)
	})
}

func (p *gormPeer) document(ctx context.Context, campaign, id int64) (bench.Document, error) {
	var row gormDocument
	err := p.within(ctx, campaign, func(tx *gorm.DB) error {
		return tx.Where("campaign_id = ? AND id = ?", campaign, id).Take(&row).Error
	})
	return bench.Document(row), err
}

func (p *gormPeer) events(ctx context.Context, campaign int64, entity string, limit int) ([]bench.Event, error) {
	var rows []gormEvent
	err := p.within(ctx, campaign, func(tx *gorm.DB) error {
		return tx.Where("campaign_id = ? AND entity_id = ?", campaign, entity).Order("occurred_at DESC, id DESC").Limit(limit).Find(&rows).Error
	})
	all := make([]bench.Event, len(rows))
	for i, r := range rows {
		all[i] = bench.Event{CampaignID: r.CampaignID, ID: r.ID, EventID: r.EventID, EventType: r.EventType, EntityID: r.EntityID, OccurredAt: r.OccurredAt, Metadata: r.Metadata, Payload: r.Payload}
	}
	return all, err
}

func (p *gormPeer) insert(ctx context.Context, campaign int64, events []bench.Event) ([]int64, error) {
	rows := make([]gormEvent, len(events))
	for i, e := range events {
		rows[i] = gormEvent{CampaignID: campaign, EventID: e.EventID, EventType: e.EventType, EntityID: e.EntityID, OccurredAt: e.OccurredAt, Metadata: e.Metadata, Payload: e.Payload}
	}
	err := p.within(ctx, campaign, func(tx *gorm.DB) error { return tx.Create(&rows).Error })
	ids := make([]int64, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	return ids, err
}
