package repository

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// oneTripRows and oneTripBytes bound what pgx puts together for one round trip, all
// of it in memory at once. What is larger is streamed.
const (
	oneTripRows  = DefaultStatementRows
	oneTripBytes = DefaultBatchBytes
)

// Execute writes the pending rows.
//
// All or nothing (the default): every pending row is written in one transaction,
// or none is and all stay pending. A row that the server refuses is named in the
// *BatchError; Reject it or Discard the batch, and Execute again. Where q is a
// transaction, a savepoint keeps that transaction usable. It takes one round trip,
// in which 500 rows and more are streamed while the server works. Over 2,000 rows
// or 4 MiB take two more, to begin and to commit, where q is no Scope, where rows
// may be skipped, and where a COPY is asked for.
//
// ChunkByChunk: each chunk commits on its own, over one connection or several (see
// Connections), and refused rows become Rejected. Rows that were not reached
// because the database went away stay pending.
//
// A deadlock, a serialization failure and a plan made stale by a migration are
// tried again, except inside a caller's transaction. When the connection breaks
// or the context ends after the last row was sent, nobody knows whether the rows in
// flight were written: with Skip or Update it is safe to Execute again.
func (b *Batch) Execute(ctx context.Context) error {
	if b.pending == 0 {
		return nil
	}
	if !b.table.spec.Unscoped {
		if _, err := campaign.FromContext(ctx); err != nil {
			return &BatchError{Pending: b.pending, Err: err}
		}
	}
	started := time.Now()
	var err error
	if b.chunked {
		err = b.executeChunks(ctx)
	} else {
		err = b.executeAll(ctx)
	}
	b.inheritIDs()
	b.metrics.batchDone(ctx, b, time.Since(started), err)
	return err
}

// chunks splits a selection as the batch's options say.
func (b *Batch) chunks(s selection) []selection {
	return b.cut(s, b.statementRows())
}

// cut splits a selection by that many rows, and by bytes.
func (b *Batch) cut(s selection, most int) []selection {
	list := make([]selection, 0, s.n/most+1)
	from, bytes := 0, 0
	for i := range s.n {
		size := int(b.sizes[s.row(i)])
		if i > from && (i-from >= most || bytes+size > b.bytes) {
			list = append(list, s.part(from, i-from))
			from, bytes = i, 0
		}
		bytes += size
	}
	return append(list, s.part(from, s.n-from))
}

func (b *Batch) statementRows() int {
	switch {
	case b.rows > 0:
		return b.rows
	case b.chunked:
		return DefaultBatchRows
	default:
		return DefaultStatementRows
	}
}

func (b *Batch) executeChunks(ctx context.Context) error {
	var rejected []*RowError
	// Again where a rejected row had superseded one that is good.
	for rows := b.choose(); rows.n > 0; rows = b.choose() {
		refused, err := b.writeChunks(ctx, rows)
		rejected = append(rejected, refused...)
		if err != nil {
			return chunksError(rejected, b.pending, err)
		}
	}
	if rejected != nil {
		return chunksError(rejected, b.pending, nil)
	}
	return nil
}

func chunksError(rejected []*RowError, pending int, err error) error {
	slices.SortFunc(rejected, func(a, z *RowError) int { return a.Row - z.Row })
	return &BatchError{Rows: rejected, Pending: pending, Err: err}
}

// writeChunk commits a chunk; where the server refuses it for its data, the
// halves, until the refused rows stand alone.
func (b *Batch) writeChunk(ctx context.Context, chunk selection, rejected *[]*RowError) error {
	done, _, err := b.streamOnce(ctx, chunk.n, []selection{chunk})
	if !done {
		_, err = b.commitOneTrip(ctx, []selection{chunk})
	}
	switch {
	case err == nil || !isDataError(err):
		return err
	case chunk.n == 1:
		row := chunk.row(0)
		b.settle(row, Rejected, 0)
		*rejected = append(*rejected, rowError(row, b.columnOf(ctx, b.q, row, err), err))
		return nil
	}
	half := chunk.n / 2
	if err := b.writeChunk(ctx, chunk.part(0, half), rejected); err != nil {
		return err
	}
	return b.writeChunk(ctx, chunk.part(half, chunk.n-half), rejected)
}

func (b *Batch) executeAll(ctx context.Context) error {
	rows := b.choose()
	chunks := b.chunks(rows)
	failed, err := b.commitAll(ctx, rows, chunks)
	if err == nil {
		return nil
	}
	if isDataError(err) && failed >= 0 {
		if found := b.locate(ctx, chunks, failed); found != nil {
			return &BatchError{Rows: []*RowError{found}, Pending: b.pending}
		}
	}
	return &BatchError{Pending: b.pending, Err: err}
}

// commitAll writes all chunks in one transaction: the implicit one of a single
// round trip where they can be streamed in it or fit it, else one of its own.
func (b *Batch) commitAll(ctx context.Context, rows selection, chunks []selection) (failed int, err error) {
	if done, failed, err := b.streamOnce(ctx, rows.n, chunks); done {
		return failed, err
	}
	if tx, ok := b.q.(pgx.Tx); ok {
		err = database.Savepoint(ctx, tx, func(ctx context.Context, tx pgx.Tx) error {
			failed, err = b.writeAll(ctx, tx, chunks)
			return err
		})
	} else if b.fitOneTrip(chunks) {
		return b.commitOneTrip(ctx, chunks)
	} else {
		err = inTx(ctx, b.q, database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
			b.reset(rows) // a transaction that met another one runs again
			failed, err = b.writeAll(ctx, tx, chunks)
			return err
		})
	}
	if err != nil {
		b.reset(rows)
	}
	return failed, err
}

// fitOneTrip reports whether the chunks go in one round trip: one does always.
func (b *Batch) fitOneTrip(chunks []selection) bool {
	rows, bytes := 0, 0
	for _, c := range chunks {
		rows += c.n
		for i := range c.n {
			bytes += int(b.sizes[c.row(i)])
		}
	}
	return len(chunks) <= 1 || rows <= oneTripRows && bytes <= oneTripBytes
}

// writeAll writes chunks inside a transaction.
func (b *Batch) writeAll(ctx context.Context, tx pgx.Tx, chunks []selection) (failed int, err error) {
	if b.fitOneTrip(chunks) {
		return b.write(ctx, tx, chunks)
	}
	copies, err := b.mayCopy(ctx, tx)
	if err != nil {
		return -1, err
	}
	if conn, config := streamConn(tx); conn != nil && !copies {
		failed, err = b.stream(ctx, conn, config, &pgx.Batch{}, chunks)
		if err == nil && b.conflict == Skip {
			err = b.findSkipped(ctx, tx, chunks)
		}
		return failed, err
	}
	for i, c := range chunks {
		if failed, err := b.write(ctx, tx, []selection{c}); err != nil {
			if failed == 0 {
				failed = i
			}
			return failed, err
		}
	}
	return -1, nil
}

// commitOneTrip writes chunks in one transaction and one round trip.
func (b *Batch) commitOneTrip(ctx context.Context, chunks []selection) (int, error) {
	tx, inside := b.q.(pgx.Tx)
	return b.commit(ctx, chunks, func() (failed int, err error) {
		if !inside {
			return b.write(ctx, b.q, chunks)
		}
		// Chunk by chunk in a caller's transaction: a chunk that fails must not end it.
		err = database.Savepoint(ctx, tx, func(ctx context.Context, tx pgx.Tx) error {
			failed, err = b.write(ctx, tx, chunks)
			return err
		})
		return failed, err
	})
}

// commit has chunks written in one transaction, and tries again where that met
// another one or a migration.
func (b *Batch) commit(ctx context.Context, chunks []selection, write func() (failed int, err error)) (failed int, err error) {
	const attempts = 5
	_, inside := b.q.(pgx.Tx)
	b.anew = ""
	for attempt := 1; ; attempt++ {
		if failed, err = write(); err == nil {
			return -1, nil
		}
		for _, c := range chunks {
			b.reset(c)
		}
		if inside || attempt == attempts {
			return failed, err
		}
		if anew, stale := database.Replan("", err, attempt); stale {
			b.anew = anew
			continue
		}
		if !database.IsRetryable(err) {
			return failed, err
		}
		if pauseErr := database.Pause(ctx, attempt); pauseErr != nil {
			return failed, fault.FromPostgres(pauseErr)
		}
	}
}

func (b *Batch) reset(s selection) {
	for i := range s.n {
		row := s.row(i)
		if b.outcomes[row] != Pending {
			b.settle(row, Pending, 0)
		}
	}
}

// inTx runs fn in a transaction of whatever kind q can begin.
func inTx(ctx context.Context, q database.Querier, o database.TxOptions, fn func(ctx context.Context, tx pgx.Tx) error) error {
	switch q := q.(type) {
	case interface {
		InTx(context.Context, database.TxOptions, func(context.Context, pgx.Tx) error) error
	}:
		return q.InTx(ctx, o, fn)
	case database.Beginner:
		return database.InTx(ctx, q, o, fn)
	case pgx.Tx:
		return database.Savepoint(ctx, q, fn)
	default:
		return fault.New(fault.Internal, "%T cannot begin a transaction: give a pool, a scope or a transaction", q)
	}
}

// isDataError reports whether the rows themselves are at fault: cardinality
// (21), data (22), constraints (23) and values over a limit (54).
func isDataError(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || len(pg.Code) != 5 {
		return false
	}
	switch pg.Code[:2] {
	case "21", "22", "23", "54":
		return true
	default:
		return false
	}
}
