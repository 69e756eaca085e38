package repository

import (
	"context"
	"iter"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Stream runs a query and yields its rows one by one as T, a struct whose fields
// are matched to the columns by name (see pgx.RowToStructByName). One row is in
// memory at a time: the server is held back by the connection while the caller works.
//
//	for content, err := range repository.Stream[Content](ctx, r, all, id) {
//		if err != nil { return err }
//		…
//	}
//
// An error, a fault, is the last thing that is yielded. A connection is held
// until the loop ends. Leaving the loop early reads the rest of the result off
// the connection, so that it can be used again; where the rest is large, cancel
// the context before, which gives the connection up instead.
func Stream[T any](ctx context.Context, r Repository, d *Declaration, args ...any) iter.Seq2[T, error] {
	return StreamFunc(ctx, r, pgx.RowToStructByName[T], d, args...)
}

// StreamFunc is Stream with another way to read a row, such as pgx.RowTo[int64].
func StreamFunc[T any](ctx context.Context, r Repository, scan pgx.RowToFunc[T], d *Declaration, args ...any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		rows, err := r.Query(ctx, d, args...)
		if err != nil {
			yield(zero, err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			value, err := scan(rows)
			if err != nil {
				rows.Close()
				yield(zero, fault.FromPostgres(err))
				return
			}
			if !yield(value, nil) {
				return
			}
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			yield(zero, err)
		}
	}
}
