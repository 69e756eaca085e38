package query

import "time"

type operator uint8

const (
	opNone operator = iota
	opEqual
	opNotEqual
	opGreater
	opAtLeast
	opLess
	opAtMost
	opBetween
	opIn
	opNotIn
	opIsNull
	opIsNotNull
	opEqualColumn
	opContains
	opPathExists
	opMatches
	opAnyOf
)

// Condition is one condition on rows. The zero Condition is refused, so that a
// condition that was not made cannot widen a statement.
type Condition struct {
	op        operator
	def       *column
	right     *column // of opEqualColumn
	low, high scalar
	texts     []string     // of opIn, where low.kind is kindTexts
	nums      []int64      // of opIn, where low.kind is kindNums
	any       *[]Condition // of opAnyOf
}

type kind uint8

const (
	kindOther kind = iota
	kindNum
	kindText
	kindTime
	kindTexts
	kindNums
)

// scalar holds a value without boxing it: a fluent call then costs no
// allocation for the usual types.
type scalar struct {
	kind  kind
	num   int64
	text  string
	at    time.Time
	other any
}

func scalarOf[T any](v T) scalar {
	switch x := any(v).(type) {
	case int64:
		return scalar{kind: kindNum, num: x}
	case string:
		return scalar{kind: kindText, text: x}
	case time.Time:
		return scalar{kind: kindTime, at: x}
	case int32:
		return scalar{kind: kindNum, num: int64(x)}
	case int:
		return scalar{kind: kindNum, num: int64(x)}
	}
	return scalar{other: v} // boxed here, and not in the switch, so that only these values escape
}

func compare[T any](c *Column[T], op operator, v T) Condition {
	return Condition{op: op, def: c.field(), low: scalarOf(v)}
}

// Equal holds where the column has the value. Optimistic concurrency is
// version.Equal(seen) in an update: no row comes back where another was faster.
func (c *Column[T]) Equal(v T) Condition { return compare(c, opEqual, v) }

// NotEqual holds where the column has another value or none (IS DISTINCT FROM).
func (c *Column[T]) NotEqual(v T) Condition { return compare(c, opNotEqual, v) }

// GreaterThan holds where the column is greater than the value.
func (c *Column[T]) GreaterThan(v T) Condition { return compare(c, opGreater, v) }

// AtLeast holds where the column is the value or greater.
func (c *Column[T]) AtLeast(v T) Condition { return compare(c, opAtLeast, v) }

// LessThan holds where the column is less than the value.
func (c *Column[T]) LessThan(v T) Condition { return compare(c, opLess, v) }

// AtMost holds where the column is the value or less.
func (c *Column[T]) AtMost(v T) Condition { return compare(c, opAtMost, v) }

// Between is half-open: from is in, to is not. Neighbouring ranges then share no row.
func (c *Column[T]) Between(from, to T) Condition {
	return Condition{op: opBetween, def: c.field(), low: scalarOf(from), high: scalarOf(to)}
}

// In holds where the column has one of the values, sent as one array whatever
// their number (= ANY). Of no values it holds for no row. The slice is kept
// until the statement has run: do not change it before.
func (c *Column[T]) In(values ...T) Condition { return among(c, opIn, values) }

// NotIn holds where the column has none of the values, or no value at all. Of no
// values it holds for every row.
func (c *Column[T]) NotIn(values ...T) Condition { return among(c, opNotIn, values) }

func among[T any](c *Column[T], op operator, values []T) Condition {
	switch x := any(values).(type) {
	case []string:
		return Condition{op: op, def: c.field(), low: scalar{kind: kindTexts}, texts: x}
	case []int64:
		return Condition{op: op, def: c.field(), low: scalar{kind: kindNums}, nums: x}
	}
	return Condition{op: op, def: c.field(), low: scalar{other: values}}
}

// IsNull holds where the column has no value.
func (c *Column[T]) IsNull() Condition { return Condition{op: opIsNull, def: c.field()} }

// IsNotNull holds where the column has a value.
func (c *Column[T]) IsNotNull() Condition { return Condition{op: opIsNotNull, def: c.field()} }

// EqualColumn holds where both columns have the same value. It is what joins are made of.
func (c *Column[T]) EqualColumn(other *Column[T]) Condition {
	return Condition{op: opEqualColumn, def: c.field(), right: other.field()}
}

// AnyOf holds where at least one of the conditions does. Of none it is refused.
func AnyOf(conditions ...Condition) Condition {
	flat := make([]Condition, 0, len(conditions))
	for _, c := range conditions {
		if c.op == opAnyOf && len(*c.any) > 0 {
			flat = append(flat, *c.any...) // so that the builder need not recurse, and stays on the stack
		} else {
			flat = append(flat, c)
		}
	}
	return Condition{op: opAnyOf, any: &flat}
}
