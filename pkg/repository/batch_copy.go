package repository

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

type copyChoice uint8

const (
	neverCopy copyChoice = iota
	copyWhereAllowed
)

// CopyWhereAllowed writes by COPY where the role may: it is not subject to
// row-level security on the table, may insert, and may draw ids from the table's
// sequence. The server is asked once a batch, not tried. Only with Fail,
// and for columns without a Default whose types have a Go type of their own (not
// arrays or numerics); it pays for large chunks. Everywhere else the batch works
// as without this option.
func CopyWhereAllowed() BatchOption {
	return func(b *Batch) error { b.copying = copyWhereAllowed; return nil }
}

// copier is a pool, a connection or a transaction. A scope is none: what runs
// inside it is subject to row-level security.
type copier interface {
	CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error)
}

// copyRights is what the role of the connection may do.
type copyRights struct {
	allowed  bool
	sequence string
}

const copyRightsSQL = `
SELECT NOT row_security_active($1::regclass)
       AND has_table_privilege($1::regclass, 'INSERT')
       AND ($2::text = '' OR coalesce(has_sequence_privilege(s.name, 'USAGE'), false)),
       coalesce(s.name, '')
FROM (
    SELECT CASE WHEN $2::text <> '' THEN pg_get_serial_sequence($1::text, $2::text) END
) AS s (name)`

const drawIDsSQL = `SELECT nextval($1::regclass) FROM generate_series(1, $2::bigint)`

// askCopyRights asks once whether the role may COPY into the table.
func (b *Batch) askCopyRights(ctx context.Context, q database.Querier) (*copyRights, error) {
	if b.rights != nil {
		return b.rights, nil
	}
	r := &copyRights{}
	if _, able := q.(copier); able && b.table.copies() {
		err := q.QueryRow(ctx, copyRightsSQL, b.table.Name(), b.table.spec.ID).Scan(&r.allowed, &r.sequence)
		if err != nil {
			return nil, fault.FromPostgres(err)
		}
	}
	b.rights = r
	return r, nil
}

// mayCopy reports whether chunks are written by COPY.
func (b *Batch) mayCopy(ctx context.Context, q database.Querier) (bool, error) {
	if b.conflict != Fail || b.copying == neverCopy {
		return false, nil
	}
	rights, err := b.askCopyRights(ctx, q)
	return err == nil && rights.allowed, err
}

// tryCopy writes the chunks by COPY; done is false where the role may not.
func (b *Batch) tryCopy(ctx context.Context, q database.Querier, chunks []selection) (done bool, failed int, err error) {
	rights, err := b.askCopyRights(ctx, q)
	if err != nil || !rights.allowed {
		return err != nil, -1, err
	}
	// Several COPYs are atomic only inside a transaction; chunk by chunk there is one.
	if _, inside := q.(pgx.Tx); !inside && len(chunks) > 1 {
		err = inTx(ctx, q, database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
			failed, err = b.copyChunks(ctx, tx, chunks, rights)
			return err
		})
		return true, failed, err
	}
	failed, err = b.copyChunks(ctx, q, chunks, rights)
	return true, failed, err
}

func (b *Batch) copyChunks(ctx context.Context, q database.Querier, chunks []selection, rights *copyRights) (failed int, err error) {
	for i, c := range chunks {
		if err := b.copyChunk(ctx, q, c, rights); err != nil {
			return i, fault.FromPostgres(err)
		}
	}
	return -1, nil
}

func (b *Batch) copyChunk(ctx context.Context, q database.Querier, c selection, rights *copyRights) error {
	source := &copySource{batch: b, rows: c}
	var names []string
	if !b.table.spec.Unscoped {
		id, err := campaign.FromContext(ctx)
		if err != nil {
			return err
		}
		source.row = append(source.row, id.Int64())
		names = append(names, b.table.spec.Campaign)
	}
	if b.table.spec.ID != "" {
		rows, err := q.Query(ctx, drawIDsSQL, rights.sequence, c.n)
		if err != nil {
			return err
		}
		if source.ids, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil {
			return err
		}
		source.row = append(source.row, nil)
		names = append(names, b.table.spec.ID)
	}
	source.first = len(source.row)
	source.row = append(source.row, make([]any, len(b.columns))...)
	names = append(names, b.table.Columns()...)
	copied, err := q.(copier).CopyFrom(ctx, b.table.spec.Name, names, source)
	if err != nil {
		return err
	}
	if copied != int64(c.n) {
		return fault.New(fault.Internal, "COPY wrote %d rows of %d", copied, c.n)
	}
	for i := range c.n {
		id := int64(0)
		if source.ids != nil {
			id = source.ids[i]
		}
		b.settle(c.row(i), Inserted, id)
	}
	return nil
}

// copySource hands a batch's rows to pgx, in one slice that is used again.
type copySource struct {
	batch *Batch
	rows  selection
	ids   []int64
	next  int
	first int // position of the first column
	row   []any
}

func (s *copySource) Next() bool { s.next++; return s.next <= s.rows.n }

func (s *copySource) Err() error { return nil }

func (s *copySource) Values() ([]any, error) {
	row := s.rows.row(s.next - 1)
	if s.ids != nil {
		s.row[s.first-1] = &s.ids[s.next-1]
	}
	for i, c := range s.batch.columns {
		s.row[s.first+i] = c.at(row)
	}
	return s.row, nil
}

// copies reports whether the declared columns can be copied as they are. COPY
// writes what it is given and cannot put an expression in the place of NULL; and
// pgx would read a literal and write it anew in binary, which flattens arrays.
func (t *Table) copies() bool {
	for i, c := range t.spec.Columns {
		if c.Default != "" || t.kinds[i].storage == storedLiteral {
			return false
		}
	}
	return true
}

// returns reports whether the statement returns its rows.
func (t *Table) returns(c Conflict) bool { return t.spec.ID != "" || c != Fail }
