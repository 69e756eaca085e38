package campaign

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// heldRows are the rows of one read of a shared trip, copied out of it: the
// connection has gone on.
type heldRows struct {
	pipeline *Pipeline
	types    *pgtype.Map // taken at the first use, given back at Close
	fields   []pgconn.FieldDescription
	values   [][]byte // of all rows, one after the other
	tag      pgconn.CommandTag
	row      [][]byte
	err      error
	closed   bool
}

// add copies a row: all its values into one allocation.
func (r *heldRows) add(row [][]byte) {
	size := 0
	for _, v := range row {
		size += len(v)
	}
	data := make([]byte, 0, size)
	for _, v := range row {
		if v == nil {
			r.values = append(r.values, nil)
			continue
		}
		from := len(data)
		data = append(data, v...)
		r.values = append(r.values, data[from:len(data):len(data)])
	}
}

// Next goes to the next row.
func (r *heldRows) Next() bool {
	n := len(r.fields)
	if r.closed || n == 0 || len(r.values) < n {
		r.Close()
		return false
	}
	r.row, r.values = r.values[:n:n], r.values[n:]
	return true
}

// Close ends the rows. Closing twice does nothing, and so it does for none at all.
func (r *heldRows) Close() {
	if r == nil || r.closed {
		return
	}
	r.closed = true
	if r.types != nil {
		r.pipeline.types.Put(r.types)
		r.types = nil
	}
}

// Err returns the fault that ended the rows, or nil.
func (r *heldRows) Err() error { return r.err }

func (r *heldRows) fail(err error) error {
	if r.err == nil {
		r.err = scanFault(err)
	}
	r.Close()
	return r.err
}

// CommandTag returns what the server said of the statement.
func (r *heldRows) CommandTag() pgconn.CommandTag { return r.tag }

// FieldDescriptions returns the columns.
func (r *heldRows) FieldDescriptions() []pgconn.FieldDescription { return r.fields }

// Scan reads the current row.
func (r *heldRows) Scan(dest ...any) error {
	if r.row == nil || r.closed {
		return r.fail(errors.New("no row: call Next first"))
	}
	if len(dest) == 1 {
		if scanner, ok := dest[0].(pgx.RowScanner); ok {
			if err := scanner.ScanRow(r); err != nil {
				return r.fail(err)
			}
			return nil
		}
	}
	if err := pgx.ScanRow(r.TypeMap(), r.fields, r.row, dest...); err != nil {
		return r.fail(err)
	}
	return nil
}

// Values returns the current row's values, as pgx decodes them.
func (r *heldRows) Values() ([]any, error) {
	if r.row == nil || r.closed {
		return nil, r.fail(errors.New("no row: call Next first"))
	}
	values := make([]any, len(r.row))
	for i, data := range r.row {
		if data == nil {
			continue
		}
		field := r.fields[i]
		t, known := r.TypeMap().TypeForOID(field.DataTypeOID)
		switch {
		case known:
			v, err := t.Codec.DecodeValue(r.TypeMap(), field.DataTypeOID, field.Format, data)
			if err != nil {
				return nil, r.fail(fmt.Errorf("column %s: %w", field.Name, err))
			}
			values[i] = v
		case field.Format == pgtype.TextFormatCode:
			values[i] = string(data)
		default:
			values[i] = data
		}
	}
	return values, nil
}

// RawValues returns the current row's values as they came. They stay as they are.
func (r *heldRows) RawValues() [][]byte { return r.row }

// Conn returns nil: there is no connection any more.
func (r *heldRows) Conn() *pgx.Conn { return nil }

// TypeMap returns the types by which the rows are read, until they are closed.
func (r *heldRows) TypeMap() *pgtype.Map {
	if r.types == nil {
		r.types = r.pipeline.types.Get().(*pgtype.Map) //nolint:forcetypeassert // New makes them
		if r.closed {
			return r.types // not to be given back a second time
		}
	}
	return r.types
}
