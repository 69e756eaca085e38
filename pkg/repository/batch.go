package repository

import (
	"context"
	"fmt"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// BatchInserter collects rows and writes them together. Batch is the one that
// this package offers.
type BatchInserter interface {
	// AddRow adds a row: one value for each declared column, in their order. A
	// value that its column cannot take is refused at once, by the column's name,
	// and the row is not added.
	AddRow(values ...any) error
	// Execute writes the rows added and not written yet.
	Execute(ctx context.Context) error
	// GetInsertedIDs returns the ids of the rows, in the order in which they were added.
	GetInsertedIDs() []int64
}

// Batch is a BatchInserter for one declared table.
//
// Rows keep their number, counted from 0 in the order of AddRow, until an
// Execute has settled all of them; the first AddRow after that begins anew. The
// campaign is that of the context given to Execute. A Batch is not safe for
// concurrent use.
type Batch struct {
	table       *Table
	q           database.Querier
	conflict    Conflict
	chunked     bool
	connections int // most connections at once, or 0 for one
	rows        int // most rows in one statement, or 0
	bytes       int // most bytes in one statement
	copying     copyChoice
	metrics     *RepositoryMetrics

	columns  []column
	sizes    []int32
	ids      []int64
	outcomes []Outcome
	pending  int
	reported [len(outcomeNames)]int // rows that the metrics have, by outcome
	winners  map[int]int            // superseded row to the row that is written in its place
	key      []byte                 // reused while keys are compared
	anew     string                 // what database.Replan added to the texts, where it had to
	rights   *copyRights
}

var _ BatchInserter = (*Batch)(nil)

// Bounds of one statement. DefaultBatchRows is the plan's DB_BATCH_SIZE, and what
// commits together chunk by chunk. Where a batch is all or nothing nobody sees its
// chunks, and twice the rows cost the server less for each; still more would keep
// it waiting for the first of them.
const (
	DefaultBatchRows     = 1000
	DefaultStatementRows = 2 * DefaultBatchRows
	DefaultBatchBytes    = 4 << 20
	// mostRows is the highest DB_BATCH_SIZE.
	mostRows = 100_000
	// longestRow keeps a parameter, with the array around it, below PostgreSQL's 1 GB.
	longestRow = 256 << 20
)

// BatchOption changes how a Batch works.
type BatchOption func(*Batch) error

// OnConflict chooses what happens to rows whose key exists. Defaults to Fail.
func OnConflict(c Conflict) BatchOption {
	return func(b *Batch) error {
		if int(c) >= len(conflictNames) {
			return fault.Field("OnConflict", "must be Fail, Skip or Update")
		}
		if c != Fail && len(b.table.spec.Key) == 0 {
			return fault.Field("OnConflict", "must be Fail for %s: its declaration names no Key", b.table.Name())
		}
		b.conflict = c
		return nil
	}
}

// ChunkByChunk commits each chunk on its own and writes every good row: rows
// that the server refuses are reported in a *BatchError, by number. Without it
// an Execute writes all rows or none.
func ChunkByChunk() BatchOption {
	return func(b *Batch) error { b.chunked = true; return nil }
}

// MaxRows bounds the rows of one statement. 1 to 100,000; defaults to 1000 chunk
// by chunk and to 2,000 all or nothing.
func MaxRows(n int) BatchOption {
	return func(b *Batch) error {
		if n < 1 || n > mostRows {
			return fault.Field("MaxRows", "must be from 1 to %d, not %d", mostRows, n)
		}
		b.rows = n
		return nil
	}
}

// MaxBytes bounds the values of one statement; a row larger than that goes
// alone. 1 KiB to 256 MiB; defaults to 4 MiB.
func MaxBytes(n int) BatchOption {
	return func(b *Batch) error {
		if n < 1<<10 || n > longestRow {
			return fault.Field("MaxBytes", "must be from %d to %d, not %d", 1<<10, longestRow, n)
		}
		b.bytes = n
		return nil
	}
}

// WithBatchMetrics counts the batch's statements and rows.
func WithBatchMetrics(m *RepositoryMetrics) BatchOption {
	return func(b *Batch) error { b.metrics = m; return nil }
}

// NewBatch returns an empty batch that writes to the table through q. An Invalid
// fault names the option whose value is out of range.
func NewBatch(q database.Querier, table *Table, opts ...BatchOption) (*Batch, error) {
	b := &Batch{table: table, q: q, bytes: DefaultBatchBytes}
	for _, opt := range opts {
		if err := opt(b); err != nil {
			return nil, err
		}
	}
	if b.connections > 1 && !b.chunked {
		return nil, fault.Field("Connections", "must be 1, or ChunkByChunk must be given too: what several connections write does not commit together")
	}
	types := &typeMap{}
	b.columns = make([]column, len(table.kinds))
	for i, k := range table.kinds {
		b.columns[i] = newColumn(k, types)
	}
	return b, nil
}

// AddRow adds a row. See BatchInserter.
func (b *Batch) AddRow(row ...any) error {
	if b.pending == 0 && len(b.outcomes) > 0 {
		b.Discard()
	}
	n := len(b.outcomes)
	if len(row) != len(b.columns) {
		return &RowError{Row: n, Err: fault.New(fault.Invalid, "must have %d values, one for each of %v, not %d", len(b.columns), b.table.Columns(), len(row))}
	}
	size := 0
	for i, c := range b.columns {
		declared := &b.table.spec.Columns[i]
		length, err := c.add(row[i])
		if err == nil {
			size += length
			if declared.NotNull && c.isNull(n) {
				c.truncate(n)
				err = fault.New(fault.Invalid, "must have a value")
			}
		}
		if err != nil {
			b.truncate(i, n)
			return rowError(n, declared.Name, err)
		}
	}
	if size > longestRow {
		b.truncate(len(b.columns), n)
		return &RowError{Row: n, Err: fault.New(fault.Invalid, "must not be larger than %d MiB", longestRow>>20)}
	}
	b.sizes = append(b.sizes, int32(size))
	b.ids = append(b.ids, 0)
	b.outcomes = append(b.outcomes, Pending)
	b.pending++
	return nil
}

// truncate takes row n out of the first columns.
func (b *Batch) truncate(columns, n int) {
	for _, c := range b.columns[:columns] {
		c.truncate(n)
	}
}

// Len returns the number of rows added since the batch began anew.
func (b *Batch) Len() int { return len(b.outcomes) }

// Pending returns the number of rows that the next Execute would write.
func (b *Batch) Pending() int { return b.pending }

// Outcome returns what became of a row.
func (b *Batch) Outcome(row int) Outcome { return b.outcomes[row] }

// GetInsertedIDs returns one id a row, in the order of AddRow: the new row's, or
// the id of the row that was there already. It is 0 for a row that was rejected
// or is still pending, and always where the table declares no ID. The slice is
// the caller's own.
func (b *Batch) GetInsertedIDs() []int64 {
	ids := make([]int64, len(b.ids))
	copy(ids, b.ids)
	return ids
}

// Discard drops all rows, written or not, and begins anew.
func (b *Batch) Discard() {
	b.truncate(len(b.columns), 0)
	b.sizes, b.ids, b.outcomes, b.pending = b.sizes[:0], b.ids[:0], b.outcomes[:0], 0
	clear(b.winners)
	b.reported = [len(outcomeNames)]int{}
}

// Reject takes a pending row out of the next Execute, as one does with a row
// that an all-or-nothing Execute named. Its number stays taken.
func (b *Batch) Reject(row int) error {
	if row < 0 || row >= len(b.outcomes) || b.outcomes[row] != Pending {
		return fault.New(fault.Invalid, "row %d is not pending", row)
	}
	b.settle(row, Rejected, 0)
	return nil
}

func (b *Batch) settle(row int, o Outcome, id int64) {
	if b.outcomes[row] == Pending {
		b.pending--
	}
	if o == Pending {
		b.pending++
	}
	b.outcomes[row], b.ids[row] = o, id
}

// RowError says which row and column of a batch is wrong. It holds no row values.
type RowError struct {
	// Row is the row's number, counted from 0 in the order of AddRow.
	Row int
	// Column is the column's name, several joined by ", ", or empty where the server did not say.
	Column string
	// Err is the fault.
	Err error
}

// Error names the row, the column and what would be right.
func (e *RowError) Error() string {
	if e.Column == "" {
		return fmt.Sprintf("row %d: %s", e.Row, e.Err)
	}
	return fmt.Sprintf("row %d, column %s: %s", e.Row, e.Column, e.Err)
}

// Unwrap returns the fault.
func (e *RowError) Unwrap() error { return e.Err }

func rowError(row int, column string, err error) *RowError {
	return &RowError{Row: row, Column: column, Err: err}
}

// BatchError says what an Execute could not write.
type BatchError struct {
	// Rows are the rows at fault, in their order. Empty where the cause is not a row.
	Rows []*RowError
	// Pending is how many rows are still there for the next Execute.
	Pending int
	// Err is the cause that is not one row's: the connection, a lock, a limit. May be nil.
	Err error
}

// Error tells the cause, and the first row of several.
func (e *BatchError) Error() string {
	switch {
	case e.Err != nil && len(e.Rows) == 0:
		return e.Err.Error()
	case e.Err != nil:
		return fmt.Sprintf("%s; and %d rows were rejected, the first: %s", e.Err, len(e.Rows), e.Rows[0])
	case len(e.Rows) == 1:
		return e.Rows[0].Error()
	default:
		return fmt.Sprintf("%d rows were rejected, the first: %s", len(e.Rows), e.Rows[0])
	}
}

// Unwrap returns the cause and the rows' errors, for errors.Is and errors.As.
func (e *BatchError) Unwrap() []error {
	errs := make([]error, 0, len(e.Rows)+1)
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	for _, r := range e.Rows {
		errs = append(errs, r)
	}
	return errs
}
