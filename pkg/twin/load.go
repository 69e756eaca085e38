package twin

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/database"
)

// tableDigest compares the table with the snapshot in one cheap statement: it
// catches any insert, update and delete, in whatever order they were committed,
// which a newest updated_at does not.
const tableDigest = `
SELECT count(*),
       coalesce(bit_xor(hash_record_extended(ROW (campaign_id, twin, percentage), 0)), 0)
FROM ovasabi.twin_flag`

const selectFlags = `
SELECT campaign_id,
       twin,
       percentage,
       hash_record_extended(ROW (campaign_id, twin, percentage), 0)
FROM ovasabi.twin_flag`

// load reads the whole table through db and puts it in force.
func (f *Flags) load(ctx context.Context, db database.Querier) error {
	f.loading.Lock()
	defer f.loading.Unlock()
	return f.loadLocked(ctx, db)
}

// compare reads the table again only where its digest is not the snapshot's.
func (f *Flags) compare(ctx context.Context, db database.Querier) error {
	f.loading.Lock()
	defer f.loading.Unlock()
	asked := time.Now()
	var rows int
	var digest int64
	if err := db.QueryRow(ctx, tableDigest).Scan(&rows, &digest); err != nil {
		return err
	}
	if s := f.current.Load(); s.rows == rows && s.digest == digest {
		f.known(asked)
		return nil
	}
	return f.loadLocked(ctx, db)
}

func (f *Flags) loadLocked(ctx context.Context, db database.Querier) error {
	asked := time.Now()
	result, err := db.Query(ctx, selectFlags)
	if err != nil {
		return err
	}
	rows, err := pgx.CollectRows(result, func(r pgx.CollectableRow) (row, error) {
		var one row
		err := r.Scan(&one.campaignID, &one.twin, &one.percentage, &one.digest)
		return one, err
	})
	if err != nil {
		return err
	}
	after := newSnapshot(rows, asked)
	before := f.current.Swap(after)
	f.known(asked)
	if before.loadedAt.IsZero() {
		return nil // the first snapshot changes nothing that anybody has seen
	}
	if names := changed(before, after); len(names) > 0 {
		f.options.Log.LogAttrs(ctx, slog.LevelInfo, "twin flags changed",
			slog.Any("twins", names), slog.Int("rows", after.rows))
		f.watchers.tell(names)
	}
	return nil
}

// known notes that the snapshot was the table at the given time.
func (f *Flags) known(at time.Time) {
	f.checkedAt.Store(at.UnixNano())
	f.lastError.Store(nil)
}

// unknown notes why the snapshot could not be compared. The text is the fault's, without the server's.
func (f *Flags) unknown(err error) {
	text := err.Error()
	f.lastError.Store(&text)
}
