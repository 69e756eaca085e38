package query

import "github.com/ovasabi/ovasabi/pkg/fault"

const (
	// DefaultLimit is how many rows a read returns where Limit is not called or is 0.
	DefaultLimit = 50
	// MaxLimit is the most that Limit takes. More is refused, not cut: a caller
	// that asks for more and gets less would believe that it has seen the end.
	MaxLimit = 1000
	// MaxCount is the greatest bound that CountSQL takes.
	MaxCount = 100_000
)

// Limit sets the number of rows, 1 to MaxLimit; 0 takes DefaultLimit.
func (b *CampaignQueryBuilder) Limit(n int) *CampaignQueryBuilder {
	if n < 0 || n > MaxLimit {
		return b.fail(fault.Field("limit", "must be between 1 and %d, or 0 for %d", MaxLimit, DefaultLimit))
	}
	b.limit = n
	return b
}

// Unlimited reads every row that the conditions leave. It is for streaming
// reads, whose caller holds one row at a time.
func (b *CampaignQueryBuilder) Unlimited() *CampaignQueryBuilder {
	b.noLimit = true
	return b
}

// After makes the read a page of a list: the first one where the token is empty,
// else the rows that follow the row for which NextCursor made the token. A token
// that another list, campaign, order or filter made, or that was changed, is
// refused by SQL as fault.Invalid on the field "cursor". The values that the
// conditions compare with, and the limit, may change from page to page.
//
// Pages are stable: no row comes twice and none is left out, whatever is inserted
// meanwhile, unless a row's own ordered columns change.
func (b *CampaignQueryBuilder) After(signer *CursorSigner, token string) *CampaignQueryBuilder {
	if signer == nil {
		return b.fail(misuse("After needs a CursorSigner"))
	}
	b.signer, b.token, b.paged = signer, token, true
	return b
}

// Named gives the list a name, to which its cursors are bound instead of to the
// shape of joins and filters. The two twins of one list give it one name, so that
// a page of the one may follow a page of the other.
func (b *CampaignQueryBuilder) Named(list string) *CampaignQueryBuilder {
	b.list = list
	return b
}

// NextCursor makes the token of the page after a row, from the row's values of
// the ordered columns, in the order of OrderBy and then the key (usually the id)
// where OrderBy did not hold it. A value that was NULL is nil. Make it from the
// last row of a full page: a page with fewer rows than its limit was the last.
func (b *CampaignQueryBuilder) NextCursor(values ...any) (string, error) {
	if err := b.failure(nil); err != nil {
		return "", err
	}
	if b.signer == nil {
		return "", misuse("NextCursor needs a page: call After first")
	}
	var room [maxOrder]Order
	orders := b.ordering(room[:0])
	if len(values) != len(orders) {
		return "", misuse("NextCursor was given %d values for the %d columns of the order, the key included", len(values), len(orders))
	}
	for i := range values {
		if isNil(values[i]) && !b.nullable(&orders[i]) {
			return "", misuse("NextCursor was given NULL for column %s, which is declared NOT NULL", orders[i].def.name)
		}
	}
	return b.signer.Sign(b.campaign, b.binding(orders), values...)
}

// binding is what a cursor belongs to: the list by name or by shape, and its order.
func (b *CampaignQueryBuilder) binding(orders []Order) string {
	dst := make([]byte, 0, 512)
	if b.list != "" {
		dst = append(append(dst, "named "...), b.list...)
	} else {
		dst = append(append(dst, "shape "...), b.table.from...)
		dst = append(append(dst, b.from...), b.where.bytes()...)
	}
	dst = append(dst, "\x00order "...)
	return string(b.appendOrder(dst, orders))
}
