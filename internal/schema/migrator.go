package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// versionTable is where goose keeps what was applied.
const versionTable = "ovasabi.schema_version"

// Options shape a migrator. The zero value of a field takes its default.
type Options struct {
	// LockTimeout is how long one statement may wait for a lock, and so how long it
	// may hold up the readers and writers behind it. Defaults to 500ms.
	LockTimeout time.Duration
	// Patience is how long a migration is tried again, and how long another
	// migrator is waited for. Defaults to 10m.
	Patience time.Duration
	// DropData allows `down` to phase 0 while there are campaigns.
	DropData bool
	// Partitions of service_event by hash of campaign_id, 1 to 1024; 0 leaves the table
	// plain. nil keeps what the database has, and takes DefaultPartitions at first.
	Partitions *int
	// Progress hears each step in a line for a person, one at a time. May be nil.
	Progress func(line string)
	// Log defaults to one that discards.
	Log *slog.Logger

	// dial opens the connections, when it is not nil. Tests cut them with it.
	dial pgconn.DialFunc
	// smallTable is another one than the constant of that name.
	smallTable *int64
	// checkpoint is called between any two steps, one at a time; its error ends the run
	// there. Tests end a migrator with it where a kill might.
	checkpoint func(name string) error
}

func (o Options) withDefaults() Options {
	if o.LockTimeout == 0 {
		o.LockTimeout = 500 * time.Millisecond
	}
	if o.Patience == 0 {
		o.Patience = 10 * time.Minute
	}
	var one sync.Mutex
	progress, checkpoint := o.Progress, o.checkpoint
	o.Progress = func(line string) {
		if progress != nil {
			one.Lock()
			defer one.Unlock()
			progress(line)
		}
	}
	o.checkpoint = func(name string) error {
		if checkpoint == nil {
			return nil
		}
		one.Lock()
		defer one.Unlock()
		return checkpoint(name)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Migrator applies and reverts phases on one database, as its owner. It needs a
// direct connection: its lock lasts for a session. Not safe for concurrent use.
type Migrator struct {
	o      Options
	config *pgx.ConnConfig
	db     *sql.DB
	atWork bool // under the lock, by which others know
}

// Open checks the URL and returns a migrator; it connects with the first call. The caller closes it.
func Open(ownerURL string, o Options) (*Migrator, error) {
	o = o.withDefaults()
	config, err := pgx.ParseConfig(ownerURL)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Invalid, Field: "database-url", Message: "must be a PostgreSQL URL such as postgres://owner:password@host:5432/database", Err: err}
	}
	params := config.RuntimeParams
	params["application_name"] = "ovasabi migrate"
	params["lock_timeout"] = strconv.FormatInt(o.LockTimeout.Milliseconds(), 10)
	params["statement_timeout"] = "0"
	params["search_path"] = ""
	if o.dial != nil {
		config.DialFunc = o.dial
	}
	// Notices of IF EXISTS are noise; warnings are for the operator.
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if n.Severity == "WARNING" {
			o.Progress("warning: " + n.Message)
			o.Log.Warn("migration", slog.String("warning", n.Message))
		}
	}
	return &Migrator{o: o, config: config, db: stdlib.OpenDB(*config)}, nil
}

func (m *Migrator) checkpoint(ctx context.Context, name string) error {
	if err := m.o.checkpoint(name); err != nil {
		return err
	}
	return fault.FromPostgres(ctx.Err())
}

// Close gives the connections back.
func (m *Migrator) Close() error { return m.db.Close() }

// Up applies every migration up to and with the phase. What is applied already is left alone.
func (m *Migrator) Up(ctx context.Context, to Phase) error {
	return m.underLock(ctx, func(ctx context.Context, w *Migrator) error {
		if err := w.ensureSchema(ctx); err != nil {
			return err
		}
		applied, err := w.applied(ctx)
		if err != nil {
			return err
		}
		return w.apply(ctx, pendingUp(applied, to), true)
	})
}

// Down reverts every migration above the phase, newest first. To phase 0 it drops
// the tables with their rows, and asks for Options.DropData when there are any.
func (m *Migrator) Down(ctx context.Context, to Phase) error {
	return m.underLock(ctx, func(ctx context.Context, w *Migrator) error {
		if err := w.checkOurs(ctx); err != nil {
			return err
		}
		applied, err := w.applied(ctx)
		if err != nil {
			return err
		}
		if to == Empty {
			if err := w.checkDropData(ctx, applied); err != nil {
				return err
			}
		}
		if err := w.apply(ctx, pendingDown(applied, to), false); err != nil {
			return err
		}
		if to == Empty {
			return w.dropSchema(ctx)
		}
		return nil
	})
}

func pendingUp(applied []int64, to Phase) []migration {
	var pending []migration
	for _, m := range migrations() {
		if m.version <= to.lastVersion() && !slices.Contains(applied, m.version) {
			pending = append(pending, m)
		}
	}
	return pending
}

func pendingDown(applied []int64, to Phase) []migration {
	var pending []migration
	for _, m := range slices.Backward(migrations()) {
		if m.version > to.lastVersion() && slices.Contains(applied, m.version) {
			pending = append(pending, m)
		}
	}
	return pending
}

// apply runs the steps one by one and records the objects that stand at the end,
// so that a later change by hand can be told from a migration's.
func (m *Migrator) apply(ctx context.Context, pending []migration, up bool) error {
	provider, err := m.provider()
	if err != nil {
		return err
	}
	if err := m.endLeftMove(ctx, func(s moveState) bool { return !m.goesOn(s, pending, up) }); err != nil {
		return err
	}
	byHand, err := m.changedByHand(ctx)
	if err != nil {
		return err
	}
	verb := "apply"
	if !up {
		verb = "revert"
	}
	for i, step := range pending {
		if err := m.checkpoint(ctx, step.name); err != nil {
			return err
		}
		m.o.Progress(fmt.Sprintf("%s %s (%d of %d)", verb, step.name, i+1, len(pending)))
		err := m.retry(ctx, step.name, func() error { return m.applyStep(ctx, provider, step, up) })
		if err != nil {
			return fmt.Errorf("%s %s: %w", verb, step.name, err)
		}
	}
	applied, err := m.applied(ctx)
	if err != nil || len(applied) == 0 {
		return err
	}
	moved := false
	if up {
		if moved, err = m.repartition(ctx, applied); err != nil {
			return err
		}
	}
	if err := m.endLeftMove(ctx, anyMove); err != nil {
		return err
	}
	if err := m.repairIndexes(ctx); err != nil {
		return err
	}
	if up {
		if err := m.renewEmptyKeys(ctx); err != nil {
			return err
		}
	}
	if err := m.checkpoint(ctx, "record"); err != nil {
		return err
	}
	if len(pending) == 0 && !moved {
		if same, err := m.recorded(ctx, applied); err != nil || same {
			return err
		}
	}
	return m.record(ctx, applied, byHand)
}

// applyStep runs one migration, in one direction.
func (m *Migrator) applyStep(ctx context.Context, provider *goose.Provider, step migration, up bool) error {
	if k, _ := step.kind(); k == afterCallers && !up {
		if err := m.awaitCallers(ctx, step); err != nil {
			return err
		}
	}
	_, err := provider.ApplyVersion(ctx, step.version, up)
	if errors.Is(err, goose.ErrAlreadyApplied) {
		return nil
	}
	return err
}

// changedByHand tells, before a run, what is not as the last run left it; the
// record keeps those as they were. After a run that was cut short nothing can be told.
func (m *Migrator) changedByHand(ctx context.Context) ([]Drift, error) {
	applied, err := m.applied(ctx)
	if err != nil || len(applied) == 0 {
		return nil, err
	}
	if same, err := m.recorded(ctx, applied); err != nil || !same {
		return nil, err
	}
	return m.drift(ctx)
}

// retry runs a step until it no longer meets somebody else: a lock that is held,
// a deadlock, or another database's migration that writes the same shared role.
func (m *Migrator) retry(ctx context.Context, name string, fn func() error) error {
	deadline := time.Now().Add(m.o.Patience)
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		err := fn()
		if err == nil {
			return nil
		}
		if !isPassing(err) {
			return migrationFault(err)
		}
		if time.Now().Add(pause).After(deadline) {
			return fault.New(fault.Unavailable, "gave up after %s: a lock that it needs is held by others; end the long transactions on this table, or run it again at a quieter time: %w", m.o.Patience, err)
		}
		m.o.Progress(fmt.Sprintf("%s: a lock is held by others, trying again", name))
		if err := wait(ctx, pause); err != nil {
			return err
		}
	}
}

// isPassing reports whether the same statement may succeed later, unchanged.
func isPassing(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	const internalError = "XX000"
	switch pg.Code {
	case fault.CodeLockNotAvailable, fault.CodeDeadlockDetected, fault.CodeSerializationFailure:
		return true
	case internalError:
		return pg.Message == "tuple concurrently updated" || pg.Message == "tuple concurrently deleted"
	default:
		return false
	}
}

// codeOf is the SQLSTATE of an error that the server told, or "".
func codeOf(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}

// migrationFault keeps the server's own words: they are for the operator, and DDL quotes no rows.
func migrationFault(err error) error {
	if err == nil {
		return nil
	}
	f := fault.FromPostgres(err)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return &fault.Error{Kind: fault.KindOf(f), Code: pg.Code, Message: pg.Message + " (SQLSTATE " + pg.Code + ")", Err: err}
	}
	return f
}
