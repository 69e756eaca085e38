package pgconfig

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// refused reads the files as a reload would, and says what the server would refuse.
func refused(ctx context.Context, conn *pgx.Conn) error {
	type line struct{ Text string }
	rows, err := conn.Query(ctx, `
SELECT format('%s line %s, %s: %s', f.sourcefile, f.sourceline, coalesce(f.name, 'unreadable'), f.error)
FROM pg_catalog.pg_file_settings AS f
LEFT JOIN pg_catalog.pg_settings AS s ON s.name = f.name
WHERE f.error IS NOT NULL
  AND f.sourcefile = current_setting('data_directory') || '/postgresql.auto.conf'
  AND NOT (f.error = 'setting could not be applied' AND s.context = 'postmaster')
ORDER BY f.seqno`)
	if err != nil {
		return serverFault("read the configuration files", err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowToStructByPos[line])
	if err != nil {
		return serverFault("read the configuration files", err)
	}
	if len(lines) == 0 {
		return nil
	}
	texts := make([]string, len(lines))
	for i, l := range lines {
		texts[i] = l.Text
	}
	return fault.New(fault.Invalid, "the server refuses %s", strings.Join(texts, "; "))
}

// reloadTime bounds the wait for the server to have read its files.
const reloadTime = 10 * time.Second

// reload waits until the server has read its files, this session's process included.
func reload(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, reloadTime)
	defer cancel()
	var before, after time.Time
	var sent bool
	if err := conn.QueryRow(ctx, `SELECT pg_catalog.pg_conf_load_time()`).Scan(&before); err != nil {
		return serverFault("reload", err)
	}
	if err := conn.QueryRow(ctx, `SELECT pg_catalog.pg_reload_conf()`).Scan(&sent); err != nil {
		return serverFault("reload", err)
	}
	if !sent {
		return fault.New(fault.Unavailable, "the server could not be told to reload: SELECT pg_reload_conf() says why in its log")
	}
	for {
		if err := conn.QueryRow(ctx, `SELECT pg_catalog.pg_conf_load_time()`).Scan(&after); err != nil {
			return serverFault("reload", err)
		}
		if after.After(before) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fault.New(fault.Unavailable, "the server has not reloaded within %s: see its log", reloadTime)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// pending names the settings that wait for a restart.
func pending(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	rows, err := conn.Query(ctx, `
SELECT s.name
FROM pg_catalog.pg_settings AS s
WHERE s.pending_restart
ORDER BY s.name`)
	if err != nil {
		return nil, serverFault("read what waits for a restart", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, serverFault("read what waits for a restart", err)
	}
	return append([]string{}, names...), nil
}
