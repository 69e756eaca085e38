package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/repository"
)

const (
	// flushTime bounds one attempt to write a batch; statement_timeout ends it sooner.
	flushTime = 2 * time.Minute
	// flushAttempts and firstPause: a database that restarts is waited for about half a minute.
	flushAttempts = 9
	firstPause    = 100 * time.Millisecond
	longestPause  = 10 * time.Second
)

// writer commits batches. It is not safe for concurrent use.
type writer struct {
	scope *campaign.Scope
	o     Options
	batch *repository.Batch
}

// write commits a batch and notes what became of each row. A row that the server
// refuses is rejected alone.
func (w *writer) write(ctx context.Context, f *flush) {
	if w.batch == nil {
		options := []repository.BatchOption{
			repository.OnConflict(repository.Skip), repository.ChunkByChunk(), repository.MaxRows(w.o.BatchRows),
		}
		if w.o.Metrics != nil {
			options = append(options, repository.WithBatchMetrics(w.o.Metrics))
		}
		if w.batch, f.err = repository.NewBatch(w.scope, tables[w.o.Kind], options...); f.err != nil {
			return
		}
	}
	w.batch.Discard()
	rows := make([]*row, 0, len(f.rows))
	for _, r := range f.rows {
		if err := w.batch.AddRow(r.values...); err != nil {
			f.rejections = append(f.rejections, w.refused(r, err))
			continue
		}
		rows = append(rows, r)
	}
	reasons := map[int]*repository.RowError{}
	f.err = w.execute(ctx, f.campaign, reasons)
	for i, r := range rows {
		switch w.batch.Outcome(i) {
		case repository.Inserted:
			f.accepted++
		case repository.Skipped:
			f.duplicates++
		case repository.Rejected:
			f.rejections = append(f.rejections, w.refused(r, reasons[i]))
		case repository.Pending, repository.Updated, repository.Superseded:
			// Pending after an error: not settled, not counted.
		}
	}
}

// execute writes what is pending. A database that cannot answer now, and a
// campaign over its rate, are tried again: rows that were committed are then skipped.
func (w *writer) execute(ctx context.Context, id campaign.ID, reasons map[int]*repository.RowError) error {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		// Not the load's own context: a statement under way is finished, so that its outcome is known.
		once, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
		err := w.batch.Execute(campaign.NewContext(once, id))
		cancel()
		if failed, ok := errors.AsType[*repository.BatchError](err); ok {
			for _, row := range failed.Rows {
				reasons[row.Row] = row
			}
			err = failed.Err
		}
		if err == nil {
			return nil
		}
		wait := pause
		if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.Limited {
			wait = max(wait, min(f.RetryAfter, longestPause))
		} else if fault.KindOf(err) != fault.Unavailable {
			return stopped(err)
		}
		if attempt == flushAttempts {
			return stopped(err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		pause = min(2*pause, longestPause)
	}
}

func stopped(err error) error {
	return fmt.Errorf("the load stopped, and the same command goes on where it stopped: %w", err)
}

// refused says why the server, or the batch before it, does not take a row.
func (w *writer) refused(r *row, err error) Rejection {
	p := asProblem(err)
	if e, ok := errors.AsType[*repository.RowError](err); ok {
		p.field = e.Column
		if w.o.Kind == Events && attributeNames[p.field] != "" {
			p.field = attributeNames[p.field]
		}
		if fault.KindOf(err) == fault.Conflict {
			p.reason = "has a value that another row of the campaign has, and must be unique in it"
		}
	}
	return reject(r.input, r.line, p)
}
