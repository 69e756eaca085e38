package twin

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// countedRows is pgx's rows, of which the first has been looked for, and which
// record the call once they end.
type countedRows struct {
	pgx.Rows
	call      call
	savepoint *savepoint

	handed  int64
	waiting bool // the first row is there and has not been handed out
	ended   bool
	late    error // what ending the savepoint said
}

// firstRow sends the query and waits for its first row. pgx reports that a
// statement cannot run from Query where it is prepared first, and from the first
// Next where an older plan of it is run.
func firstRow(ctx context.Context, db database.Querier, sql string, args []any) (*countedRows, error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		if rows != nil {
			rows.Close()
		}
		return nil, err
	}
	there := rows.Next()
	if !there {
		if err := rows.Err(); err != nil {
			return nil, err
		}
	}
	return &countedRows{Rows: rows, waiting: there}, nil
}

func (r *countedRows) Next() bool {
	if r.waiting {
		r.waiting = false
		r.handed++
		return true
	}
	if r.Rows.Next() {
		r.handed++
		return true
	}
	r.end()
	return false
}

func (r *countedRows) Close() {
	r.waiting = false
	r.Rows.Close()
	r.end()
}

func (r *countedRows) Err() error {
	if err := r.Rows.Err(); err != nil {
		return fault.FromPostgres(err)
	}
	return fault.FromPostgres(r.late)
}

// end records the call and ends its savepoint, which must wait until the
// connection has delivered the rows.
func (r *countedRows) end() {
	if r.ended {
		return
	}
	r.ended = true
	err := r.Rows.Err()
	if err == nil {
		r.late = r.savepoint.release()
		err = r.late
	}
	if r.call.side == Optimised && schemaCode(err) != "" {
		// Rows were handed out, so this call cannot be answered otherwise; the next ones can.
		c := &r.call
		c.r.failed(context.Background(), c.st.twin, &c.st.health, time.Now(), false, err)
	}
	r.call.end(r.handed, err)
}

// countedRow scans the only row of countedRows.
type countedRow countedRows

func (r *countedRow) Scan(dest ...any) error {
	rows := (*countedRows)(r)
	defer rows.Close()
	for _, d := range dest {
		if _, ok := d.(*pgtype.DriverBytes); ok {
			return errors.New("cannot scan into *pgtype.DriverBytes from QueryRow") // its bytes end with the row
		}
	}
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return err
		}
		return fault.FromPostgres(pgx.ErrNoRows)
	}
	if err := rows.Scan(dest...); err != nil {
		return fault.FromPostgres(err)
	}
	rows.Close()
	return rows.Err()
}

// failedRow and failedRows are what a query that failed returns, as pgx does.
type failedRow struct{ err error }

func (r failedRow) Scan(...any) error { return r.err }

type failedRows struct{ err error }

func (failedRows) Close()                                       {}
func (r failedRows) Err() error                                 { return r.err }
func (failedRows) CommandTag() pgconn.CommandTag                { return pgconn.CommandTag{} }
func (failedRows) FieldDescriptions() []pgconn.FieldDescription { return nil }
func (failedRows) Next() bool                                   { return false }
func (r failedRows) Scan(...any) error                          { return r.err }
func (r failedRows) Values() ([]any, error)                     { return nil, r.err }
func (failedRows) RawValues() [][]byte                          { return nil }
func (failedRows) Conn() *pgx.Conn                              { return nil }
func (failedRows) TypeMap() *pgtype.Map                         { return nil }
