package maintenance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// querier is a pool or a connection.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// shortLock bounds what a statement inside a transaction waits for a lock.
const shortLock = `SET LOCAL lock_timeout = '500ms'`

// perform does a task, and writes what came of it into f.
func (m *Maintainer) perform(ctx context.Context, w *worker, t *Task, f figures) error {
	switch t.Action {
	case Vacuum, Freeze, Analyze:
		return m.vacuum(ctx, w, t, f)
	case Reindex:
		return m.reindex(ctx, w, t, f)
	case DropIndex:
		_, err := w.Exec(ctx, t.Statement)
		return err
	case Retention:
		return m.expire(ctx, w, t, f)
	case CreatePartition:
		// Built beside the table and attached: that lets readers and writers of the table pass.
		create := fmt.Sprintf("CREATE TABLE %s (LIKE %s INCLUDING ALL EXCLUDING IDENTITY)", quotedName(t.Object), quotedName(t.table))
		return m.locked(ctx, w, t.table, "SHARE UPDATE EXCLUSIVE", create, t.Statement)
	case DropPartition:
		return m.locked(ctx, w, t.table, "ACCESS EXCLUSIVE", t.Statement)
	case Configure:
		return m.locked(ctx, w, t.table, "SHARE UPDATE EXCLUSIVE", t.Statement)
	default:
		return fault.New(fault.Internal, "no such action: %s", t.Action)
	}
}

func (m *Maintainer) vacuum(ctx context.Context, w *worker, t *Task, f figures) error {
	const deadSQL = `SELECT pg_catalog.pg_stat_get_dead_tuples($1::text::regclass)`
	var before, after int64
	if err := m.pool.QueryRow(ctx, deadSQL, quotedName(t.table)).Scan(&before); err != nil {
		return err
	}
	w.skippedBy()
	statement := []string{t.Statement}
	if !strings.Contains(t.Statement, "SKIP_LOCKED") {
		// A partitioned table: ANALYZE waits for its partitions even so, but may run in a transaction.
		statement = []string{"BEGIN", shortLock, t.Statement, "COMMIT"}
	}
	if err := inOrder(ctx, w.Conn, statement...); err != nil {
		return err
	}
	if s := w.skippedBy(); s != "" {
		return yielded{"the server left it out: " + s}
	}
	if err := m.pool.QueryRow(ctx, deadSQL, quotedName(t.table)).Scan(&after); err != nil {
		return err
	}
	if t.Action != Analyze {
		f["dead_before"], f["dead_after"] = before, after
	}
	return nil
}

// inOrder runs the statements, and leaves no transaction open behind an error.
func inOrder(ctx context.Context, conn *pgx.Conn, statements ...string) error {
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s); err != nil {
			if conn.PgConn().TxStatus() != 'I' && !conn.IsClosed() {
				_, rollbackErr := conn.Exec(context.WithoutCancel(ctx), "ROLLBACK")
				err = errors.Join(err, rollbackErr)
			}
			return err
		}
	}
	return nil
}

// reindex builds an index anew beside the old one. It waits for transactions that
// are older than it, and nobody who reads or writes waits for it; but an end before
// its end throws the work away, so that it does not begin while one is open for long.
func (m *Maintainer) reindex(ctx context.Context, w *worker, t *Task, f figures) error {
	var pid int32
	err := m.pool.QueryRow(ctx, `
SELECT a.pid
FROM pg_catalog.pg_stat_activity AS a
WHERE a.datname = current_database()
  AND a.backend_type = 'client backend'
  AND a.xact_start < now() - $1::interval
  AND a.backend_xmin IS NOT NULL
ORDER BY a.xact_start
LIMIT 1`, longTransaction).Scan(&pid)
	switch {
	case err == nil:
		return yielded{fmt.Sprintf("the transaction of process %d has been open for more than %s, and the build would wait for its end", pid, longTransaction)}
	case !errors.Is(err, pgx.ErrNoRows):
		return err
	}
	name := quotedName(t.Object)
	const sizeSQL = `SELECT pg_catalog.pg_relation_size($1::text::regclass)`
	var before, after int64
	if err := m.pool.QueryRow(ctx, sizeSQL, name).Scan(&before); err != nil {
		return err
	}
	if _, err := w.Exec(ctx, t.Statement); err != nil {
		return err // what it leaves half built is the next round's to drop
	}
	if err := m.pool.QueryRow(ctx, sizeSQL, name).Scan(&after); err != nil {
		return err
	}
	f["size_before"], f["size_after"] = before, after
	_, err = m.pool.Exec(ctx, `
INSERT INTO ovasabi.maintenance_index AS i (index_name, bytes_per_entry)
SELECT $1, $2::float8 / c.reltuples
FROM pg_catalog.pg_class AS c
WHERE c.oid = $3::text::regclass
  AND c.reltuples >= 1000
ON CONFLICT (index_name) DO UPDATE
SET bytes_per_entry = excluded.bytes_per_entry, measured_at = now()`, t.Object, float64(after), name)
	return err
}

// locked runs statements that need a lock on the table in one transaction. The lock
// is taken at once or not at all: a request that waits would hold up those behind it.
func (m *Maintainer) locked(ctx context.Context, w *worker, table, mode string, statements ...string) error {
	const tries = 20
	all := append([]string{"BEGIN", shortLock, "LOCK TABLE ONLY " + quotedName(table) + " IN " + mode + " MODE NOWAIT"}, statements...)
	all = append(all, "COMMIT")
	for try := 1; ; try++ {
		err := inOrder(ctx, w.Conn, all...)
		if err == nil || codeOf(err) != fault.CodeLockNotAvailable || try == tries {
			return err
		}
		if err := m.wait(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// retentionBatch is how many events one transaction deletes.
const retentionBatch = 1000

// The oldest go first, by the index on (campaign_id, occurred_at, id).
const expireSQL = `
WITH old AS MATERIALIZED (
    SELECT e.id
    FROM ovasabi.service_event AS e
    WHERE e.campaign_id = $1
      AND e.occurred_at < $2
    ORDER BY e.occurred_at, e.id
    LIMIT $3
)
DELETE FROM ovasabi.service_event AS e
USING old
WHERE e.campaign_id = $1
  AND e.id = old.id`

// expire deletes a campaign's old events, inside the campaign, a batch a
// transaction, and rests between them for as long as a batch took.
func (m *Maintainer) expire(ctx context.Context, w *worker, t *Task, f figures) error {
	deleted := int64(0)
	f["rows"] = deleted
	for {
		begun := time.Now()
		var n int64
		err := pgx.BeginFunc(ctx, w.Conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `SELECT set_config($1, $2, true), set_config('lock_timeout', '500ms', true)`, campaign.Setting, campaign.ID(t.campaign).String()); err != nil {
				return err
			}
			tag, err := tx.Exec(ctx, expireSQL, t.campaign, t.before, retentionBatch)
			n = tag.RowsAffected()
			return err
		})
		if err != nil {
			return err
		}
		deleted += n
		f["rows"] = deleted
		if n < retentionBatch {
			return nil
		}
		if err := m.at("retention"); err != nil {
			return err
		}
		if err := m.wait(ctx, time.Since(begun)); err != nil {
			return err
		}
	}
}
