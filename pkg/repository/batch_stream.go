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
// one before while the server works.

// streamAhead is how many chunks the server may have beyond the one whose result
// is read. Together with MaxBytes it bounds what is in memory and on the wire.
const streamAhead = 2

// stream is one pipeline of chunks inside a transaction.
type stream struct {
	batch    *Batch
	pipeline *pgconn.Pipeline
	trace    streamTrace
	campaign []any // what campaignArgument says
	params   [][]byte
	buf      []byte
	prepared bool // the answer to the Parse has been read
}

// streamConn returns the connection over which chunks may be streamed, or nil.
func streamConn(q database.Querier) (*pgx.Conn, *pgx.ConnConfig) {
	tx, ok := q.(pgx.Tx)
	if !ok || tx.Conn() == nil {
		return nil, nil
	}
	config := tx.Conn().Config()
	if config.DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol {
		return nil, nil // somebody between us and the server does not speak the other one
	}
	return tx.Conn(), config
}

// stream writes the chunks and settles their rows. On an error it says which
// chunk failed, or -1, and rows may be settled that were not written. The
// connection can be used afterwards, unless it broke.
func (b *Batch) stream(ctx context.Context, conn *pgx.Conn, config *pgx.ConnConfig, chunks []selection) (failed int, err error) {
	s := &stream{batch: b}
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
	for i := max(0, len(chunks)-streamAhead); i < len(chunks); i++ {
		if err := s.receive(chunks[i]); err != nil {
			return i, err
		}
	}
	return -1, nil
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
	if !s.prepared {
		s.prepared = true
		if _, err := s.pipeline.GetResults(); err != nil {
			return err
		}
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

// end gives the connection back to the transaction. After an error the server
// skips everything up to the Sync.
func (s *stream) end(err error) error {
	syncErr := s.pipeline.Sync()
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
