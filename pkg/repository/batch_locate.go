package repository

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ovasabi/ovasabi/pkg/database"
)

// errFound ends the transaction of a search, so that it has no effect.
var errFound = errors.New("the row was found")

// locate finds the row for which an all-or-nothing Execute failed: the chunk
// that failed is written again by halves, in a transaction that is rolled back.
// About log2(rows) round trips, on the way of an error only. It returns nil when
// the rows pass this time.
func (b *Batch) locate(ctx context.Context, chunks []selection, failed int) *RowError {
	var found *RowError
	_ = inTx(ctx, b.q, database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		defer func() {
			for _, c := range chunks {
				b.reset(c)
			}
		}()
		// Rows before may be what the row conflicts with.
		if failed > 0 {
			if _, err := b.writeAll(ctx, tx, chunks[:failed]); err != nil {
				return err
			}
		}
		rest := chunks[failed]
		var last error
		for rest.n > 1 {
			half := rest.part(0, rest.n/2)
			err := b.attempt(ctx, tx, half)
			switch {
			case err == nil:
				rest = rest.part(half.n, rest.n-half.n)
			case isDataError(err):
				rest = half
			default:
				return err
			}
		}
		if err := b.attempt(ctx, tx, rest); err != nil {
			last = err
		} else {
			return nil
		}
		if isDataError(last) {
			row := rest.row(0)
			found = rowError(row, b.columnOf(ctx, tx, row, last), last)
		}
		return errFound
	})
	return found
}

func (b *Batch) attempt(ctx context.Context, tx pgx.Tx, s selection) error {
	return database.Savepoint(ctx, tx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.write(ctx, tx, []selection{s})
		return err
	})
}

const constraintColumnsSQL = `
SELECT a.attname
FROM pg_catalog.pg_attribute AS a
JOIN (
    SELECT c.conrelid AS relation, c.conkey AS numbers
    FROM pg_catalog.pg_constraint AS c
    WHERE c.conname = $3::text AND c.conrelid = ($1::text || '.' || $2::text)::regclass
    UNION ALL
    SELECT i.indrelid, ARRAY(
        SELECT d.refobjsubid
        FROM pg_catalog.pg_depend AS d
        WHERE d.objid = i.indexrelid AND d.refobjid = i.indrelid AND d.refobjsubid > 0
    )
    FROM pg_catalog.pg_index AS i
    JOIN pg_catalog.pg_class AS x ON x.oid = i.indexrelid
    WHERE x.relname = $3::text AND i.indrelid = ($1::text || '.' || $2::text)::regclass
) AS k ON a.attrelid = k.relation AND a.attnum = ANY (k.numbers)
GROUP BY a.attname, a.attnum
ORDER BY a.attnum`

// columnOf names the column that a data error is about: what the server says,
// else the columns of the constraint, else the first value that its type cannot
// read. Empty where nothing tells. It asks the server at most once.
func (b *Batch) columnOf(ctx context.Context, q database.Querier, row int, err error) string {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case !ok:
		return ""
	case pg.ColumnName != "":
		return pg.ColumnName
	case pg.ConstraintName != "" && pg.TableName != "": // a domain's constraint has no table
		return b.columnsOf(ctx, q, pg)
	default:
		return b.unreadable(ctx, q, row)
	}
}

func (b *Batch) columnsOf(ctx context.Context, q database.Querier, pg *pgconn.PgError) string {
	rows, err := q.Query(ctx, constraintColumnsSQL, quoted(pg.SchemaName), quoted(pg.TableName), pg.ConstraintName)
	if err != nil {
		return ""
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return ""
	}
	var own []string
	for _, name := range names {
		if name != b.table.spec.Campaign || len(names) == 1 {
			own = append(own, name)
		}
	}
	return strings.Join(own, ", ")
}

// unreadable asks the server which of the row's literals its type refuses.
func (b *Batch) unreadable(ctx context.Context, q database.Querier, row int) string {
	var names, types []string
	var texts []any
	for i, k := range b.table.kinds {
		if k.array == "text[]" && !b.columns[i].isNull(row) {
			c := b.table.spec.Columns[i]
			names = append(names, c.Name)
			types = append(types, c.Type)
			texts = append(texts, b.columns[i].at(row))
		}
	}
	batch := &pgx.Batch{}
	for i := range texts {
		batch.Queue("SELECT pg_input_is_valid($1::text, $2::text)", texts[i], types[i])
	}
	if batch.Len() == 0 {
		return ""
	}
	results := q.SendBatch(ctx, batch)
	defer results.Close()
	for i := range texts {
		var valid bool
		if results.QueryRow().Scan(&valid) != nil {
			return ""
		}
		if !valid {
			return names[i]
		}
	}
	return ""
}
