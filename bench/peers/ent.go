package peers

import (
	"context"
	"strconv"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/ovasabi/ovasabi/bench/peers/ent"
	"github.com/ovasabi/ovasabi/bench/peers/ent/document"
	"github.com/ovasabi/ovasabi/bench/peers/ent/event"
	"github.com/ovasabi/ovasabi/internal/bench"
)

type entPeer struct{ client *ent.Client }

func openEnt(ctx context.Context, at bench.PeerAddress) (*bench.Session, error) {
	pool, err := openPool(ctx, "pgx", at)
	if err != nil {
		return nil, err
	}
	p := &entPeer{ent.NewClient(ent.Driver(entsql.OpenDB(dialect.Postgres, pool)))}
	return &bench.Session{Document: p.document, Events: p.events, Insert: p.insert, Close: p.client.Close}, nil
}

func (p *entPeer) within(ctx context.Context, campaign int64, fn func(tx *ent.Tx) error) error {
	tx, err := p.client.Tx(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it answers ErrTxDone
	if _, err := tx.ExecContext(ctx, setScope, strconv.FormatInt(campaign, 10)); err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

func (p *entPeer) document(ctx context.Context, campaign, id int64) (d bench.Document, err error) {
	err = p.within(ctx, campaign, func(tx *ent.Tx) error {
		r, err := tx.Document.Query().Where(document.CampaignID(campaign), document.ID(id)).Only(ctx)
		if err != nil {
			return err
		}
		d = bench.Document{
			CampaignID: r.CampaignID, ID: r.ID, Slug: r.Slug, Title: r.Title, Body: r.Body, Tags: r.Tags, Status: r.Status,
			Metadata: r.Metadata, Version: r.Version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
		}
		return nil
	})
	return d, err
}

func (p *entPeer) events(ctx context.Context, campaign int64, entity string, limit int) (all []bench.Event, err error) {
	err = p.within(ctx, campaign, func(tx *ent.Tx) error {
		rows, err := tx.Event.Query().Where(event.CampaignID(campaign), event.EntityID(entity)).
			Order(ent.Desc(event.FieldOccurredAt, event.FieldID)).Limit(limit).All(ctx)
		for _, r := range rows {
			all = append(all, bench.Event{CampaignID: r.CampaignID, ID: r.ID, EventID: r.EventID, EventType: r.EventType, EntityID: r.EntityID, OccurredAt: r.OccurredAt, Metadata: r.Metadata, Payload: r.Payload})
		}
		return err
	})
	return all, err
}

func (p *entPeer) insert(ctx context.Context, campaign int64, events []bench.Event) (ids []int64, err error) {
	err = p.within(ctx, campaign, func(tx *ent.Tx) error {
		for from := 0; from < len(events); from += insertAtOnce {
			part := events[from:min(from+insertAtOnce, len(events))]
			rows, err := tx.Event.MapCreateBulk(part, func(c *ent.EventCreate, i int) {
				e := part[i]
				c.SetCampaignID(campaign).SetEventID(e.EventID).SetEventType(e.EventType).SetEntityID(e.EntityID).
					SetOccurredAt(e.OccurredAt).SetMetadata(e.Metadata).SetPayload(e.Payload)
			}).Save(ctx)
			if err != nil {
				return err
			}
			for _, r := range rows {
				ids = append(ids, r.ID)
			}
		}
		return nil
	})
	return ids, err
}
