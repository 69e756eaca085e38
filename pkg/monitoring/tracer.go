package monitoring

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Tracer measures every statement of a pool in this process, for the campaign of
// its context and under its name, and keeps those that are slow. Give it to
// database.WithTracer. It keeps a bounded number of everything and is safe for
// concurrent use.
type Tracer struct {
	threshold time.Duration
	names     names
	campaigns campaignTable
	queries   queryTable
	slow      slowTable
	sessions  sync.Map // backend pid (uint32) → *session

	commits, rollbacks atomic.Int64
	lockFailures       atomic.Int64
	deadlocks          atomic.Int64
	serialization      atomic.Int64
	canceled           atomic.Int64
}

// NewTracer returns a tracer that calls a statement slow from the threshold on,
// such as PG18Config.SlowQueryThreshold. A threshold of 0 keeps none.
func NewTracer(threshold time.Duration) *Tracer {
	return &Tracer{threshold: threshold}
}

var (
	_ pgx.QueryTracer       = (*Tracer)(nil)
	_ pgx.BatchTracer       = (*Tracer)(nil)
	_ pgx.CopyFromTracer    = (*Tracer)(nil)
	_ pgxpool.AcquireTracer = (*Tracer)(nil)
	_ pgxpool.ReleaseTracer = (*Tracer)(nil)
)

// session is a connection that this process has taken from its pool.
type session struct {
	mu        sync.Mutex
	campaign  campaign.ID
	query     queryKey
	waited    time.Duration // for the connection; of the first call on it only
	lockSince time.Time     // of a wait for a lock that was seen while the statement ran
	lockSeen  time.Time
}

// call is one statement, or one batch, on its way.
type call struct {
	start    time.Time
	campaign campaign.ID
	key      queryKey
	sql      string
	own      int // statements of a batch besides the one that scopes it
	tag      pgconn.CommandTag
	session  *session
}

type callKey struct{}

type acquireKey struct{}

// TraceAcquireStart notes when a connection was asked for.
func (t *Tracer) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	return context.WithValue(ctx, acquireKey{}, time.Now())
}

// TraceAcquireEnd counts how long it took.
func (t *Tracer) TraceAcquireEnd(ctx context.Context, _ *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	start, ok := ctx.Value(acquireKey{}).(time.Time)
	if !ok {
		return
	}
	id, _ := campaign.FromContext(ctx) // without a campaign it is counted for none
	waited := time.Since(start)
	t.campaigns.waited(id, waited)
	if data.Err == nil && data.Conn != nil {
		t.sessions.Store(data.Conn.PgConn().PID(), &session{campaign: id, waited: waited})
	}
}

// TraceRelease forgets the connection.
func (t *Tracer) TraceRelease(_ *pgxpool.Pool, data pgxpool.TraceReleaseData) {
	t.sessions.Delete(data.Conn.PgConn().PID())
}

func (t *Tracer) begin(ctx context.Context, conn *pgx.Conn, sql string) *call {
	c := &call{start: time.Now(), sql: sql, key: t.names.of(ctx, sql)}
	c.campaign, _ = campaign.FromContext(ctx) // without a campaign it is counted for none
	if v, ok := t.sessions.Load(conn.PgConn().PID()); ok {
		c.session = v.(*session) //nolint:forcetypeassert // only sessions are put in
		c.session.mu.Lock()
		if c.campaign.Valid() {
			c.session.campaign = c.campaign
		}
		c.session.query = c.key
		c.session.lockSince, c.session.lockSeen = time.Time{}, time.Time{}
		c.session.mu.Unlock()
	}
	return c
}

// TraceQueryStart begins a statement.
func (t *Tracer) TraceQueryStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	return context.WithValue(ctx, callKey{}, t.begin(ctx, conn, data.SQL))
}

// TraceQueryEnd ends it, once its rows are read or closed.
func (t *Tracer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		t.end(c, time.Since(c.start), data.CommandTag, data.Err)
	}
}

// scopes tells whether a statement of a batch only makes the campaign's scope.
func scopes(sql string) bool { return strings.HasPrefix(sql, "SELECT set_config('"+campaign.Setting) }

// TraceBatchStart begins a batch, which is named after its first statement of its own.
func (t *Tracer) TraceBatchStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	var first string
	own := 0
	for _, q := range data.Batch.QueuedQueries {
		if scopes(q.SQL) {
			continue
		}
		if own == 0 {
			first = q.SQL
		}
		own++
	}
	c := t.begin(ctx, conn, first)
	c.own = own
	return context.WithValue(ctx, callKey{}, c)
}

// TraceBatchQuery ends one statement of a batch. Of several, each lasts for as long as its own result was read.
func (t *Tracer) TraceBatchQuery(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok || scopes(data.SQL) {
		return
	}
	if c.own == 1 {
		c.tag = data.CommandTag
		return
	}
	each := *c
	each.sql, each.key = data.SQL, t.names.of(ctx, data.SQL)
	t.end(&each, time.Since(data.ReadStartTime), data.CommandTag, data.Err)
}

// TraceBatchEnd ends a batch of one statement; those of several have ended before.
func (t *Tracer) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchEndData) {
	if c, ok := ctx.Value(callKey{}).(*call); ok && (c.own == 1 || data.Err != nil && c.own == 0) {
		t.end(c, time.Since(c.start), c.tag, data.Err)
	}
}

// TraceCopyFromStart begins a COPY.
func (t *Tracer) TraceCopyFromStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceCopyFromStartData) context.Context {
	return context.WithValue(ctx, callKey{}, t.begin(ctx, conn, "COPY INTO "+data.TableName.Sanitize()))
}

// TraceCopyFromEnd ends it.
func (t *Tracer) TraceCopyFromEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceCopyFromEndData) {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		t.end(c, time.Since(c.start), data.CommandTag, data.Err)
	}
}

// end counts a statement.
func (t *Tracer) end(c *call, took time.Duration, tag pgconn.CommandTag, err error) {
	t.countTransaction(c.sql, err)
	t.countError(err)
	rows := tag.RowsAffected()
	t.campaigns.add(c.campaign, c.key.side, took, rows, err != nil)
	t.queries.add(c.key, took, rows, err != nil)
	if t.threshold > 0 && took >= t.threshold {
		t.slow.add(c, took, rows, err)
	}
}

func (t *Tracer) countTransaction(sql string, err error) {
	if err != nil || len(sql) > len("rollback") {
		return
	}
	switch strings.ToLower(sql) {
	case "commit":
		t.commits.Add(1)
	case "rollback":
		t.rollbacks.Add(1)
	}
}

// codeLockNotAvailable is what NOWAIT and lock_timeout answer, codeQueryCanceled statement_timeout and a cancel.
const (
	codeLockNotAvailable = "55P03"
	codeQueryCanceled    = "57014"
)

func (t *Tracer) countError(err error) {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return
	}
	switch pg.Code {
	case codeLockNotAvailable:
		t.lockFailures.Add(1)
	case fault.CodeDeadlockDetected:
		t.deadlocks.Add(1)
	case fault.CodeSerializationFailure:
		t.serialization.Add(1)
	case codeQueryCanceled:
		t.canceled.Add(1)
	}
}

// session tells which campaign a backend works for, where it is one of this process's.
func (t *Tracer) session(pid int32) (id int64, query string) {
	v, ok := t.sessions.Load(uint32(pid))
	if !ok {
		return 0, ""
	}
	s := v.(*session) //nolint:forcetypeassert // only sessions are put in
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.campaign.Int64(), s.query.name
}

// sawWait notes that a backend was seen waiting for a lock.
func (t *Tracer) sawWait(pid int32, since, at time.Time) {
	v, ok := t.sessions.Load(uint32(pid))
	if !ok {
		return
	}
	s := v.(*session) //nolint:forcetypeassert // only sessions are put in
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lockSince, s.lockSeen = since, at
}

// Threshold is the duration from which a statement is called slow.
func (t *Tracer) Threshold() time.Duration { return t.threshold }
