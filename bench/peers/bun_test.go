package peers_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver that bun's documentation gives for pgx
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/ovasabi/ovasabi/internal/pgtest"
)

type bunNote struct {
	bun.BaseModel `bun:"table:ovasabi.bench_note"`

	ID         int64 `bun:"id,autoincrement"`
	CampaignID int64
	Name       string
	Status     string
	CreatedAt  time.Time
	Body       string
	Score      int64
}

type bunPeer struct{ db *bun.DB }

func newBun(t testing.TB, db *pgtest.DB) peer {
	raw, err := sql.Open("pgx", db.AppURL)
	require.NoError(t, err)
	raw.SetMaxOpenConns(1)
	t.Cleanup(func() { require.NoError(t, raw.Close()) })
	return &bunPeer{bun.NewDB(raw, pgdialect.New())}
}

func (p *bunPeer) insert(ctx context.Context, notes []note) ([]int64, error) {
	rows := make([]bunNote, len(notes))
	for i, n := range notes {
		rows[i] = bunNote{CampaignID: 1, Name: n.name, Status: n.status, CreatedAt: n.createdAt, Body: n.body, Score: n.score}
	}
	err := p.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, setScope); err != nil {
			return err
		}
		for from := 0; from < len(rows); from += 1000 {
			part := rows[from:min(from+1000, len(rows))]
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

func (p *bunPeer) read(ctx context.Context, name string) (int64, string, error) {
	var row bunNote
	err := p.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, setScope); err != nil {
			return err
		}
		return tx.NewSelect().Model(&row).Column("id", "body").Where("campaign_id = ? AND name = ?", 1, name).Scan(ctx)
	})
	return row.ID, row.Body, err
}
