package peers

import (
	"context"
	"database/sql"
	"strconv"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver pgx
	"github.com/lib/pq"

	"github.com/ovasabi/ovasabi/internal/bench"
)

// plainSQL is database/sql with statements written by hand.
type plainSQL struct {
	db *sql.DB
	// array makes a parameter of a slice; the drivers differ in it.
	array func(slice any) any
}

// openPgx is pgx's adapter as it comes, with its statement cache.
func openPgx(ctx context.Context, at bench.PeerAddress) (*bench.Session, error) {
	return openSQL(ctx, "pgx", at, func(slice any) any { return slice })
}

func openPq(ctx context.Context, at bench.PeerAddress) (*bench.Session, error) {
	return openSQL(ctx, "postgres", at, func(slice any) any { return pq.Array(slice) })
}

func openSQL(ctx context.Context, driver string, at bench.PeerAddress, array func(any) any) (*bench.Session, error) {
	db, err := openPool(ctx, driver, at)
	if err != nil {
		return nil, err
	}
	p := &plainSQL{db, array}
	return &bench.Session{Document: p.document, Events: p.events, Insert: p.insert, Close: db.Close}, nil
}

// openPool opens database/sql with as many connections as the others have, all of them kept.
func openPool(ctx context.Context, driver string, at bench.PeerAddress) (*sql.DB, error) {
	db, err := sql.Open(driver, at.App)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(at.Conns)
	db.SetMaxIdleConns(at.Conns)
	return db, db.PingContext(ctx)
}

func (p *plainSQL) within(ctx context.Context, campaign int64, fn func(tx *sql.Tx) error) error {
	tx, err := p.db.BeginTx(ctx, nil)
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

func (p *plainSQL) document(ctx context.Context, campaign, id int64) (d bench.Document, err error) {
	err = p.within(ctx, campaign, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `
SELECT c.campaign_id, c.id, c.slug, c.title, c.body, c.tags, c.status, c.metadata, c.version, c.created_at, c.updated_at
FROM ovasabi.service_content_main AS c
WHERE c.campaign_id = $1
  AND c.id = $2`, campaign, id).Scan(&d.CampaignID, &d.ID, &d.Slug, &d.Title, &d.Body, &d.Tags, &d.Status, &d.Metadata, &d.Version, &d.CreatedAt, &d.UpdatedAt)
	})
	return d, err
}

func (p *plainSQL) events(ctx context.Context, campaign int64, entity string, limit int) (all []bench.Event, err error) {
	err = p.within(ctx, campaign, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `
SELECT e.campaign_id, e.id, e.event_id, e.event_type, e.entity_id, e.occurred_at, e.metadata, e.payload
FROM ovasabi.service_event AS e
WHERE e.campaign_id = $1
  AND e.entity_id = $2
ORDER BY e.occurred_at DESC, e.id DESC
LIMIT $3`, campaign, entity, limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var e bench.Event
			if err := rows.Scan(&e.CampaignID, &e.ID, &e.EventID, &e.EventType, &e.EntityID, &e.OccurredAt, &e.Metadata, &e.Payload); err != nil {
				return err
			}
			all = append(all, e)
		}
		return rows.Err()
	})
	return all, err
}

// insert writes by unnest, the fastest that database/sql has under row-level
// security: lib/pq's COPY is refused there.
func (p *plainSQL) insert(ctx context.Context, campaign int64, events []bench.Event) (ids []int64, err error) {
	err = p.within(ctx, campaign, func(tx *sql.Tx) error {
		for from := 0; from < len(events); from += insertAtOnce {
			if ids, err = p.insertPart(ctx, tx, campaign, events[from:min(from+insertAtOnce, len(events))], ids); err != nil {
				return err
			}
		}
		return nil
	})
	return ids, err
}

func (p *plainSQL) insertPart(ctx context.Context, tx *sql.Tx, campaign int64, part []bench.Event, ids []int64) ([]int64, error) {
	var events, types, entities, times, metadata, payloads []string
	for _, e := range part {
		events, types, entities = append(events, e.EventID), append(types, e.EventType), append(entities, e.EntityID)
		times = append(times, e.OccurredAt.Format(time.RFC3339Nano))
		metadata, payloads = append(metadata, e.Metadata), append(payloads, e.Payload)
	}
	rows, err := tx.QueryContext(ctx, `
INSERT INTO ovasabi.service_event (campaign_id, event_id, event_type, entity_id, occurred_at, metadata, payload)
SELECT $1, u.event_id, u.event_type, u.entity_id, u.occurred_at::timestamptz, u.metadata::jsonb, u.payload::jsonb
FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
    AS u (event_id, event_type, entity_id, occurred_at, metadata, payload)
RETURNING id`, campaign, p.array(events), p.array(types), p.array(entities), p.array(times), p.array(metadata), p.array(payloads))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}
