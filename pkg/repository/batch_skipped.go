package repository

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// findSkipped looks up the rows that ON CONFLICT DO NOTHING left alone: one more
// round trip, and only when there are any. It runs after the insert, with a
// snapshot of its own, because the row in the way may have been committed while
// the insert ran.
func (b *Batch) findSkipped(ctx context.Context, q database.Querier, chunks []selection) error {
	const attempts = 3
	for attempt := 1; ; attempt++ {
		missing := b.stillPending(chunks)
		if missing.n == 0 {
			return nil
		}
		if err := b.lookUp(ctx, q, missing); err != nil {
			return err
		}
		if missing = b.stillPending(chunks); missing.n == 0 {
			return nil
		}
		if attempt == attempts {
			return fault.New(fault.Conflict, "rows of the batch keep appearing and vanishing under other transactions: Execute again")
		}
		// The row in the way was deleted before it could be read: there is room now.
		if err := b.insertAgain(ctx, q, missing); err != nil {
			return err
		}
	}
}

func (b *Batch) stillPending(chunks []selection) selection {
	var picked []int32
	for _, c := range chunks {
		for i := range c.n {
			if row := c.row(i); b.outcomes[row] == Pending {
				picked = append(picked, int32(row))
			}
		}
	}
	return selection{n: len(picked), picked: picked}
}

func (b *Batch) lookUp(ctx context.Context, q database.Querier, missing selection) error {
	args, err := b.campaignArgument(ctx, len(b.table.key))
	if err != nil {
		return err
	}
	for _, k := range b.table.key {
		args = append(args, b.columns[k].array(missing))
	}
	rows, err := q.Query(ctx, b.table.missing+b.anew, args...)
	if err != nil {
		return fault.FromPostgres(err)
	}
	var position, id int64
	_, err = pgx.ForEachRow(rows, []any{&position, &id}, func() error {
		b.settle(missing.row(int(position)-1), Skipped, id)
		return nil
	})
	return fault.FromPostgres(err)
}

func (b *Batch) insertAgain(ctx context.Context, q database.Querier, missing selection) error {
	args, err := b.arguments(ctx, missing)
	if err != nil {
		return err
	}
	batch := &pgx.Batch{}
	batch.Queue(b.table.texts[Skip]+b.anew, args...)
	results := q.SendBatch(ctx, batch)
	if err := b.read(results, missing); err != nil {
		_ = results.Close() // says again what err says
		return fault.FromPostgres(err)
	}
	return fault.FromPostgres(results.Close())
}
