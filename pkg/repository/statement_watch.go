package repository

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/ovasabi/ovasabi/pkg/database"
)

// pgx tells no one when its statement cache hits, misses or evicts: its
// PrepareTracer does not see what a batch prepares, and a scope is always a
// batch. So the counts are taken from what pgx sends. A Parse with a name is a
// miss, a Bind of a name that was parsed before is a hit, and a Close of a
// statement is an eviction, or an invalidation where an error preceded it.

// statementCounts is shared by all connections of a pool.
type statementCounts struct {
	hits, misses, warmed       atomic.Int64
	evictions, invalidations   atomic.Int64
	stale, flushes, retries    atomic.Int64
	forgotten, connectionsMade atomic.Int64
}

// StatementStats is what happened since the PreparedStatementPool was made.
type StatementStats struct {
	// Hits are executions of a statement that its connection had prepared before.
	Hits int64
	// Misses are statements that had to be prepared when they were wanted.
	Misses int64
	// Warmed are statements that were prepared before anyone wanted them.
	Warmed int64
	// Evictions are statements that left a connection's cache because it was full.
	Evictions int64
	// Invalidations are statements that left a connection's cache after an error
	// or because a migration made plans stale.
	Invalidations int64
	// Stale is how often a statement met a plan that a migration had made stale.
	Stale int64
	// Flushes is how often a connection forgot all its plans because of that.
	Flushes int64
	// Retries is how often a Statement ran again for that.
	Retries int64
	// Forgotten are statements that GetOrPrepare dropped at its bound.
	Forgotten int64
	// Connections is how many connections were made.
	Connections int64
}

// Stats returns the counts so far.
func (p *PreparedStatementPool) Stats() StatementStats {
	c := &p.counts
	return StatementStats{
		Hits: c.hits.Load(), Misses: c.misses.Load(), Warmed: c.warmed.Load(),
		Evictions: c.evictions.Load(), Invalidations: c.invalidations.Load(),
		Stale: c.stale.Load(), Flushes: c.flushes.Load(), Retries: c.retries.Load(),
		Forgotten: c.forgotten.Load(), Connections: c.connectionsMade.Load(),
	}
}

// statementWatch reads what one connection sends. Like the connection it is used
// by one goroutine at a time.
type statementWatch struct {
	to         io.Writer
	counts     *statementCounts
	fresh      map[string]struct{} // parsed and not yet bound
	doomed     map[string]struct{} // an error invalidated them, their Close comes later
	running    string              // the statement under way, or
	batch      *pgx.Batch          // the batch
	warming    bool
	generation int64
}

// Write counts and passes on. pgx writes whole messages; the first has no type.
func (w *statementWatch) Write(message []byte) (int, error) {
	w.scan(message)
	return w.to.Write(message)
}

func (w *statementWatch) scan(b []byte) {
	const header = 5
	for len(b) >= header && b[0] != 0 {
		end := 1 + int(binary.BigEndian.Uint32(b[1:header]))
		if end < header || end > len(b) {
			return
		}
		body := b[header:end]
		switch b[0] {
		case 'P':
			w.parsed(until0(body))
		case 'B':
			if _, after, ok := bytes.Cut(body, []byte{0}); ok {
				w.bound(until0(after))
			}
		case 'C':
			if len(body) > 0 && body[0] == 'S' {
				w.closed(until0(body[1:]))
			}
		}
		b = b[end:]
	}
}

func until0(b []byte) []byte {
	if before, _, ok := bytes.Cut(b, []byte{0}); ok {
		return before
	}
	return nil
}

func (w *statementWatch) parsed(name []byte) {
	switch {
	case len(name) == 0: // unnamed: described or run once, never cached
	case w.warming:
		w.counts.warmed.Add(1)
	default:
		w.counts.misses.Add(1)
		w.fresh[string(name)] = struct{}{}
	}
}

func (w *statementWatch) bound(name []byte) {
	if len(name) == 0 {
		return
	}
	if len(w.fresh) > 0 {
		if _, ok := w.fresh[string(name)]; ok {
			delete(w.fresh, string(name))
			return
		}
	}
	w.counts.hits.Add(1)
}

func (w *statementWatch) closed(name []byte) {
	delete(w.fresh, string(name))
	if _, ok := w.doomed[string(name)]; ok {
		delete(w.doomed, string(name))
		w.counts.invalidations.Add(1)
		return
	}
	w.counts.evictions.Add(1)
}

// setWarming tells a warm-up's Parse from a miss. A nil watch, of a connection
// that another tracer made, counts nothing.
func (w *statementWatch) setWarming(on bool) {
	if w != nil {
		w.warming = on
	}
}

type watchKey struct{}

const watchData = "ovasabi.statement_watch"

func watchOf(conn *pgx.Conn) *statementWatch {
	w, _ := conn.PgConn().CustomData()[watchData].(*statementWatch)
	return w
}

// TraceConnectStart puts the watch between pgx and the connection, and the bound on its cache.
func (p *PreparedStatementPool) TraceConnectStart(ctx context.Context, data pgx.TraceConnectStartData) context.Context {
	w := &statementWatch{counts: &p.counts, fresh: map[string]struct{}{}, doomed: map[string]struct{}{}, generation: p.generation.Load()}
	config := data.ConnConfig
	if config.StatementCacheCapacity > 0 {
		config.StatementCacheCapacity = p.bound
	}
	build := config.BuildFrontend
	config.BuildFrontend = func(r io.Reader, to io.Writer) *pgproto3.Frontend {
		w.to = to
		return build(r, w)
	}
	return context.WithValue(ctx, watchKey{}, w)
}

// TraceConnectEnd ties the watch to its connection.
func (p *PreparedStatementPool) TraceConnectEnd(ctx context.Context, data pgx.TraceConnectEndData) {
	if w, ok := ctx.Value(watchKey{}).(*statementWatch); ok && data.Conn != nil {
		p.counts.connectionsMade.Add(1)
		data.Conn.PgConn().CustomData()[watchData] = w
	}
}

// TraceQueryStart lets a connection forget plans that a migration made stale.
func (p *PreparedStatementPool) TraceQueryStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if w := watchOf(conn); w != nil {
		w.running, w.batch = data.SQL, nil
		p.catchUp(ctx, conn, w)
	}
	return ctx
}

// TraceQueryEnd notices errors, after which pgx drops the statement.
func (p *PreparedStatementPool) TraceQueryEnd(_ context.Context, conn *pgx.Conn, data pgx.TraceQueryEndData) {
	if data.Err != nil {
		p.failed(conn, data.Err)
	}
}

// TraceBatchStart lets a connection forget plans that a migration made stale.
func (p *PreparedStatementPool) TraceBatchStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	if w := watchOf(conn); w != nil {
		w.running, w.batch = "", data.Batch
		if ctx.Value(streamedKey{}) != nil {
			w.batch = &pgx.Batch{} // none of its statements is cached
		}
		p.catchUp(ctx, conn, w)
	}
	return ctx
}

// TraceBatchQuery does nothing: the end of the batch has the error.
func (p *PreparedStatementPool) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {
}

// TraceBatchEnd notices errors, after which pgx drops all statements of the batch.
func (p *PreparedStatementPool) TraceBatchEnd(_ context.Context, conn *pgx.Conn, data pgx.TraceBatchEndData) {
	if data.Err != nil {
		p.failed(conn, data.Err)
	}
}

func (p *PreparedStatementPool) failed(conn *pgx.Conn, err error) {
	if database.IsStalePlan(err) {
		p.counts.stale.Add(1)
		p.generation.Add(1)
	}
	w := watchOf(conn)
	if w == nil {
		return
	}
	// The Closes come with the connection's next statement, so few are ever waited for.
	const most = 100
	if len(w.doomed) > most {
		clear(w.doomed)
	}
	if w.batch == nil {
		w.doomed[cacheName(w.running)] = struct{}{}
		return
	}
	for _, q := range w.batch.QueuedQueries {
		w.doomed[cacheName(q.SQL)] = struct{}{}
	}
	w.batch = nil
}

// catchUp runs before pgx looks into its cache, while the connection is idle.
func (p *PreparedStatementPool) catchUp(ctx context.Context, conn *pgx.Conn, w *statementWatch) {
	now := p.generation.Load()
	if w.generation == now || conn.PgConn().TxStatus() != 'I' {
		return
	}
	// An error shows again in the statement itself: the connection is broken then.
	if conn.DeallocateAll(ctx) == nil {
		w.generation = now
		clear(w.fresh)
		clear(w.doomed)
		p.counts.flushes.Add(1)
	}
}

// cacheName is the name under which pgx prepares a text that it caches.
// Source: pgx v5.12.0, internal/stmtcache.StatementName.
func cacheName(sql string) string {
	digest := sha256.Sum256([]byte(sql))
	return "stmtcache_" + hex.EncodeToString(digest[:24])
}
