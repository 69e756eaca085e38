package query

// maxOrder is how many columns an order has at most, the key included. Joins
// that multiply rows may add more.
const maxOrder = 8

// Order is one column of an order.
type Order struct {
	def        *column
	desc       bool
	nullsFirst bool
}

// NullsFirst puts rows without a value first. With Desc this is how an ordinary
// index reads backward: a long list ordered by a column that may be NULL pages
// fast with Desc().NullsFirst() or with a NULLS LAST index, not with Desc() alone.
func (o Order) NullsFirst() Order {
	o.nullsFirst = true
	return o
}

// ordering is the order of the statement: what was asked for, then the key
// columns that are missing, so that no two rows are equal. The tail runs the
// way of the last column asked for: one index and one row comparison serve both.
func (b *CampaignQueryBuilder) ordering(dst []Order) []Order {
	dst = append(dst, b.orders[:b.orderCount]...)
	if len(dst) == 0 && !b.paged {
		return dst
	}
	desc := len(dst) > 0 && dst[len(dst)-1].desc
	dst = appendTail(dst, b.table, desc)
	for i := range b.joins {
		if !b.joins[i].toOne { // a row may come several times: once for each row joined
			dst = appendTail(dst, b.joins[i].table, desc)
		}
	}
	return dst
}

func appendTail(dst []Order, t *Table, desc bool) []Order {
next:
	for i := range t.key {
		for j := range dst {
			if dst[j].def.same(&t.key[i]) {
				continue next
			}
		}
		dst = append(dst, Order{def: &t.key[i], desc: desc})
	}
	return dst
}

// nullable reports whether the ordered column may be NULL in the result: as
// declared, or because a left join found no row.
func (b *CampaignQueryBuilder) nullable(o *Order) bool {
	if !o.def.notNull {
		return true
	}
	for i := range b.joins {
		if b.joins[i].table == o.def.table {
			return b.joins[i].left
		}
	}
	return false
}

// appendOrder writes the order. Where there are NULLs their place is always
// said; where there are none it is left out, because an index read backward is
// NULLS FIRST and the planner would not take it for DESC NULLS LAST.
func (b *CampaignQueryBuilder) appendOrder(dst []byte, orders []Order) []byte {
	for i := range orders {
		o := &orders[i]
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, o.def.qualified...)
		if o.desc {
			dst = append(dst, " DESC"...)
		} else {
			dst = append(dst, " ASC"...)
		}
		if b.nullable(o) {
			if o.nullsFirst {
				dst = append(dst, " NULLS FIRST"...)
			} else {
				dst = append(dst, " NULLS LAST"...)
			}
		}
	}
	return dst
}
