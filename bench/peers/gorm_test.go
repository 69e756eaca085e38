package peers_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/ovasabi/ovasabi/internal/pgtest"
)

type gormNote struct {
	ID         int64
	CampaignID int64
	Name       string
	Status     string
	CreatedAt  time.Time
	Body       string
	Score      int64
}

// TableName is gorm's way to name the table.
func (gormNote) TableName() string { return "ovasabi.bench_note" }

type gormPeer struct{ db *gorm.DB }

func newGorm(t testing.TB, db *pgtest.DB) peer {
	g, err := gorm.Open(postgres.Open(db.AppURL), &gorm.Config{
		Logger: logger.Discard, SkipDefaultTransaction: true, PrepareStmt: true, CreateBatchSize: 1000,
	})
	require.NoError(t, err)
	raw, err := g.DB()
	require.NoError(t, err)
	raw.SetMaxOpenConns(1)
	t.Cleanup(func() { require.NoError(t, raw.Close()) })
	return &gormPeer{g}
}

func (p *gormPeer) insert(ctx context.Context, notes []note) ([]int64, error) {
	rows := make([]gormNote, len(notes))
	for i, n := range notes {
		rows[i] = gormNote{CampaignID: 1, Name: n.name, Status: n.status, CreatedAt: n.createdAt, Body: n.body, Score: n.score}
	}
	err := p.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := tx.Exec(setScope).Error; err != nil {
			return err
		}
		return tx.Create(&rows).Error
	})
	ids := make([]int64, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	return ids, err
}

func (p *gormPeer) read(ctx context.Context, name string) (int64, string, error) {
	var row gormNote
	err := p.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := tx.Exec(setScope).Error; err != nil {
			return err
		}
		return tx.Select("id", "body").Where("campaign_id = ? AND name = ?", 1, name).Take(&row).Error
	})
	return row.ID, row.Body, err
}
