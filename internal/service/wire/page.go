package wire

import (
	"context"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/query"
)

// PageSize returns the size of a page: what was asked for, or the default for 0.
// The bounds are the contract's.
func PageSize(requested int32, usual int) int {
	if requested <= 0 {
		return usual
	}
	return int(requested)
}

// List names a list for its page tokens, by what it lists and by everything that
// decides which rows are in it. A token of one list opens no other.
func List(name string, conditions ...string) string {
	return name + "\x00" + strings.Join(conditions, "\x00")
}

// Set writes a set of texts so that the order in which it was sent does not matter.
func Set(texts []string) string {
	return strings.Join(slices.Sorted(slices.Values(texts)), "\x01")
}

// Cut returns a page of at most size rows and whether more follow; size+1 were asked for.
func Cut[T any](rows []T, size int) (page []T, more bool) {
	if len(rows) > size {
		return rows[:size], true
	}
	return rows, false
}

// NextPage makes the token of the page after a row, or "" where nothing follows.
func NextPage(ctx context.Context, signer *query.CursorSigner, list string, more bool, values ...any) (string, error) {
	if !more {
		return "", nil
	}
	id, err := campaign.FromContext(ctx)
	if err != nil {
		return "", err
	}
	return signer.Sign(id, list, values...)
}

// OpenPage returns the values of a page token, nil for the first page. An
// Invalid fault on page_token says that it belongs to another list.
func OpenPage(ctx context.Context, signer *query.CursorSigner, list, token string) ([]any, error) {
	if token == "" {
		return nil, nil
	}
	id, err := campaign.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	values, err := signer.Open(id, list, token)
	if err != nil {
		return nil, pageFault(err)
	}
	return values, nil
}

func pageFault(err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.Invalid {
		return BadPage()
	}
	return err
}

// BadPage is the Invalid fault of a page token that was not made for this list.
func BadPage() error {
	return fault.Field("page_token", "does not belong to this list, its campaign and its other fields: begin with the first page, without a token")
}

// AfterNewest returns the place after which a page of a newest-first list
// begins, as parameters of a row comparison; the first page begins after the end of time.
func AfterNewest(ctx context.Context, signer *query.CursorSigner, list, token string) (pgtype.Timestamptz, int64, error) {
	values, err := OpenPage(ctx, signer, list, token)
	if err != nil {
		return pgtype.Timestamptz{}, 0, err
	}
	if values == nil {
		return pgtype.Timestamptz{InfinityModifier: pgtype.Infinity, Valid: true}, math.MaxInt64, nil
	}
	if len(values) == 2 {
		at, isTime := values[0].(time.Time)
		id, isID := values[1].(int64)
		if isTime && isID {
			return pgtype.Timestamptz{Time: at, Valid: true}, id, nil
		}
	}
	return pgtype.Timestamptz{}, 0, BadPage()
}

// Timestamptz reads a time of a page token as a parameter.
func Timestamptz(value any) (at pgtype.Timestamptz, ok bool) {
	t, ok := value.(time.Time)
	return pgtype.Timestamptz{Time: t, Valid: ok}, ok
}

// Missing returns those of ids that no row has, in their order.
func Missing[T any](ids []int64, rows []T, id func(T) int64) []int64 {
	there := make(map[int64]struct{}, len(rows))
	for _, r := range rows {
		there[id(r)] = struct{}{}
	}
	var missing []int64
	for _, wanted := range ids {
		if _, is := there[wanted]; !is {
			missing = append(missing, wanted)
		}
	}
	return missing
}

// Place returns the place in a list after which a page begins: the values of its
// token, or first without one. They are of first's types.
func Place(ctx context.Context, signer *query.CursorSigner, list, token string, first []any) ([]any, error) {
	values, err := OpenPage(ctx, signer, list, token)
	if err != nil || values == nil {
		return first, err
	}
	if len(values) != len(first) {
		return nil, BadPage()
	}
	for i := range values {
		if reflect.TypeOf(values[i]) != reflect.TypeOf(first[i]) {
			return nil, BadPage()
		}
	}
	return values, nil
}
