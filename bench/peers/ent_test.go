package peers_test

import (
	"context"
	"database/sql"
	"testing"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/bench/peers/ent"
	entnote "github.com/ovasabi/ovasabi/bench/peers/ent/note"
	"github.com/ovasabi/ovasabi/internal/pgtest"
)

type entPeer struct{ client *ent.Client }

func newEnt(t testing.TB, db *pgtest.DB) peer {
	raw, err := sql.Open("pgx", db.AppURL)
	require.NoError(t, err)
	raw.SetMaxOpenConns(1)
	client := ent.NewClient(ent.Driver(entsql.OpenDB(dialect.Postgres, raw)))
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return &entPeer{client}
}

func (p *entPeer) within(ctx context.Context, fn func(tx *ent.Tx) error) error {
	tx, err := p.client.Tx(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it answers ErrTxDone
	if _, err := tx.ExecContext(ctx, setScope); err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

func (p *entPeer) insert(ctx context.Context, notes []note) (ids []int64, err error) {
	err = p.within(ctx, func(tx *ent.Tx) error {
		for from := 0; from < len(notes); from += 1000 {
			part := notes[from:min(from+1000, len(notes))]
			rows, err := tx.Note.MapCreateBulk(part, func(c *ent.NoteCreate, i int) {
				n := part[i]
				c.SetCampaignID(1).SetName(n.name).SetStatus(n.status).SetCreatedAt(n.createdAt).SetBody(n.body).SetScore(n.score)
			}).Save(ctx)
			if err != nil {
				return err
			}
			for _, row := range rows {
				ids = append(ids, row.ID)
			}
		}
		return nil
	})
	return ids, err
}

func (p *entPeer) read(ctx context.Context, name string) (id int64, body string, err error) {
	err = p.within(ctx, func(tx *ent.Tx) error {
		row, err := tx.Note.Query().Where(entnote.CampaignID(1), entnote.Name(name)).Select(entnote.FieldID, entnote.FieldBody).Only(ctx)
		if err == nil {
			id, body = row.ID, row.Body
		}
		return err
	})
	return id, body, err
}
