package bench

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// querying is a pool or a scope.
type querying interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// idsOf runs a text that returns ids.
func idsOf(ctx context.Context, on querying, text string, args ...any) ([]int64, error) {
	rows, err := on.Query(ctx, text, args...)
	if err != nil {
		return nil, fault.FromPostgres(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	return ids, fault.FromPostgres(err)
}

// asked is one way to put a question.
type asked struct {
	on   querying
	text string
}

// sameIDs fails where two ways give different answers.
func sameIDs(ctx context.Context, campaign int64, value any, ways []asked) error {
	var first []int64
	for i, w := range ways {
		ids, err := idsOf(ctx, w.on, w.text, campaign, value)
		if err != nil {
			return err
		}
		if i == 0 {
			first = ids
		}
		if !slices.Equal(ids, first) {
			return fault.New(fault.Conflict, "way %d returns %d ids where the first returns %d: a comparison of times would mean nothing", i+1, len(ids), len(first))
		}
	}
	return nil
}
