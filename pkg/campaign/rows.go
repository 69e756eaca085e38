package campaign

import (
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// scopedRows gives its connection back when it is closed, by the caller or by reading to the end.
type scopedRows struct {
	pgx.Rows
	results pgx.BatchResults
	lease   lease
	err     error
	queries [2]*pgx.QueuedQuery // room for the batch, so that it is not allocated apart
}

// Next reads one row; the last one read ends the lease.
func (r *scopedRows) Next() bool {
	if r.results != nil && r.Rows.Next() {
		return true
	}
	r.Close()
	return false
}

// Close ends the batch and gives the connection back. Closing twice does nothing.
func (r *scopedRows) Close() {
	if r.results == nil {
		return
	}
	r.Rows.Close()
	err := r.Rows.Err()
	// The batch commits with its Sync message: an error of a deferred constraint comes only now.
	if closeErr := r.results.Close(); err == nil {
		err = closeErr
	}
	r.err = fault.FromPostgres(err)
	r.results = nil
	r.lease.end()
}

// Err returns the fault that ended the rows, or nil. It is complete after Close.
func (r *scopedRows) Err() error {
	if r.err != nil {
		return r.err
	}
	return fault.FromPostgres(r.Rows.Err())
}

// Scan reads the current row.
func (r *scopedRows) Scan(dest ...any) error { return scanFault(r.Rows.Scan(dest...)) }

// Conn returns nil: the connection belongs to the scope, which gives it back by itself.
func (r *scopedRows) Conn() *pgx.Conn { return nil }

// scopedRow is a scopedRows of which one row is wanted.
type scopedRow scopedRows

// Scan reads the row and closes it; without a row it returns a NotFound fault.
func (r *scopedRow) Scan(dest ...any) error {
	return scanOnly((*scopedRows)(r), dest)
}

// onlyRow is rows of either kind of which one row is wanted.
type onlyRow struct{ pgx.Rows }

// Scan reads the row and closes it; without a row it returns a NotFound fault.
func (r onlyRow) Scan(dest ...any) error { return scanOnly(r.Rows, dest) }

func scanOnly(rows pgx.Rows, dest []any) error {
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return err
		}
		return fault.FromPostgres(pgx.ErrNoRows)
	}
	if err := rows.Scan(dest...); err != nil {
		return err
	}
	rows.Close()
	return rows.Err()
}

// scanFault names the column that a Go value could not take; it holds no row value.
func scanFault(err error) error {
	if err == nil {
		return nil
	}
	if scan, ok := errors.AsType[pgx.ScanArgError](err); ok {
		return &fault.Error{Kind: fault.Internal, Field: scan.FieldName, Message: "the column does not fit the Go value that it is read into", Err: err}
	}
	return fault.FromPostgres(err)
}

// scopedBatch gives its connection back when it is closed.
type scopedBatch struct {
	pgx.BatchResults
	lease lease
}

// Exec reads the next result for its effect.
func (b *scopedBatch) Exec() (pgconn.CommandTag, error) {
	tag, err := b.BatchResults.Exec()
	return tag, fault.FromPostgres(err)
}

// Query reads the next result as rows, to be closed before the one after it.
func (b *scopedBatch) Query() (pgx.Rows, error) {
	rows, err := b.BatchResults.Query()
	return rows, fault.FromPostgres(err)
}

// QueryRow reads the first row of the next result.
func (b *scopedBatch) QueryRow() pgx.Row { return faultyRow{b.BatchResults.QueryRow()} }

// Close ends the batch and gives the connection back. Closing twice does nothing.
func (b *scopedBatch) Close() error {
	err := b.BatchResults.Close()
	b.lease.end()
	return fault.FromPostgres(err)
}

// faultyRow speaks the error vocabulary.
type faultyRow struct{ pgx.Row }

func (r faultyRow) Scan(dest ...any) error { return scanFault(r.Row.Scan(dest...)) }

type failedRow struct{ err error }

func (r failedRow) Scan(...any) error { return r.err }
