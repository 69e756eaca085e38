package query

import "reflect"

var comparisons = [...]string{
	opEqual:    " = ",
	opNotEqual: " IS DISTINCT FROM ",
	opGreater:  " > ",
	opAtLeast:  " >= ",
	opLess:     " < ",
	opAtMost:   " <= ",
}

// appendCondition writes one condition and keeps its values as parameters.
func (b *CampaignQueryBuilder) appendCondition(dst []byte, c *Condition) []byte {
	if c.op != opAnyOf {
		return b.appendOne(dst, c)
	}
	if len(*c.any) == 0 {
		b.fail(misuse("AnyOf was given no condition; leave it out, or say what is meant"))
		return dst
	}
	for i := range *c.any {
		if i == 0 {
			dst = append(dst, "(("...)
		} else {
			dst = append(dst, ") OR ("...)
		}
		dst = b.appendOne(dst, &(*c.any)[i])
	}
	return append(dst, "))"...)
}

func (b *CampaignQueryBuilder) appendOne(dst []byte, c *Condition) []byte {
	if c.op == opNone || c.op == opAnyOf { // an AnyOf in here is one of nothing
		b.fail(misuse("an empty Condition was given; leave it out instead"))
		return dst
	}
	if !b.known(c.def) {
		return dst
	}
	switch c.op {
	case opEqual, opNotEqual, opGreater, opAtLeast, opLess, opAtMost:
		dst = append(append(dst, c.def.qualified...), comparisons[c.op]...)
		return b.appendValue(dst, c.def, &c.low)
	case opBetween:
		dst = append(append(dst, c.def.qualified...), " >= "...)
		dst = b.appendValue(dst, c.def, &c.low)
		dst = append(append(append(dst, " AND "...), c.def.qualified...), " < "...)
		return b.appendValue(dst, c.def, &c.high)
	case opIn, opNotIn:
		return b.appendIn(dst, c)
	case opIsNull:
		return append(append(dst, c.def.qualified...), " IS NULL"...)
	case opIsNotNull:
		return append(append(dst, c.def.qualified...), " IS NOT NULL"...)
	case opEqualColumn:
		if !b.known(c.right) {
			return dst
		}
		dst = append(append(dst, c.def.qualified...), " = "...)
		return append(dst, c.right.qualified...)
	case opContains:
		dst = append(append(dst, c.def.qualified...), " @> "...)
		return append(b.appendValue(dst, c.def, &c.low), "::jsonb"...)
	case opPathExists:
		dst = append(append(append(dst, "jsonb_path_exists("...), c.def.qualified...), ", "...)
		dst = append(b.appendValue(dst, c.def, &c.low), "::jsonpath, "...)
		return append(b.appendValue(dst, c.def, &c.high), "::jsonb, true)"...)
	default: // opMatches
		dst = append(append(dst, c.def.qualified...), c.def.search...)
		return append(b.appendValue(dst, c.def, &c.low), ')')
	}
}

func (b *CampaignQueryBuilder) appendIn(dst []byte, c *Condition) []byte {
	if c.op == opNotIn {
		dst = append(dst, '(')
	}
	dst = append(append(dst, c.def.qualified...), " = ANY("...)
	switch c.low.kind {
	case kindTexts:
		b.args.addTexts(c.texts)
	case kindNums:
		b.args.addNums(c.nums)
	default:
		b.args.addOther(c.low.other)
	}
	dst = append(b.args.placeholder(dst), ')')
	if c.op == opNotIn {
		dst = append(dst, ") IS NOT TRUE"...)
	}
	return dst
}

// appendValue keeps the value as a parameter and writes its number. NULL is
// refused: no comparison with it holds, which is never what was meant.
func (b *CampaignQueryBuilder) appendValue(dst []byte, def *column, s *scalar) []byte {
	if s.kind == kindOther && isNil(s.other) {
		b.fail(misuse("column %s is compared with no value: use IsNull or IsNotNull", def.name))
		return dst
	}
	b.args.addScalar(s)
	return b.args.placeholder(dst)
}

func isNil(v any) bool {
	if v == nil {
		return true
	}
	if _, ok := v.(bool); ok {
		return false
	}
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}
