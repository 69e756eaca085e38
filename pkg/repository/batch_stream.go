package repository

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// A pgx.Batch is encoded to its end before its first byte is sent, so that the
// server waits for the client and then the client for the server. A stream sends
// each chunk as soon as it is encoded, as COPY does, and reads the results of the
// one before while the server works. It also encodes arrays as a whole, where pgx
// asks for each of their elements: from leastStreamed rows on that is worth more
// than the statement, which a stream has parsed and planned every time.

// streamAhead is how many chunks the server may have beyond the one whose result
// is read. Together with MaxBytes it bounds what is in memory and on the wire.
const streamAhead = 2

// leastStreamed is the least rows that are streamed where pgx.Batch would do.
const leastStreamed = 500

// lender is a scope that lends the connection for a stream of one round trip: see
// campaign.Scope.Lend.
type lender interface {
	Lend(ctx context.Context, m database.PlanMode, fn func(ctx context.Context, conn *pgx.Conn, enter *pgx.Batch) error) error
}

// stream is one pipeline of chunks.
type stream struct {
	batch    *Batch
	enter    *pgx.Batch // what is sent first; empty inside a transaction that was begun
	pipeline *pgconn.Pipeline
	trace    streamTrace
	campaign []any // what campaignArgument says
	params   [][]byte
	buf      []byte
	answered bool // what comes before the chunks has been read
	synced   bool // the Sync was sent
}

// streamConn returns the connection over which chunks may be streamed inside a
// transaction, or nil.
func streamConn(q database.Querier) (*pgx.Conn, *pgx.ConnConfig) {
	tx, ok := q.(pgx.Tx)
	if !ok || tx.Conn() == nil {
		return nil, nil
	}
	config := tx.Conn().Config()
	if !speaksExtended(config) {
		return nil, nil
	}
	return tx.Conn(), config
}

// speaksExtended is false where somebody between us and the server does not.
func speaksExtended(config *pgx.ConnConfig) bool {
	return config.DefaultQueryExecMode != pgx.QueryExecModeSimpleProtocol
}

// streamOnce writes the chunks, of so many rows, in one round trip whose implicit
// transaction commits them together. done is false where that is not possible or
// not best.
func (b *Batch) streamOnce(ctx context.Context, rows int, chunks []selection) (done bool, failed int, err error) {
	l, done := b.q.(lender)
	if !done || !b.mayStreamOnce(rows) {
		return false, -1, nil
	}
	failed, err = b.commit(ctx, chunks, func() (failed int, err error) {
		failed = -1
		// Any values have the same plan, and one for its values copies the arrays into itself.
		err = l.Lend(ctx, database.GenericPlan, func(ctx context.Context, conn *pgx.Conn, enter *pgx.Batch) error {
			config := conn.Config()
			if done = speaksExtended(config); !done {
				return nil
			}
			failed, err = b.stream(ctx, conn, config, enter, chunks)
			return err
		})
		return failed, err
	})
	return done, failed, err
}

// mayStreamOnce reports whether so many rows are best streamed in one round trip.
// Not where rows in the way of others are then looked up: for that, more than fits
// one round trip has a transaction.
func (b *Batch) mayStreamOnce(rows int) bool {
	return rows >= leastStreamed && b.conflict != Skip && b.copying == neverCopy
}

// stream writes the chunks and settles their rows. On an error it says which
// chunk failed, or -1, and rows may be settled that were not written. The
// connection can be used afterwards, unless it broke.
func (b *Batch) stream(ctx context.Context, conn *pgx.Conn, config *pgx.ConnConfig, enter *pgx.Batch, chunks []selection) (failed int, err error) {
	s := &stream{batch: b, enter: enter}
	if s.campaign, err = b.campaignArgument(ctx, 0); err != nil {
		return -1, err
	}
	text := b.table.texts[b.conflict]
	ctx = s.trace.start(ctx, conn, config, text, len(chunks))
	s.pipeline = conn.PgConn().StartPipeline(ctx)
	failed, err = s.run(text, chunks)
	err = s.end(err)
	s.trace.end(err)
	return failed, fault.FromPostgres(err)
}

func (s *stream) run(text string, chunks []selection) (failed int, err error) {
	if err := s.sendEntry(); err != nil {
		return -1, err
	}
	// Parsed once and left without a name: nothing stays behind, no migration makes it stale.
	s.pipeline.SendPrepare("", text, s.batch.table.parameterOIDs())
	for i, c := range chunks {
		s.send(c)
		if err := s.pipeline.Flush(); err != nil {
			return -1, err
		}
		if i >= streamAhead {
			if err := s.receive(chunks[i-streamAhead]); err != nil {
				return i - streamAhead, err
			}
		}
	}
	// Before the last results are read, or they would take a round trip more.
	if err := s.sync(); err != nil {
		return -1, err
	}
	for i := max(0, len(chunks)-streamAhead); i < len(chunks); i++ {
		if err := s.receive(chunks[i]); err != nil {
			return i, err
		}
	}
	return -1, nil
}

// sendEntry sends the statements that enter the scope.
func (s *stream) sendEntry() error {
	for _, q := range s.enter.QueuedQueries {
		values := make([][]byte, len(q.Arguments))
		for i, argument := range q.Arguments {
			text, ok := argument.(string)
			if !ok {
				return fault.New(fault.Internal, "the scope is entered with a %T: its arguments must be text", argument)
			}
			values[i] = []byte(text)
		}
		s.pipeline.SendQueryParams(q.SQL, values, nil, nil, nil)
	}
	return nil
}

// receiveEntry reads the answers to sendEntry and to the Parse.
func (s *stream) receiveEntry() error {
	if s.answered {
		return nil
	}
	s.answered = true
	for range s.enter.QueuedQueries {
		results, err := s.pipeline.GetResults()
		if err != nil {
			return err
		}
		if reader, ok := results.(*pgconn.ResultReader); ok {
			if _, err := reader.Close(); err != nil {
				return err
			}
		}
	}
	_, err := s.pipeline.GetResults()
	return err
}

// send encodes a chunk and asks for its result without a point of synchronisation.
func (s *stream) send(c selection) {
	size, from := 0, 0
	for i := range c.n {
		size += int(s.batch.sizes[c.row(i)])
	}
	if size += arrayHeader * len(s.batch.columns); cap(s.buf) < size {
		s.buf = make([]byte, 0, size)
	}
	s.buf, s.params = s.buf[:0], s.params[:0]
	for _, id := range s.campaign {
		s.params = append(s.params, binary.BigEndian.AppendUint64(nil, uint64(id.(int64)))) // two's complement; campaignArgument's own
	}
	for _, column := range s.batch.columns {
		s.buf = column.encode(s.buf, c)
		s.params = append(s.params, s.buf[from:len(s.buf):len(s.buf)])
		from = len(s.buf)
	}
	binaryFormat := []int16{pgtype.BinaryFormatCode}
	s.pipeline.SendQueryPrepared("", s.params, binaryFormat, binaryFormat)
	s.pipeline.SendFlushRequest()
}

// receive reads the result of the oldest chunk on its way.
func (s *stream) receive(c selection) (err error) {
	started, tag := time.Now(), pgconn.CommandTag{}
	defer func() { s.trace.query(started, tag, err) }()
	if err := s.receiveEntry(); err != nil {
		return err
	}
	results, err := s.pipeline.GetResults()
	if err != nil {
		return err
	}
	reader, ok := results.(*pgconn.ResultReader)
	if !ok {
		return fault.New(fault.Internal, "expected the result of a statement, got %T", results)
	}
	b := s.batch
	returns := b.table.returns(b.conflict)
	match := matcher{batch: b, chunk: c}
	for reader.NextRow() {
		if err := match.take(reader.Values(), reader.FieldDescriptions()); err != nil {
			_, _ = reader.Close() // what it says comes after err
			return err
		}
	}
	if tag, err = reader.Close(); err == nil && !returns {
		b.settleAll(c)
	}
	return err
}

// sync ends what is sent. After an error the server skips everything up to it.
func (s *stream) sync() error {
	if s.synced {
		return nil
	}
	s.synced = true
	return s.pipeline.Sync()
}

// end gives the connection back, and hears whether the transaction of the round
// trip, where it is one of its own, has committed.
func (s *stream) end(err error) error {
	syncErr := s.sync()
	closeErr := s.pipeline.Close()
	switch {
	case err != nil:
		return err
	case syncErr != nil:
		return syncErr
	default:
		return closeErr
	}
}

// streamTrace tells the connection's tracer of a stream as pgx does of a batch.
type streamTrace struct {
	tracer pgx.BatchTracer
	ctx    context.Context //nolint:containedctx // the tracer's own, from its start to its end
	conn   *pgx.Conn
	text   string
}

func (t *streamTrace) start(ctx context.Context, conn *pgx.Conn, config *pgx.ConnConfig, text string, n int) context.Context {
	tracer, ok := config.Tracer.(pgx.BatchTracer)
	if !ok {
		return ctx
	}
	batch := &pgx.Batch{}
	for range n {
		batch.Queue(text)
	}
	t.tracer, t.conn, t.text = tracer, conn, text
	t.ctx = tracer.TraceBatchStart(context.WithValue(ctx, streamedKey{}, true), conn, pgx.TraceBatchStartData{Batch: batch})
	return t.ctx
}

func (t *streamTrace) query(started time.Time, tag pgconn.CommandTag, err error) {
	if t.tracer != nil {
		t.tracer.TraceBatchQuery(t.ctx, t.conn, pgx.TraceBatchQueryData{SQL: t.text, CommandTag: tag, Err: err, ReadStartTime: started})
	}
}

func (t *streamTrace) end(err error) {
	if t.tracer != nil {
		t.tracer.TraceBatchEnd(t.ctx, t.conn, pgx.TraceBatchEndData{Err: err})
	}
}

// streamedKey marks a batch that goes past pgx's statement cache.
type streamedKey struct{}
