package campaign

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Scope runs SQL inside the campaign of the context. It is a database.Querier,
// so a repository takes it like a pool; every call asks the context for its
// campaign first and returns a NoCampaign fault, without any SQL, when there is none.
//
// One call is one round trip: the statement and what scopes it travel together.
// Errors are faults. A Scope is safe for concurrent use.
type Scope struct {
	pool         *pgxpool.Pool
	engine       Engine
	admission    *Admission
	transactions *database.TxCounters
	crossingRole string
	planMode     database.PlanMode
	planned      *[len(planModeSQL)]*Scope // this one in every mode
}

var (
	_ database.Querier   = (*Scope)(nil)
	_ database.PlanModer = (*Scope)(nil)
)

// ScopeOption changes how a Scope works.
type ScopeOption func(*Scope)

// WithEngine takes another way to make the scope. Defaults to PostgreSQL{}.
func WithEngine(e Engine) ScopeOption { return func(s *Scope) { s.engine = e } }

// WithAdmission bounds what each campaign may have running. Without it only the pool bounds.
func WithAdmission(a *Admission) ScopeOption { return func(s *Scope) { s.admission = a } }

// WithTxCounters counts the scope's transactions in c, such as DB.Transactions.
func WithTxCounters(c *database.TxCounters) ScopeOption {
	return func(s *Scope) { s.transactions = c }
}

// WithCrossingRole names the role that AcrossCampaigns enters. Defaults to "ovasabi_crossing".
func WithCrossingRole(role string) ScopeOption { return func(s *Scope) { s.crossingRole = role } }

// NewScope returns a scope over a pool whose role is subject to row-level
// security; CheckGuard proves that it is.
func NewScope(pool *pgxpool.Pool, opts ...ScopeOption) *Scope {
	s := &Scope{pool: pool, engine: PostgreSQL{}, crossingRole: "ovasabi_crossing"}
	for _, opt := range opts {
		opt(s)
	}
	s.planned = new([len(planModeSQL)]*Scope)
	for mode := range s.planned {
		own := *s
		own.planMode = database.PlanMode(mode)
		s.planned[mode] = &own
	}
	s.planned[s.planMode] = s
	return s
}

// WithPlanMode returns the scope whose calls have the server run prepared
// statements by these plans. Its transactions are like every other.
func (s *Scope) WithPlanMode(m database.PlanMode) database.Querier { return s.planned[m] }

// Query runs one statement that returns rows. The rows hold a connection until
// they are closed or read to their end.
//
// A plan that a migration made stale is planned anew, unseen by the caller.
func (s *Scope) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	r, err := s.query(ctx, manner{}, sql, args)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// QueryRow runs one statement and reads its first row; Scan returns a NotFound fault when there is none.
func (s *Scope) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	r, err := s.query(ctx, manner{}, sql, args)
	if err != nil {
		return failedRow{err}
	}
	return (*scopedRow)(r)
}

// Exec runs one statement for its effect.
func (s *Scope) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	r, err := s.query(ctx, manner{}, sql, args)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	r.Close()
	return r.CommandTag(), r.Err()
}

// SendBatch runs all statements of b in one round trip and one implicit
// transaction, inside the campaign: when one fails, none has had an effect.
func (s *Scope) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	if pgx.FailedBatchResults(b, nil).Tx() != nil {
		return pgx.FailedBatchResults(b, fault.New(fault.Internal, "a batch that begins a transaction cannot be scoped: use InTx"))
	}
	lease, err := s.enter(ctx, manner{})
	if err != nil {
		return pgx.FailedBatchResults(b, err)
	}
	scoped := &pgx.Batch{QueuedQueries: make([]*pgx.QueuedQuery, 0, 1+b.Len())}
	s.engine.Enter(scoped, lease.id, lease.entry)
	scoped.QueuedQueries = append(scoped.QueuedQueries, b.QueuedQueries...)
	results := lease.conn.SendBatch(ctx, scoped)
	if _, err := results.Exec(); err != nil {
		err = fault.FromPostgres(errors.Join(err, results.Close()))
		lease.end()
		return pgx.FailedBatchResults(b, err)
	}
	return &scopedBatch{BatchResults: results, lease: lease}
}

// InTx runs fn in a transaction inside the campaign, begun and scoped in one
// round trip, and retries it as database.InTx says. The campaign holds one place
// in its share for as long as the transaction lasts.
func (s *Scope) InTx(ctx context.Context, o database.TxOptions, fn func(ctx context.Context, tx pgx.Tx) error) error {
	id, err := FromContext(ctx)
	if err != nil {
		return err
	}
	admitted, err := s.admit(ctx, id, manner{})
	if err != nil {
		return err
	}
	defer admitted.release()
	if o.Counters == nil {
		o.Counters = s.transactions
	}
	return database.InTx(ctx, scopedBeginner{s, id, admitted.limits.StatementTimeout}, o, fn)
}

// lease is a connection that one scoped call holds, with its place in the campaign's share.
type lease struct {
	id       ID
	entry    Entry
	conn     *pgxpool.Conn
	admitted ticket
	lane     *lane // of the pipeline that hears of the end, or nil
}

func (l *lease) end() {
	if l.conn != nil {
		l.conn.Release()
		l.conn = nil
		l.admitted.release()
		if l.lane != nil {
			l.lane.next()
		}
	}
}

// manner is how a call enters its scope.
type manner struct {
	readOnly bool // the server shall refuse to write
	paced    int  // calls that have waited for the campaign's rate already; 0: this one has not
}

func (s *Scope) enter(ctx context.Context, m manner) (lease, error) {
	id, err := FromContext(ctx)
	if err != nil {
		return lease{}, err
	}
	admitted, err := s.admit(ctx, id, m)
	if err != nil {
		return lease{}, err
	}
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		admitted.release()
		return lease{}, fault.FromPostgres(err)
	}
	return lease{
		id: id, conn: conn, admitted: admitted,
		entry: Entry{Timeout: admitted.limits.StatementTimeout, ReadOnly: m.readOnly, PlanMode: s.planMode},
	}, nil
}

func (s *Scope) admit(ctx context.Context, id ID, m manner) (ticket, error) {
	switch {
	case s.admission == nil:
		return ticket{}, nil
	case m.paced > 0:
		return s.admission.admitPaced(ctx, id, m.paced)
	default:
		return s.admission.admit(ctx, id)
	}
}

func (s *Scope) query(ctx context.Context, m manner, sql string, args []any) (*scopedRows, error) {
	text := sql
	for attempt := 1; ; attempt++ {
		r, err := s.queryOnce(ctx, m, text, args)
		if err == nil {
			return r, nil
		}
		anew, again := database.Replan(sql, err, attempt)
		if !again {
			return nil, err
		}
		text = anew
	}
}

func (s *Scope) queryOnce(ctx context.Context, m manner, sql string, args []any) (*scopedRows, error) {
	lease, err := s.enter(ctx, m)
	if err != nil {
		return nil, err
	}
	r := &scopedRows{lease: lease}
	defer func() { // an error, or an argument whose encoding panicked
		if r.results == nil {
			r.lease.end()
		}
	}()
	b := &pgx.Batch{QueuedQueries: r.queries[:0]}
	s.engine.Enter(b, lease.id, lease.entry)
	b.Queue(sql, args...)
	results := lease.conn.SendBatch(ctx, b)
	_, err = results.Exec()
	if err == nil {
		var rows pgx.Rows
		// An error of planning comes here, before any row was handed out.
		if rows, err = results.Query(); err == nil {
			r.Rows, r.results = rows, results
			return r, nil
		}
	}
	_ = results.Close() // says again what err says
	return nil, fault.FromPostgres(err)
}

func milliseconds(d time.Duration) string {
	return strconv.FormatInt(max(d.Milliseconds(), 1), 10) + "ms"
}
