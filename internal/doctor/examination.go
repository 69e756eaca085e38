package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// A check looks for one kind of fault. Most are one query that returns severity,
// object, evidence and remedy; the others say how they run.
type check struct {
	id    string // group.name
	finds string // what --list says
	why   string
	link  string
	// needs are rights without which nothing can be seen; with sees a part can be.
	needs, sees []right
	// ours tells that the check is about the platform's schema.
	ours bool
	sql  string
	run  func(ctx context.Context, e *examination, c check) ([]Finding, error)
}

// answersTo reports whether name is the check's id or its group.
func (c check) answersTo(name string) bool {
	return name == c.id || strings.HasPrefix(c.id, name+".")
}

// examination is one run over one connection.
type examination struct {
	conn     *pgx.Conn
	options  Options
	limits   Limits
	facts    facts
	deadline time.Time // after which no further statement is planned
	report   Report
}

// check runs one check, or says why not.
func (e *examination) check(ctx context.Context, c check) error {
	if c.ours && !e.facts.Ours {
		return nil // nothing of it is here, so nothing was missed
	}
	for _, r := range c.needs {
		if !r.has(e.facts) {
			e.notChecked(c.id, "the role "+e.facts.Role+" "+r.lacks, r.grant(e.facts))
			return nil
		}
	}
	run := c.run
	if run == nil {
		run = query
	}
	found, err := run(ctx, e, c)
	if err != nil {
		return e.explain(c, err)
	}
	for _, r := range c.sees {
		if !r.has(e.facts) {
			e.notChecked(c.id, "only a part was seen: the role "+e.facts.Role+" "+r.lacks, r.grant(e.facts))
		}
	}
	e.report.Checked.Checks = append(e.report.Checked.Checks, c.id)
	for _, f := range found {
		f.ID, f.Link = c.id, c.link
		if f.Why == "" {
			f.Why = c.why
		}
		e.report.Findings = append(e.report.Findings, f)
	}
	return nil
}

func (e *examination) notChecked(id, reason, remedy string) {
	e.report.Checked.NotChecked = append(e.report.Checked.NotChecked, NotChecked{ID: id, Reason: reason, Remedy: remedy})
}

// explain tells what is expected of a strange server from what is a defect.
func (e *examination) explain(c check, err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return fmt.Errorf("doctor: %s: %w", c.id, fault.FromPostgres(err))
	}
	switch pg.Code {
	case fault.CodeQueryCanceled:
		e.notChecked(c.id, fmt.Sprintf("it took longer than %s, which no statement may", e.limits.StatementTimeout), "run it alone at a quieter time: ovasabi doctor --only "+c.id)
	case fault.CodeLockNotAvailable:
		e.notChecked(c.id, "a table is locked by somebody who changes it", "run it again later: ovasabi doctor --only "+c.id)
	case fault.CodeInsufficientPriv:
		e.notChecked(c.id, "the role "+e.facts.Role+" may not read what it needs", "GRANT pg_monitor TO "+quote(e.facts.Role)+", or name another role in --database-url")
	default:
		return fmt.Errorf("doctor: %s: %s (SQLSTATE %s): %w", c.id, pg.Message, pg.Code, err)
	}
	return nil
}

// begin opens a transaction in which every statement is short, waits for no lock and finds no table by chance.
func (e *examination) begin(ctx context.Context, mode string, timeout time.Duration) error {
	quiet := ""
	if e.facts.Superuser && e.facts.Statements != "" {
		quiet = "; SET LOCAL pg_stat_statements.track = 'none'" // what we ask is nobody's load
	}
	_, err := e.conn.PgConn().Exec(ctx, fmt.Sprintf(
		"BEGIN %s; SET LOCAL statement_timeout = %d; SET LOCAL lock_timeout = %d; SET LOCAL search_path = ''; SET LOCAL jit = off%s",
		mode, timeout.Milliseconds(), e.limits.LockTimeout.Milliseconds(), quiet)).ReadAll()
	return err
}

func (e *examination) rollback(ctx context.Context) error {
	_, err := e.conn.PgConn().Exec(context.WithoutCancel(ctx), "ROLLBACK").ReadAll()
	return err
}

// within runs fn inside a transaction that is rolled back.
func (e *examination) within(ctx context.Context, mode string, timeout time.Duration, fn func() error) error {
	if err := e.begin(ctx, mode, timeout); err != nil {
		return errors.Join(err, e.rollback(ctx))
	}
	err := fn()
	return errors.Join(err, e.rollback(ctx))
}

const readOnly = "READ ONLY"

// read runs one query in a transaction of its own and returns its rows by position.
func read[T any](ctx context.Context, e *examination, text string, args ...any) (found []T, err error) {
	err = e.within(ctx, readOnly, e.limits.StatementTimeout, func() error {
		found, err = rowsOf[T](ctx, e, text, args...)
		return err
	})
	return found, err
}

// rowsOf runs one query in the transaction that is open.
func rowsOf[T any](ctx context.Context, e *examination, text string, args ...any) ([]T, error) {
	e.report.Checked.Statements++
	rows, err := e.conn.Query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[T])
}

// row is what the SQL of a check returns.
type row struct {
	Severity Severity
	Object   string
	Evidence string
	Remedy   string
}

// query is how a check of one query runs.
func query(ctx context.Context, e *examination, c check) ([]Finding, error) {
	rows, err := read[row](ctx, e, c.sql, e.args())
	if err != nil {
		return nil, err
	}
	found := make([]Finding, len(rows))
	for i, r := range rows {
		found[i] = Finding{Severity: r.Severity, Object: r.Object, Evidence: r.Evidence, Remedy: r.Remedy}
	}
	return found, nil
}

// quote writes a name as SQL takes it, without quotes where it needs none.
func quote(name string) string {
	plain := name != "" && (name[0] < '0' || name[0] > '9')
	for _, r := range name {
		plain = plain && (r == '_' || (r >= 'a' && r <= 'z') || (r >= '0' && r <= '9'))
	}
	if plain {
		return name
	}
	return pgx.Identifier{name}.Sanitize()
}
