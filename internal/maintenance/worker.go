package maintenance

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// worker is the connection on which the work is done.
type worker struct {
	*pgx.Conn
	pid     uint32 // 0 behind a pooler: no server process is ours
	mu      sync.Mutex
	skipped string
}

// openWorker connects with the pace of the configuration. A pooler that refuses
// settings at the start leaves those of the role.
func (m *Maintainer) openWorker(ctx context.Context) (*worker, error) {
	w := &worker{}
	config := m.settings.ConnConfig.Copy()
	config.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		// A context that ends cancels the statement on the server: closing the
		// connection alone would leave a VACUUM running.
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: 10 * time.Second}
	}
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		// "skipping vacuum of "t" --- lock not available"
		if n.Severity == "WARNING" && strings.HasPrefix(n.Message, "skipping ") {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.skipped = n.Message
		}
	}
	conn, err := m.connectPaced(ctx, config)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "could not connect to PostgreSQL to maintain: %w", err)
	}
	w.Conn = conn
	if !m.pooled {
		w.pid = conn.PgConn().PID()
	}
	return w, nil
}

func (m *Maintainer) connectPaced(ctx context.Context, config *pgx.ConnConfig) (*pgx.Conn, error) {
	if !m.pooled {
		paced := config.Copy()
		maps.Copy(paced.RuntimeParams, m.pace())
		conn, err := pgx.ConnectConfig(ctx, paced)
		pg, refused := errors.AsType[*pgconn.PgError](err)
		if err == nil || !refused || !strings.Contains(pg.Message, "startup parameter") {
			return conn, err
		}
		m.pooled = true
		m.log.WarnContext(ctx, "a pooler stands before the server and takes no settings from a session: the pace of vacuum is that of the role (ALTER ROLE … SET vacuum_cost_delay)")
	}
	return pgx.ConnectConfig(ctx, config)
}

// skippedBy takes what the server said about a table that it left out.
func (w *worker) skippedBy() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.skipped
	w.skipped = ""
	return s
}

// bytes is what the worker's process has read and written so far.
func (m *Maintainer) bytes(ctx context.Context, w *worker) (n int64) {
	if w.pid == 0 || w.IsClosed() {
		return 0
	}
	// What a session has counted is its own for up to a second.
	if _, err := w.Exec(ctx, `SELECT pg_catalog.pg_stat_force_next_flush()`); err != nil {
		return 0
	}
	err := m.pool.QueryRow(ctx, `
SELECT coalesce(sum(coalesce(i.read_bytes, 0) + coalesce(i.write_bytes, 0) + coalesce(i.extend_bytes, 0)), 0)::bigint
FROM pg_catalog.pg_stat_get_backend_io($1::int) AS i
WHERE i.object = 'relation'`, int32(w.pid)).Scan(&n)
	if err != nil {
		return 0 // a figure is missing, the work is not
	}
	return n
}

func serverWords(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Message + " (SQLSTATE " + pg.Code + ")"
	}
	return ""
}

func codeOf(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}
