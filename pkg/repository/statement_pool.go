package repository

import (
	"context"
	"database/sql/driver"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// PreparedStatementPool looks over the statement caches that pgx keeps, one a
// connection; it keeps no second cache under them. It
//
//   - hands out Statements, which retry the plan that a migration made stale;
//   - prepares named statements on every new connection before it is used;
//   - counts hits, misses, evictions and invalidations as they go over the wire;
//   - makes every connection forget its plans once one of them was found stale,
//     so that a migration costs a caller one retry, not one a connection.
//
// It is given to the database before it is opened, as tracer and as a step after
// connecting, and to the pool afterwards:
//
//	statements, err := NewPreparedStatementPool(WithBound(500))
//	db, err := database.Open(ctx, url, config,
//		database.WithTracer(statements),
//		database.WithAfterConnect(statements.AfterConnect))
//	statements.Use(db.Pool)
//
// It is safe for concurrent use.
type PreparedStatementPool struct {
	counts statementCounts
	bound  int
	log    *slog.Logger

	// generation counts the stale plans that were met; a connection that is behind
	// forgets its plans before its next statement.
	generation atomic.Int64

	pool  atomic.Pointer[pgxpool.Pool]
	known atomic.Pointer[map[string]*Statement] // read without a lock, replaced by writers
	clock atomic.Int64                          // orders the uses of statements

	mu   sync.Mutex
	warm []warmStatement
}

// DefaultStatementBound is also pgx's default capacity of a connection's cache.
const DefaultStatementBound = 512

// StatementPoolOption changes how a PreparedStatementPool works.
type StatementPoolOption func(*PreparedStatementPool) error

// WithBound bounds the statements of one connection's cache, of the warm ones and
// of those that GetOrPrepare remembers: the least used goes first. 1 to 10,000;
// defaults to 512.
func WithBound(n int) StatementPoolOption {
	return func(p *PreparedStatementPool) error {
		if n < 1 || n > 10_000 {
			return fault.Field("WithBound", "must be from 1 to 10000, not %d", n)
		}
		p.bound = n
		return nil
	}
}

// WithStatementLogger takes the log for warm statements that do not prepare. Defaults to slog.Default().
func WithStatementLogger(log *slog.Logger) StatementPoolOption {
	return func(p *PreparedStatementPool) error { p.log = log; return nil }
}

// NewPreparedStatementPool returns a pool of statements that waits for Use.
func NewPreparedStatementPool(opts ...StatementPoolOption) (*PreparedStatementPool, error) {
	p := &PreparedStatementPool{bound: DefaultStatementBound, log: slog.Default()}
	p.known.Store(&map[string]*Statement{})
	for _, opt := range opts {
		if err := opt(p); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Use names the pool on whose connections GetOrPrepare asks the server.
func (p *PreparedStatementPool) Use(pool *pgxpool.Pool) { p.pool.Store(pool) }

// GetOrPrepare returns the statement of a text. At the first sight of it, or
// after it fell out of the bound, the server is asked once to parse it, on any
// connection: a text that does not fit the schema errs here, with the server's
// fault. Each connection prepares the text itself when it first meets it.
func (p *PreparedStatementPool) GetOrPrepare(ctx context.Context, query string) (*Statement, error) {
	if s, ok := (*p.known.Load())[query]; ok {
		// Written only when it changes, so that a hot statement's line stays shared among the cores.
		if now := p.clock.Load(); s.used.Load() != now {
			s.used.Store(now)
		}
		return s, nil
	}
	pool := p.pool.Load()
	if pool == nil {
		return nil, fault.New(fault.Internal, "the statement pool has no connections: call Use with the pool first")
	}
	s := &Statement{pool: p, sql: query}
	err := pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		description, err := conn.Conn().Prepare(ctx, "", query)
		if err != nil {
			return err
		}
		s.parameters = len(description.ParamOIDs)
		for _, f := range description.Fields {
			s.columns = append(s.columns, f.Name)
		}
		return nil
	})
	if err != nil {
		return nil, fault.FromPostgres(err)
	}
	return p.remember(s), nil
}

// remember adds a statement, or returns the one that another caller added first.
func (p *PreparedStatementPool) remember(s *Statement) *Statement {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := *p.known.Load()
	if first, ok := before[s.sql]; ok {
		return first
	}
	s.used.Store(p.clock.Add(1))
	after := make(map[string]*Statement, len(before)+1)
	var oldest *Statement
	for sql, other := range before {
		after[sql] = other
		if oldest == nil || other.used.Load() < oldest.used.Load() {
			oldest = other
		}
	}
	if len(after) >= p.bound {
		delete(after, oldest.sql)
		p.counts.forgotten.Add(1)
	}
	after[s.sql] = s
	p.known.Store(&after)
	return s
}

// Len returns how many statements are remembered.
func (p *PreparedStatementPool) Len() int { return len(*p.known.Load()) }

type warmStatement struct{ name, sql string }

// Warm adds a statement that every connection made from now on prepares before
// it is used: the name is for the log. A Conflict fault says that there is no
// room within the bound, or that the name stands for another text.
func (p *PreparedStatementPool) Warm(name, sql string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.warm {
		if w.name == name && w.sql != sql {
			return fault.New(fault.Conflict, "the warm statement %s stands for another text already", name)
		}
		if w.sql == sql {
			return nil
		}
	}
	if len(p.warm) >= p.bound {
		return fault.New(fault.Conflict, "no more than %d statements can be warm: raise WithBound", p.bound)
	}
	p.warm = append(p.warm, warmStatement{name, sql})
	return nil
}

// refuse is an argument that no type can encode.
type refuse struct{}

var errRefused = errors.New("a warm-up prepares and does not run")

// Value always errs.
func (refuse) Value() (driver.Value, error) { return nil, errRefused }

// AfterConnect prepares the warm statements in one round trip. A statement that
// does not fit the schema is logged and left out: it never refuses the connection.
func (p *PreparedStatementPool) AfterConnect(ctx context.Context, conn *pgx.Conn) error {
	p.mu.Lock()
	warm := slices.Clip(p.warm)
	p.mu.Unlock()
	if len(warm) == 0 || conn.Config().DefaultQueryExecMode != pgx.QueryExecModeCacheStatement {
		return nil
	}
	watch := watchOf(conn)
	watch.setWarming(true)
	defer watch.setWarming(false)
	if p.prepareAll(ctx, conn, warm) == nil {
		return nil
	}
	// One of them does not prepare: find it, keep the others.
	for _, w := range warm {
		if err := p.prepareAll(ctx, conn, []warmStatement{w}); err != nil {
			if ctx.Err() != nil || conn.IsClosed() {
				return fault.FromPostgres(err)
			}
			p.log.LogAttrs(ctx, slog.LevelWarn, "a statement could not be prepared on a new connection; it is prepared when it is used",
				slog.String("statement", w.name), slog.String("code", codeOf(err)))
		}
	}
	return nil
}

// prepareAll fills pgx's own cache without running anything. pgx has no call for
// that, but it prepares all statements of a batch in one round trip before it
// encodes the first argument: an argument that cannot be encoded ends the batch there.
func (p *PreparedStatementPool) prepareAll(ctx context.Context, conn *pgx.Conn, warm []warmStatement) error {
	batch := &pgx.Batch{}
	for _, w := range warm {
		batch.Queue(w.sql, refuse{})
	}
	err := conn.SendBatch(ctx, batch).Close()
	if err == nil {
		return errors.New("a warm-up ran to its end")
	}
	_, stopped := errors.AsType[pgx.ErrPreprocessingBatch](err)
	_, refused := errors.AsType[*pgconn.PgError](err)
	if stopped && !refused && ctx.Err() == nil && !conn.IsClosed() {
		return nil
	}
	return err
}

func codeOf(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}
