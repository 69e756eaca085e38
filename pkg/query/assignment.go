package query

import "time"

type assignOp uint8

const (
	assignNone assignOp = iota
	assignValue
	assignNull
	assignDefault
	assignNow
	assignAdd
	assignMerge
	assignExcluded
)

// Assignment gives a column its value in an insert or update. The zero
// Assignment is refused.
type Assignment struct {
	op    assignOp
	def   *column
	value scalar
}

// Set writes the value.
func (c *Column[T]) Set(v T) Assignment {
	return Assignment{op: assignValue, def: c.field(), value: scalarOf(v)}
}

// SetNull writes NULL.
func (c *Column[T]) SetNull() Assignment { return Assignment{op: assignNull, def: c.field()} }

// SetDefault writes the column's default.
func (c *Column[T]) SetDefault() Assignment { return Assignment{op: assignDefault, def: c.field()} }

// SetExcluded writes the value that the refused insert had. Only in DoUpdate.
func (c *Column[T]) SetExcluded() Assignment { return Assignment{op: assignExcluded, def: c.field()} }

// SetNow writes the time at which the transaction began, by the server's clock.
func SetNow(c *Column[time.Time]) Assignment { return Assignment{op: assignNow, def: c.field()} }

// Add adds to the number that the row has. Only in updates.
func Add[N int32 | int64 | float64](c *Column[N], by N) Assignment {
	return Assignment{op: assignAdd, def: c.field(), value: scalarOf(by)}
}
