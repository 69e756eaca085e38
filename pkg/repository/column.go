package repository

import (
	"database/sql/driver"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// column keeps one column's values, in Go types that pgx encodes without boxing
// each of them in an interface: an array of n values costs no allocation a value.
type column interface {
	// add appends a value and returns its size in bytes, or an Invalid fault without a field.
	add(v any) (int, error)
	// truncate drops all values from position n on.
	truncate(n int)
	// isNull reports whether value i is NULL.
	isNull(i int) bool
	// array returns the chosen values as the argument of one array parameter.
	array(s selection) any
	// encode appends the same array as the wire has it.
	encode(buf []byte, s selection) []byte
	// at returns value i as an argument of its own.
	at(i int) any
	// appendKey appends the text form of value i, as kind.keyText returns it.
	appendKey(b []byte, i int) []byte
}

// selection is a run of rows: from, from+1, …, or the picked ones.
type selection struct {
	from, n int
	picked  []int32
}

func (s selection) row(i int) int {
	if s.picked != nil {
		return int(s.picked[s.from+i])
	}
	return s.from + i
}

// part returns n rows of the selection, from the given one on.
func (s selection) part(from, n int) selection {
	return selection{from: s.from + from, n: n, picked: s.picked}
}

// values is a column of one pgtype. E's pointer must be one of pgtype's valuers.
type values[E any] struct {
	kind  kind
	list  []E
	parse func(k kind, m *pgtype.Map, v any) (E, int, error)
	null  func(*E) bool
	key   func(b []byte, e *E) []byte
	// element appends a value that is not NULL, after its length, as the wire has it.
	element func(buf []byte, e *E) []byte
	types   *typeMap
}

func (c *values[E]) add(v any) (int, error) {
	e, size, err := c.parse(c.kind, c.types.get(), v)
	if err != nil {
		return 0, err
	}
	c.list = append(c.list, e)
	return size, nil
}

func (c *values[E]) truncate(n int) {
	clear(c.list[n:]) // lets go of strings
	c.list = c.list[:n]
}

func (c *values[E]) isNull(i int) bool { return c.null(&c.list[i]) }

func (c *values[E]) at(i int) any { return &c.list[i] }

func (c *values[E]) appendKey(b []byte, i int) []byte { return c.key(b, &c.list[i]) }

func (c *values[E]) array(s selection) any { return &arrayOf[E]{column: c, rows: s} }

// arrayOf is a pgtype.ArrayGetter over chosen values. Its elements are pointers
// into the column, which is why encoding does not allocate.
type arrayOf[E any] struct {
	column *values[E]
	rows   selection
}

func (a *arrayOf[E]) Dimensions() []pgtype.ArrayDimension {
	return []pgtype.ArrayDimension{{Length: int32(a.rows.n), LowerBound: 1}}
}

func (a *arrayOf[E]) Index(i int) any { return &a.column.list[a.rows.row(i)] }

func (a *arrayOf[E]) IndexType() any { return new(E) }

// Value is asked only where the server did not describe the parameter
// (QueryExecModeExec and the simple protocol): the array as text.
func (a *arrayOf[E]) Value() (driver.Value, error) {
	text, err := pgtype.NewMap().Encode(a.column.kind.arrayOID, pgtype.TextFormatCode, textOnly{a}, nil)
	if err != nil {
		return nil, fault.New(fault.Internal, "could not write an array as text: %w", err)
	}
	return string(text), nil
}

// textOnly hides Value, so that the array codec is chosen.
type textOnly struct{ pgtype.ArrayGetter }

// typeMap makes a pgtype.Map when first asked: most tables never need one.
type typeMap struct{ m *pgtype.Map }

func (t *typeMap) get() *pgtype.Map { return t.m }

func newColumn(k kind, types *typeMap) column {
	switch k.storage {
	case storedInt:
		return &values[pgtype.Int8]{kind: k, types: types, parse: parseInt, element: appendInt8,
			null: func(e *pgtype.Int8) bool { return !e.Valid },
			key:  func(b []byte, e *pgtype.Int8) []byte { return strconv.AppendInt(b, e.Int64, 10) }}
	case storedFloat:
		return &values[pgtype.Float8]{kind: k, types: types, parse: parseFloat, element: appendFloat8,
			null: func(e *pgtype.Float8) bool { return !e.Valid }}
	case storedBool:
		return &values[pgtype.Bool]{kind: k, types: types, parse: parseBool, element: appendBool,
			null: func(e *pgtype.Bool) bool { return !e.Valid },
			key:  func(b []byte, e *pgtype.Bool) []byte { return strconv.AppendBool(b, e.Bool) }}
	case storedTime:
		return &values[pgtype.Timestamptz]{kind: k, types: types, parse: parseTime, element: appendTimestamptz,
			null: func(e *pgtype.Timestamptz) bool { return !e.Valid },
			key:  func(b []byte, e *pgtype.Timestamptz) []byte { return strconv.AppendInt(b, e.Time.UnixMicro(), 10) }}
	case storedUUID:
		return &values[pgtype.UUID]{kind: k, types: types, parse: parseUUID, element: appendUUIDBytes,
			null: func(e *pgtype.UUID) bool { return !e.Valid }, key: appendUUID}
	default:
		c := &values[pgtype.Text]{kind: k, types: types, parse: parseText, element: appendText,
			null: func(e *pgtype.Text) bool { return !e.Valid },
			key:  func(b []byte, e *pgtype.Text) []byte { return append(b, e.String...) }}
		switch k.storage {
		case storedJSON:
			c.parse = parseJSON
		case storedLiteral:
			c.parse = parseLiteral
			if types.m == nil {
				types.m = pgtype.NewMap()
			}
		default:
		}
		return c
	}
}

func appendUUID(b []byte, e *pgtype.UUID) []byte {
	for i, group := range [...][2]int{{0, 4}, {4, 6}, {6, 8}, {8, 10}, {10, 16}} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, e.Bytes[group[0]:group[1]])
	}
	return b
}

// earliest and latest bound a timestamptz.
// Source: https://www.postgresql.org/docs/18/datatype-datetime.html
var (
	earliest = time.Date(-4712, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(294277, 1, 1, 0, 0, 0, 0, time.UTC)
)
