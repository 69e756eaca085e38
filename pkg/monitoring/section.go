package monitoring

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// section is one named query and what becomes of its rows.
type section struct {
	name string
	// every is how many collections lie between two readings; 1 reads at each.
	every int
	args  func(c *PG18StatsCollector) []any
	// skip tells whether the section cannot be read on this server.
	skip func(c *PG18StatsCollector, s *Snapshot) bool
	read func(rows pgx.Rows, s *Snapshot) error

	failed *FailedSection
	pause  time.Duration
}

// many reads all rows by the names of their columns.
func many[T any](rows pgx.Rows) ([]T, error) { return pgx.CollectRows(rows, pgx.RowToStructByName[T]) }

func one[T any](rows pgx.Rows) (*T, error) {
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[T])
	if err != nil {
		return nil, err
	}
	return &v, nil
}

func into[T any](put func(s *Snapshot, v T)) func(pgx.Rows, *Snapshot) error {
	return func(rows pgx.Rows, s *Snapshot) error {
		v, err := one[T](rows)
		if err == nil {
			put(s, *v)
		}
		return err
	}
}

func list[T any](put func(s *Snapshot, v []T)) func(pgx.Rows, *Snapshot) error {
	return func(rows pgx.Rows, s *Snapshot) error {
		v, err := many[T](rows)
		if err == nil {
			put(s, v)
		}
		return err
	}
}

// seldom is for what changes slowly or costs more: once a minute at the default interval.
const seldom = 6

func noStatements(_ *PG18StatsCollector, s *Snapshot) bool {
	return s.Server == nil || s.Server.StatementsSchema == "" || !s.Server.StatementsLoaded
}

// sections are all that a collection reads, in the order in which they are asked for.
func sections() []*section {
	limit := func(n func(o Options) int) func(*PG18StatsCollector) []any {
		return func(c *PG18StatsCollector) []any { return []any{int64(n(c.options))} }
	}
	return []*section{
		{name: "server", every: seldom, read: into(func(s *Snapshot, v Server) { s.Server = &v })},
		{name: "database", every: 1, read: into(func(s *Snapshot, v Database) { s.Database = &v })},
		{name: "io", every: 1, read: list(func(s *Snapshot, v []IORow) { s.IO = &IOStats{Rows: v} })},
		{name: "wal", every: 1, read: into(func(s *Snapshot, v WAL) { s.WAL = &v })},
		{name: "checkpointer", every: 1, read: into(func(s *Snapshot, v Checkpointer) { s.Checkpointer = &v })},
		{name: "aio", every: 1, read: list(func(s *Snapshot, v []AIO) { s.AIO = v })},
		{name: "activity", every: 1, read: list(func(s *Snapshot, v []Activity) { s.Activity = v })},
		{
			name: "transactions", every: 1,
			args: func(c *PG18StatsCollector) []any { return []any{c.options.LongTransaction} },
			read: list(func(s *Snapshot, v []Transaction) { s.Transactions = v }),
		},
		{name: "progress", every: 1, read: list(func(s *Snapshot, v []Progress) { s.vacuum().Running = v })},
		{
			name: "tables", every: 1, args: limit(func(o Options) int { return o.MaxTables }),
			read: list(func(s *Snapshot, v []Table) { s.vacuum().Tables = v }),
		},
		{
			name: "indexes", every: seldom, args: limit(func(o Options) int { return o.MaxIndexes }),
			read: list(func(s *Snapshot, v []Index) { s.Indexes = v }),
		},
		{
			name: "statements", every: 1, skip: noStatements, args: limit(func(o Options) int { return o.MaxStatements }),
			read: list(func(s *Snapshot, v []Statement) { s.Statements = &Statements{List: v} }),
		},
		{
			name: "statements_reset", every: 1, skip: noStatements,
			read: func(rows pgx.Rows, s *Snapshot) error {
				var evictions int64
				var reset *time.Time
				_, err := pgx.ForEachRow(rows, []any{&evictions, &reset}, func() error { return nil })
				if err == nil && s.Statements != nil {
					s.Statements.Evictions, s.Statements.ResetAt = evictions, reset
				}
				return err
			},
		},
		{
			name: "maintenance_log", every: 1,
			skip: func(_ *PG18StatsCollector, s *Snapshot) bool { return s.Server == nil || !s.Server.MaintenanceLogged },
			read: list(func(s *Snapshot, v []Maintenance) { s.Maintenance = v }),
		},
		{name: "replication", every: 1, read: list(func(s *Snapshot, v []Standby) { s.replication().Standbys = v })},
		{name: "slots", every: 1, read: list(func(s *Snapshot, v []Slot) { s.replication().Slots = v })},
		{name: "standby", every: 1, read: scalar(func(s *Snapshot, v *float64) { s.replication().BehindS = v })},
		{name: "settings", every: seldom, read: list(func(s *Snapshot, v []Setting) { s.Settings = v })},
		{name: "size", every: seldom, read: scalar(func(s *Snapshot, v *int64) { s.DatabaseBytes = v })},
	}
}

func scalar[T any](put func(s *Snapshot, v *T)) func(pgx.Rows, *Snapshot) error {
	return func(rows pgx.Rows, s *Snapshot) error {
		v, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[*T])
		if err == nil {
			put(s, v)
		}
		return err
	}
}

func (s *Snapshot) vacuum() *VacuumStats {
	if s.Vacuum == nil {
		s.Vacuum = &VacuumStats{}
	}
	return s.Vacuum
}

func (s *Snapshot) replication() *Replication {
	if s.Replication == nil {
		s.Replication = &Replication{}
	}
	return s.Replication
}

// boundSQL bounds every statement of the batch that it heads, each by its own
// clock: PostgreSQL starts the clock anew at each Execute.
// Source: https://www.postgresql.org/docs/18/runtime-config-client.html, at statement_timeout.
const boundSQL = `SELECT set_config('statement_timeout', $1, true), set_config('lock_timeout', $1, true)`

// query returns the section's text for this server.
func (sec *section) query(schema string) string {
	return strings.ReplaceAll(sqlOf(sec.name), "{statements}", pgx.Identifier{schema}.Sanitize())
}

// readAll reads the sections in one round trip. A section that fails takes the
// rest of its batch with it: the rest is asked for again without it, so that one
// that is slow or not allowed never hides the others. The error is the
// connection's: nothing can be read at all.
func (c *PG18StatsCollector) readAll(ctx context.Context, wanted []*section, s *Snapshot) error {
	for len(wanted) > 0 {
		read, culprit, err := c.readBatch(ctx, wanted, s)
		if err == nil {
			return nil
		}
		if culprit == nil || ctx.Err() != nil || !isServerError(err) {
			return fault.FromPostgres(err)
		}
		culprit.fail(err, c.options.Interval)
		wanted = slices.DeleteFunc(slices.Clone(wanted[read:]), func(sec *section) bool { return sec == culprit })
	}
	return nil
}

// readBatch returns how many sections were read, and the one that failed, nil
// where it was none of them.
func (c *PG18StatsCollector) readBatch(ctx context.Context, wanted []*section, s *Snapshot) (read int, culprit *section, err error) {
	schema := ""
	if s.Server != nil {
		schema = s.Server.StatementsSchema
	}
	b := &pgx.Batch{}
	b.Queue(boundSQL, milliseconds(c.options.QueryTimeout))
	texts := make(map[string]*section, len(wanted))
	for _, sec := range wanted {
		var args []any
		if sec.args != nil {
			args = sec.args(c)
		}
		text := sec.query(schema)
		texts[text] = sec
		b.Queue(text, args...)
	}
	results := c.pool.SendBatch(ctx, b)
	defer func() {
		if closeErr := results.Close(); err == nil {
			err = closeErr
		}
	}()
	if _, err := results.Exec(); err != nil {
		// pgx prepares all of them before the first one runs, and says which did not prepare.
		if failed, ok := errors.AsType[pgx.ErrPreprocessingBatch](err); ok {
			return 0, texts[failed.SQL()], err
		}
		return 0, nil, err
	}
	for i, sec := range wanted {
		rows, err := results.Query()
		if err == nil {
			err = sec.read(rows, s)
		}
		if err != nil {
			return i, sec, err
		}
		sec.failed, sec.pause = nil, 0
	}
	return len(wanted), nil, nil
}

func isServerError(err error) bool {
	_, ok := errors.AsType[*pgconn.PgError](err)
	return ok
}

// longestPause bounds how long a failing section is left alone.
const longestPause = 10 * time.Minute

// fail notes a failure and leaves the section alone for twice as long as before.
func (sec *section) fail(err error, interval time.Duration) {
	now := time.Now()
	sec.pause = min(max(2*sec.pause, interval), longestPause)
	since := now
	if sec.failed != nil {
		since = sec.failed.Since
	}
	sec.failed = &FailedSection{Section: sec.name, Reason: reason(err), Since: since, Next: now.Add(sec.pause)}
}

// reason is the server's own message, which for these queries holds no row values.
func reason(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Message + " (SQLSTATE " + pg.Code + ")"
	}
	return fault.FromPostgres(err).Error()
}

func failures(all []*section) []FailedSection {
	failed := []FailedSection{}
	for _, sec := range all {
		if sec.failed != nil {
			failed = append(failed, *sec.failed)
		}
	}
	return slices.Clip(failed)
}
