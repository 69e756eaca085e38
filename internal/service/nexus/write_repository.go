package nexus

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/ovasabi/ovasabi/internal/service/wire"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

const (
	// The campaign is found active in the statement itself: between a look and a
	// write of its own it could be archived. The order of the input is kept, so that
	// ids follow the order in which a campaign's events came.
	insertEventsSQL = `
INSERT INTO ovasabi.service_event AS e
    (campaign_id, event_id, event_type, entity_id, occurred_at, metadata, payload)
SELECT
    $1::bigint,
    given.event_id,
    given.event_type,
    given.entity_id,
    coalesce(given.occurred_at, now()),
    given.metadata::jsonb,
    given.payload::jsonb
FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[])
    AS given (event_id, event_type, entity_id, occurred_at, metadata, payload)
WHERE EXISTS (
    SELECT
    FROM ovasabi.service_campaign_main AS owner
    WHERE owner.id = $1::bigint
      AND owner.status = 'active'
)
ON CONFLICT (campaign_id, event_id) DO NOTHING
RETURNING e.id, e.event_id`

	// Rings for subscriptions in other processes when the transaction commits.
	ringSQL = `SELECT pg_notify('` + Channel + `', $1::text)`

	// Says of events that an insert left alone whether they are there. It runs after
	// the insert, with a snapshot of its own: the row in the way may have been
	// committed while the insert ran.
	findEventsSQL = `
SELECT
    coalesce(e.id, 0) AS id,
    EXISTS (
        SELECT
        FROM ovasabi.service_campaign_main AS owner
        WHERE owner.id = $1::bigint
          AND owner.status = 'active'
    ) AS active
FROM unnest($2::text[]) WITH ORDINALITY AS given (event_id, place)
LEFT JOIN ovasabi.service_event AS e
    ON e.campaign_id = $1::bigint
    AND e.event_id = given.event_id
ORDER BY given.place`
)

// eventFields are the names under which a caller knows what the schema checks.
var eventFields = map[string]string{
	"service_event_event_id_length":  "event_id",
	"service_event_event_type_form":  "event_type",
	"service_event_entity_id_length": "entity_id",
	"service_event_metadata_object":  "metadata",
	"service_event_campaign_fkey":    "campaign_id",
}

// insert writes events of the context's campaign, no two of them with the same
// id, and settles each. When it returns an error, events that are not settled may
// or may not have been written.
func (r repository) insert(ctx context.Context, batch []*sent) error {
	id, err := campaign.FromContext(ctx)
	if err != nil {
		return err
	}
	missing, err := r.insertNew(ctx, id, batch)
	switch {
	case err == nil && len(missing) == 0:
		return nil
	case err == nil:
		return r.find(ctx, id, missing)
	case fault.KindOf(err) == fault.NotFound: // the campaign's limits were asked for
		return refuse(batch, fault.Field("campaign_id", "there is no such campaign"))
	case !isDataError(err):
		return err
	case len(batch) == 1:
		return refuse(batch, wire.Named(err, eventFields))
	}
	// One of them cannot be stored, and the others must not suffer.
	half := len(batch) / 2
	return errors.Join(r.insert(ctx, batch[:half]), r.insert(ctx, batch[half:]))
}

func refuse(batch []*sent, err error) error {
	for _, s := range batch {
		s.answer = rejected(err)
	}
	return nil
}

// insertNew is one round trip: scope, insert and ring. It settles the events that
// were written, once their transaction is committed, and returns the others.
func (r repository) insertNew(ctx context.Context, id campaign.ID, batch []*sent) (missing []*sent, err error) {
	b := &pgx.Batch{}
	b.Queue(insertEventsSQL, columnsOf(id, batch)...)
	b.Queue(ringSQL, id.String())
	results := r.db.SendBatch(ctx, b)
	defer results.Close() // closed below; here after an error or a panic
	ids, err := readWritten(results, batch)
	if err != nil {
		return nil, fault.FromPostgres(err)
	}
	if _, err := results.Exec(); err != nil {
		return nil, fault.FromPostgres(err)
	}
	// The transaction commits with the end of the batch.
	if err := results.Close(); err != nil {
		return nil, fault.FromPostgres(err)
	}
	for i, s := range batch {
		if ids[i] == 0 {
			missing = append(missing, s)
			continue
		}
		s.answer = accepted(ids[i])
	}
	return missing, nil
}

func columnsOf(id campaign.ID, batch []*sent) []any {
	n := len(batch)
	texts := make([]string, 5*n)
	ids, types, entities := texts[:n], texts[n:2*n], texts[2*n:3*n]
	metadata, payloads := texts[3*n:4*n], texts[4*n:]
	occurred := make([]pgtype.Timestamptz, n)
	for i, s := range batch {
		ids[i], types[i], entities[i] = s.ID, s.Type, s.EntityID
		metadata[i], payloads[i] = s.Metadata, s.Payload
		occurred[i] = pgtype.Timestamptz{Time: s.OccurredAt, Valid: !s.OccurredAt.IsZero()}
	}
	return []any{id.Int64(), ids, types, entities, occurred, metadata, payloads}
}

// readWritten matches returned ids to events, by the event's id. PostgreSQL
// promises no order for RETURNING, but keeps that of the input: the next event is
// tried first, and only when it is not the one is an index made.
func readWritten(results pgx.BatchResults, batch []*sent) (ids []int64, err error) {
	rows, err := results.Query()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	ids = make([]int64, len(batch))
	var (
		id    int64
		name  pgtype.DriverBytes // shares the connection's memory until the next row
		next  int
		index map[string]int
	)
	for rows.Next() {
		if err := rows.Scan(&id, &name); err != nil {
			return nil, err
		}
		for index == nil && next < len(batch) && batch[next].ID != string(name) {
			next++ // was left alone
		}
		if index == nil && next == len(batch) {
			index = make(map[string]int, len(batch))
			for i, s := range batch {
				index[s.ID] = i
			}
		}
		at := next
		if index != nil {
			found, ok := index[string(name)]
			if !ok {
				return nil, fault.New(fault.Internal, "the server returned an event that was not sent")
			}
			at = found
		}
		ids[at] = id
		next++
	}
	return ids, rows.Err()
}

// find settles events that an insert left alone.
func (r repository) find(ctx context.Context, id campaign.ID, missing []*sent) error {
	names := make([]string, len(missing))
	for i, s := range missing {
		names[i] = s.ID
	}
	rows, err := r.db.Query(ctx, findEventsSQL, id.Int64(), names)
	if err != nil {
		return fault.FromPostgres(err)
	}
	type place struct {
		ID     int64
		Active bool
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[place])
	if err != nil {
		return fault.FromPostgres(err)
	}
	var vanished error
	for i, s := range missing {
		switch p := found[i]; {
		case p.ID != 0:
			s.answer = duplicate(p.ID)
		case !p.Active:
			s.answer = rejected(wire.ErrArchived())
		default: // deleted meanwhile: there is room for it now
			vanished = fault.New(fault.Unavailable, "the event that stood in the way is gone: send the event again")
		}
	}
	return vanished
}

// isDataError reports whether a row itself is at fault: data (22), constraints
// (23) and values over a limit (54).
func isDataError(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || len(pg.Code) != 5 {
		return false
	}
	switch pg.Code[:2] {
	case "22", "23", "54":
		return true
	default:
		return false
	}
}
