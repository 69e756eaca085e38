package nexus

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

const (
	// Ids are given before rows are committed, so a lower id may become visible
	// after a higher one. Whoever has an id and has not ended holds this lock on
	// the table; who is not listed here any more can add no lower id. Locks go after
	// the rows are visible. Prepared transactions are listed too.
	writersSQL = `
SELECT DISTINCT l.virtualtransaction
FROM pg_catalog.pg_locks AS l
WHERE l.locktype = 'relation'
  AND l.database = (
      SELECT d.oid
      FROM pg_catalog.pg_database AS d
      WHERE d.datname = current_database()
  )
  AND l.relation = 'ovasabi.service_event'::regclass
  AND l.mode = 'RowExclusiveLock'`

	newestSQL = `
SELECT coalesce(max(e.id), 0)
FROM ovasabi.service_event AS e
WHERE e.campaign_id = $1::bigint`

	followSQL = `
SELECT` + rowColumns + `
FROM ovasabi.service_event AS e
WHERE e.campaign_id = $1::bigint
  AND e.id > $2::bigint
  AND e.id <= $3::bigint
  AND e.id <> ALL ($4::bigint[])
  AND (cardinality($5::text[]) = 0 OR e.event_type LIKE ANY ($5::text[]))
ORDER BY e.id
LIMIT $6::bigint`

	recentSQL = `
SELECT e.id
FROM ovasabi.service_event AS e
WHERE e.campaign_id = $1::bigint
  AND e.id > $2::bigint`
)

// glance is what one look shows: the newest id, and who was writing after that was read.
type glance struct {
	newest  int64
	writers []string
}

// look asks in one round trip. Statements of a batch have each their own
// snapshot, and run one after the other.
func (r repository) look(ctx context.Context, campaignID int64) (glance, error) {
	b := &pgx.Batch{}
	b.Queue(newestSQL, campaignID)
	b.Queue(writersSQL)
	results := r.db.SendBatch(ctx, b)
	g, err := readGlance(results)
	return g, fault.FromPostgres(errors.Join(err, results.Close()))
}

func readGlance(results pgx.BatchResults) (g glance, err error) {
	if err := results.QueryRow().Scan(&g.newest); err != nil {
		return g, err
	}
	rows, err := results.Query()
	if err != nil {
		return g, err
	}
	g.writers, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return g, err
}

// follow reads events with ids above after and up to newest, without those that were sent.
func (r repository) follow(ctx context.Context, campaignID, after, newest int64, sent []int64, patterns []string, limit int) ([]row, error) {
	return all(r.db.Query(ctx, followSQL, campaignID, after, newest, sent, patterns, limit))
}

// recent returns the ids above after that can be seen.
func (r repository) recent(ctx context.Context, campaignID, after int64) ([]int64, error) {
	rows, err := r.db.Query(ctx, recentSQL, campaignID, after)
	if err != nil {
		return nil, fault.FromPostgres(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	return ids, fault.FromPostgres(err)
}
