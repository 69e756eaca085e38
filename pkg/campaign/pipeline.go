package campaign

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// PipelineOptions shapes a Pipeline. The zero value of a field takes its default.
type PipelineOptions struct {
	// Apart is how many reads and trips of one campaign are under way at most; the
	// next reads wait. 1 to 1,000; defaults to 4.
	Apart int
	// Trip is how many reads share one round trip at most. 2 to 1,000; defaults to 16.
	Trip int
	// Gather is how long a read waits at most for what is under way to come back,
	// before it goes beside it in one of the places that are left (Apart). It matters
	// where a round trip takes longer than that. Defaults to 1ms.
	Gather time.Duration
	// Hold is how long a read waits for a trip that does not get on before it goes
	// alone. Defaults to 50ms.
	Hold time.Duration
	// MaxWait is how long a read waits in all before it is refused as Limited. Defaults to 10s.
	MaxWait time.Duration
	// MaxQueue is how many reads of one campaign may wait; the next is refused at once. Defaults to 10,000.
	MaxQueue int
	// Types makes the types by which shared rows are read, where connections have
	// more of them than pgx knows. Defaults to pgtype.NewMap.
	Types func() *pgtype.Map
}

func (o PipelineOptions) withDefaults() (PipelineOptions, error) {
	for _, field := range []struct {
		name                   string
		value                  *int
		otherwise, least, most int
	}{
		{"Apart", &o.Apart, 4, 1, 1000},
		{"Trip", &o.Trip, 16, 2, 1000},
		{"MaxQueue", &o.MaxQueue, 10_000, 1, 1_000_000},
	} {
		if *field.value == 0 {
			*field.value = field.otherwise
		}
		if *field.value < field.least || *field.value > field.most {
			return o, fault.Field(field.name, "must be from %d to %d, not %d", field.least, field.most, *field.value)
		}
	}
	for _, field := range []struct {
		name      string
		value     *time.Duration
		otherwise time.Duration
	}{
		{"Gather", &o.Gather, time.Millisecond},
		{"Hold", &o.Hold, 50 * time.Millisecond},
		{"MaxWait", &o.MaxWait, 10 * time.Second},
	} {
		if *field.value == 0 {
			*field.value = field.otherwise
		}
		if *field.value < 0 {
			return o, fault.Field(field.name, "must not be negative, and is %s", *field.value)
		}
	}
	if o.Types == nil {
		o.Types = pgtype.NewMap
	}
	return o, nil
}

// Pipeline is a Scope for short reads, of which those of one campaign that meet
// share round trips: while one is under way, the next ones gather, and go together
// once it has come back, or they fill a trip, or have waited for
// PipelineOptions.Gather. What a read costs beside its own work (system calls,
// switches between processes, the scope) is then paid once a trip. A read that
// meets no other goes as it would through the Scope.
//
// A trip belongs to one campaign, takes one place in its share, and carries one
// scope, as a batch does: campaigns never meet in one. Each read counts for the
// campaign's rate.
//
// Query and QueryRow are for statements that only read, and few rows: the server
// refuses others to write, and rows of a shared trip are held in memory. A read
// whose trip failed runs alone and hears its own error. The server answers a trip
// as a whole, so that one slow read holds up the others: a read whose trip does
// not get on leaves it and runs alone as well. Exec and SendBatch are the Scope's.
//
// Errors are faults. A Pipeline is safe for concurrent use; the caller closes it.
type Pipeline struct {
	scope   *Scope
	options PipelineOptions
	types   sync.Pool // of *pgtype.Map: a connection's own is not safe beside its next call

	mu     sync.Mutex
	lanes  map[ID]*lane
	closed bool
	trips  sync.WaitGroup

	stats struct{ alone, shared, trips, failed, left atomic.Int64 }
}

var _ database.Querier = (*Pipeline)(nil)

// NewPipeline returns a pipeline over a scope. An Invalid fault names the option
// that is out of range.
func NewPipeline(s *Scope, o PipelineOptions) (*Pipeline, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &Pipeline{scope: s, options: o, lanes: map[ID]*lane{}}
	p.types.New = func() any { return o.Types() }
	return p, nil
}

// Close waits for the trips under way. Reads that wait for one and those that come
// afterwards go alone.
func (p *Pipeline) Close() {
	p.mu.Lock()
	p.closed = true
	for _, l := range p.lanes {
		for l.waiting.Len() > 0 {
			l.first().answers <- answer{}
		}
	}
	p.mu.Unlock()
	p.trips.Wait()
}

// PipelineStats counts reads since the pipeline was made.
type PipelineStats struct {
	// Alone are reads that had a round trip of their own.
	Alone int64
	// Shared are reads that were answered by a trip, and Trips the trips that were sent.
	Shared, Trips int64
	// Failed are reads whose trip failed, and Left those that left one that did
	// not get on; both then ran alone.
	Failed, Left int64
}

// Stats returns the counts.
func (p *Pipeline) Stats() PipelineStats {
	return PipelineStats{
		Alone:  p.stats.alone.Load(),
		Shared: p.stats.shared.Load(),
		Trips:  p.stats.trips.Load(),
		Failed: p.stats.failed.Load(),
		Left:   p.stats.left.Load(),
	}
}

// Query runs one read. Rows that came alone hold a connection until they are
// closed or read to their end, as a Scope's do.
func (p *Pipeline) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	id, err := FromContext(ctx)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil { // here, or a trip might answer it before it looks
		return nil, fault.FromPostgres(err)
	}
	if a := p.scope.admission; a != nil {
		if err := a.pace(ctx, id); err != nil {
			return nil, err
		}
	}
	l, r, err := p.board(ctx, id, sql, args)
	if err != nil {
		return nil, err
	}
	if r != nil {
		a, err := r.wait()
		switch {
		case err != nil:
			return nil, err
		case a.rows != nil:
			return a.rows, nil
		}
		l = a.lane
	}
	p.stats.alone.Add(1)
	rows, err := p.alone(ctx, l, sql, args)
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// QueryRow runs one read of a single row; Scan returns a NotFound fault when there is none.
func (p *Pipeline) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	rows, err := p.Query(ctx, sql, args...)
	if err != nil {
		return failedRow{err}
	}
	return onlyRow{rows}
}

// Exec runs one statement for its effect, through the Scope.
func (p *Pipeline) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return p.scope.Exec(ctx, sql, args...)
}

// SendBatch runs a batch of the caller's own, through the Scope.
func (p *Pipeline) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	return p.scope.SendBatch(ctx, b)
}

// alone runs a read in a round trip of its own. The place in the lane, where it
// has one, is free when its rows are closed.
func (p *Pipeline) alone(ctx context.Context, l *lane, sql string, args []any) (rows *scopedRows, err error) {
	defer func() {
		switch {
		case l == nil:
		case rows == nil: // an error, or a panic
			l.next()
		default:
			rows.lease.lane = l
		}
	}()
	return p.scope.query(ctx, manner{readOnly: true, paced: 1}, sql, args)
}
