package query

import "strconv"

// keyset writes the condition that holds for the rows after a cursor.
type keyset struct {
	b      *CampaignQueryBuilder
	orders []Order
	params []int // parameter of each value; 0 where the cursor's row had NULL
}

// appendAfter writes what follows the row whose values the parameters from
// column i on are, given that all columns before i are equal:
//
//	same directions, no NULLs in the way:  (a, b) > ($2, $3)      one range of an index
//	mixed directions:                      a >= $2 AND (a > $2 OR b < $3)   a range on a, then a filter
//	NULLs behind the values:               (a > $2 OR a IS NULL OR (a = $2 AND …))
func (k *keyset) appendAfter(dst []byte, i int) []byte {
	if k.oneRange(i) {
		return k.appendRow(dst, i)
	}
	o, last := &k.orders[i], i == len(k.orders)-1
	switch {
	case k.params[i] == 0 && o.nullsFirst:
		dst = append(append(append(dst, '('), o.def.qualified...), " IS NOT NULL"...)
		if !last {
			dst = k.appendAfter(append(dst, " OR "...), i+1)
		}
		return append(dst, ')')
	case k.params[i] == 0 && last:
		return append(dst, "FALSE"...) // NULLS LAST: nothing follows it
	case k.params[i] == 0:
		dst = append(append(dst, o.def.qualified...), " IS NULL AND "...)
		return k.appendAfter(dst, i+1)
	case k.nullsFollow(i):
		dst = k.appendComparison(append(dst, '('), i, "")
		dst = append(append(append(dst, " OR "...), o.def.qualified...), " IS NULL"...)
		if !last {
			dst = append(append(append(dst, " OR ("...), o.def.qualified...), " = $"...)
			dst = strconv.AppendInt(dst, int64(k.params[i]), 10)
			dst = append(k.appendAfter(append(dst, " AND "...), i+1), ')')
		}
		return append(dst, ')')
	default: // the column itself is bounded too, so that an index starts at the cursor
		dst = k.appendComparison(append(dst, '('), i, "=")
		dst = k.appendComparison(append(dst, " AND ("...), i, "")
		dst = k.appendAfter(append(dst, " OR "...), i+1)
		return append(dst, "))"...)
	}
}

func (k *keyset) nullsFollow(i int) bool {
	return k.b.nullable(&k.orders[i]) && !k.orders[i].nullsFirst
}

// oneRange reports whether the rows after column i are one row comparison. A
// NULL in a row makes it not hold, which is right only where NULLs come first.
func (k *keyset) oneRange(i int) bool {
	for j := i; j < len(k.orders); j++ {
		if k.params[j] == 0 || k.orders[j].desc != k.orders[i].desc || k.nullsFollow(j) {
			return false
		}
	}
	return true
}

func (k *keyset) appendComparison(dst []byte, i int, orEqual string) []byte {
	dst = append(append(dst, k.orders[i].def.qualified...), k.sign(i)...)
	dst = append(append(dst, orEqual...), " $"...)
	return strconv.AppendInt(dst, int64(k.params[i]), 10)
}

func (k *keyset) sign(i int) string {
	if k.orders[i].desc {
		return " <"
	}
	return " >"
}

func (k *keyset) appendRow(dst []byte, i int) []byte {
	if i == len(k.orders)-1 {
		return k.appendComparison(dst, i, "")
	}
	for j := i; j < len(k.orders); j++ {
		if j == i {
			dst = append(dst, '(')
		} else {
			dst = append(dst, ", "...)
		}
		dst = append(dst, k.orders[j].def.qualified...)
	}
	dst = append(append(append(dst, ')'), k.sign(i)...), ' ')
	for j := i; j < len(k.orders); j++ {
		if j == i {
			dst = append(dst, "($"...)
		} else {
			dst = append(dst, ", $"...)
		}
		dst = strconv.AppendInt(dst, int64(k.params[j]), 10)
	}
	return append(dst, ')')
}
