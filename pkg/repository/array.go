package repository

import (
	"encoding/binary"
	"math"

	"github.com/jackc/pgx/v5/pgtype"
)

// arrayHeader is the size of what precedes the elements of a one-dimensional array.
const arrayHeader = 20

// encode appends the chosen values as one array parameter in binary. Sizes and
// order are those of array_recv in PostgreSQL's src/backend/utils/adt/arrayfuncs.c.
func (c *values[E]) encode(buf []byte, s selection) []byte {
	start := len(buf)
	buf = binary.BigEndian.AppendUint32(buf, 1)          // dimensions
	buf = binary.BigEndian.AppendUint32(buf, 0)          // whether there are NULLs, below
	buf = binary.BigEndian.AppendUint32(buf, c.kind.oid) // of the elements
	buf = binary.BigEndian.AppendUint32(buf, uint32(s.n))
	buf = binary.BigEndian.AppendUint32(buf, 1) // lower bound
	for i := range s.n {
		e := &c.list[s.row(i)]
		if c.null(e) {
			buf = binary.BigEndian.AppendUint32(buf, math.MaxUint32)
			buf[start+7] = 1
			continue
		}
		buf = c.element(buf, e)
	}
	return buf
}

// The elements, each after its length.

func appendText(buf []byte, e *pgtype.Text) []byte {
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(e.String)))
	return append(buf, e.String...)
}

func appendInt8(buf []byte, e *pgtype.Int8) []byte { return appendEight(buf, uint64(e.Int64)) }

func appendFloat8(buf []byte, e *pgtype.Float8) []byte {
	return appendEight(buf, math.Float64bits(e.Float64))
}

func appendBool(buf []byte, e *pgtype.Bool) []byte {
	buf = binary.BigEndian.AppendUint32(buf, 1)
	if e.Bool {
		return append(buf, 1)
	}
	return append(buf, 0)
}

// epoch is PostgreSQL's, 2000-01-01, in microseconds after Unix's.
const epoch = 946_684_800_000_000

func appendTimestamptz(buf []byte, e *pgtype.Timestamptz) []byte {
	return appendEight(buf, uint64(e.Time.UnixMicro()-epoch))
}

func appendUUIDBytes(buf []byte, e *pgtype.UUID) []byte {
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(e.Bytes)))
	return append(buf, e.Bytes[:]...)
}

func appendEight(buf []byte, v uint64) []byte {
	buf = binary.BigEndian.AppendUint32(buf, 8)
	return binary.BigEndian.AppendUint64(buf, v)
}
