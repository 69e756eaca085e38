package campaign

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// trip is one round trip that several reads of a campaign share.
type trip struct {
	lane     *lane
	reads    []*read
	answered atomic.Int64
	gone     int                // reads that wait no more; Pipeline.mu guards it and cancel
	cancel   context.CancelFunc // nil before the trip has begun
}

// leave counts one who waits no more; the last one ends the trip. p.mu is held.
func (t *trip) leave() {
	if t.gone++; t.gone == len(t.reads) && t.cancel != nil {
		t.cancel()
	}
}

// run makes the trip and answers every read of it. A statement that fails takes
// the implicit transaction with it: it and those behind it go alone, which they
// may because none of them has had an effect.
func (t *trip) run() {
	p := t.lane.pipeline
	// The first one's context for what it carries, such as its span, and not for its
	// end: the others wait as well. Every wait on the server is bounded by the
	// statement timeout, and everyone here may leave.
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.reads[0].ctx))
	defer cancel()
	p.mu.Lock()
	t.cancel = cancel
	if t.gone == len(t.reads) {
		cancel()
	}
	p.mu.Unlock()
	defer func() {
		if recover() != nil { // the encoding of somebody's argument: it panics again where its caller is
			t.answerAll(answer{})
		}
	}()

	lease, err := p.scope.enter(ctx, manner{readOnly: true, paced: len(t.reads)})
	if err != nil {
		t.answerAll(answer{err: err})
		return
	}
	defer lease.end() // of a connection that is amid something, the pool makes an end
	b := &pgx.Batch{QueuedQueries: make([]*pgx.QueuedQuery, 0, 1+len(t.reads))}
	p.scope.engine.Enter(b, lease.id, lease.entry)
	for _, r := range t.reads {
		b.Queue(r.sql, r.args...)
	}
	ctx, name := database.WithQueryNames(ctx)
	name(database.QueryName(t.reads[0].ctx))
	p.stats.trips.Add(1) // counted before anybody is answered, who may ask for the counts
	results := lease.conn.SendBatch(ctx, b)
	if _, err = results.Exec(); err == nil {
		err = t.read(results, name)
	}
	p.stats.failed.Add(int64(len(t.reads)) - t.answered.Load())
	if isReadOnly(err) { // the statement would hear the same alone
		t.answer(answer{err: fault.FromPostgres(err)})
	}
	t.answerAll(answer{})
	_ = results.Close() // says again what err says: a transaction that only read cannot fail to commit
}

// read answers the reads in their order, up to the first that fails.
func (t *trip) read(results pgx.BatchResults, name func(string)) error {
	for _, r := range t.reads {
		name(database.QueryName(r.ctx))
		rows, err := t.lane.pipeline.hold(results)
		if err != nil {
			return err
		}
		t.lane.pipeline.stats.shared.Add(1)
		t.answer(answer{rows: rows})
	}
	return nil
}

// answer answers the first read that has no answer yet, answerAll all of them.
func (t *trip) answer(a answer) {
	t.reads[t.answered.Load()].answers <- a
	t.answered.Add(1)
}

func (t *trip) answerAll(a answer) {
	for t.answered.Load() < int64(len(t.reads)) {
		t.answer(a)
	}
}

// isReadOnly reports whether the server refused to write.
func isReadOnly(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == fault.CodeReadOnlyTransaction
}

// hold reads the next result of a trip to its end.
func (p *Pipeline) hold(results pgx.BatchResults) (*heldRows, error) {
	rows, err := results.Query()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	held := &heldRows{pipeline: p}
	for rows.Next() {
		held.add(rows.RawValues())
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	// The connection writes the next result's over them.
	held.fields = slices.Clone(rows.FieldDescriptions())
	held.tag = rows.CommandTag()
	return held, nil
}
