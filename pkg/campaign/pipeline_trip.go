package campaign

import (
	"context"
	"errors"
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

	lease, err := p.scope.enter(ctx, manner{readOnly: true, paced: len(t.reads)})
	if err != nil {
		for _, r := range t.reads {
			r.answers <- answer{err: err}
		}
		return
	}
	defer lease.end()
	b := &pgx.Batch{QueuedQueries: make([]*pgx.QueuedQuery, 0, 1+len(t.reads))}
	p.scope.engineEnter(b, manner{readOnly: true}, &lease)
	for _, r := range t.reads {
		b.Queue(r.sql, r.args...)
	}
	ctx, name := database.WithQueryNames(ctx)
	name(database.QueryName(t.reads[0].ctx))
	results := lease.conn.SendBatch(ctx, b)
	_, err = results.Exec()
	failed := int64(0)
	for _, r := range t.reads {
		var a answer
		if err == nil {
			name(database.QueryName(r.ctx))
			if a.rows, err = p.hold(results); isReadOnly(err) {
				a.err = fault.FromPostgres(err)
			}
		}
		if err != nil {
			failed++
		}
		r.answers <- a
		t.answered.Add(1)
	}
	_ = results.Close() // says again what err says: a transaction that only read cannot fail to commit
	p.stats.trips.Add(1)
	p.stats.shared.Add(int64(len(t.reads)) - failed)
	p.stats.failed.Add(failed)
}

// isReadOnly reports whether the server refused to write. The statement would
// hear the same alone.
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
		if held.fields == nil {
			held.fields = append(held.fields, rows.FieldDescriptions()...)
		}
		held.add(rows.RawValues())
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if held.fields == nil {
		held.fields = append(held.fields, rows.FieldDescriptions()...)
	}
	held.tag = rows.CommandTag()
	return held, nil
}
