package query

import (
	"database/sql/driver"
	"encoding/binary"
	"math"
	"reflect"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

const (
	tagNull  = 'n'
	tagInt   = 'i'
	tagFloat = 'f'
	tagFalse = '0'
	tagTrue  = '1'
	tagText  = 's'
	tagBytes = 'y'
	tagUUID  = 'u'
	tagTime  = 't'
)

func appendCursorValue(dst []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return append(dst, tagNull), nil
	case int64:
		return binary.AppendVarint(append(dst, tagInt), v), nil
	case float64:
		return binary.BigEndian.AppendUint64(append(dst, tagFloat), math.Float64bits(v)), nil
	case bool:
		if v {
			return append(dst, tagTrue), nil
		}
		return append(dst, tagFalse), nil
	case string:
		dst = binary.AppendUvarint(append(dst, tagText), uint64(len(v)))
		return append(dst, v...), nil
	case []byte:
		if v == nil {
			return append(dst, tagNull), nil
		}
		dst = binary.AppendUvarint(append(dst, tagBytes), uint64(len(v)))
		return append(dst, v...), nil
	case [16]byte:
		return append(append(dst, tagUUID), v[:]...), nil
	case time.Time:
		dst = binary.AppendVarint(append(dst, tagTime), v.Unix())
		return binary.AppendUvarint(dst, uint64(v.Nanosecond())), nil
	case pgtype.InfinityModifier: // what pgx scans 'infinity'::timestamptz into
		return appendCursorValue(dst, v.String())
	case driver.Valuer:
		if r := reflect.ValueOf(v); r.Kind() == reflect.Pointer && r.IsNil() {
			return append(dst, tagNull), nil
		}
		inner, err := v.Value()
		if err != nil {
			return nil, err
		}
		if _, again := inner.(driver.Valuer); again && reflect.TypeOf(inner) == reflect.TypeOf(value) {
			return nil, misuse("a value of type %T cannot be part of a cursor", value)
		}
		return appendCursorValue(dst, inner)
	}
	return appendKindred(dst, value)
}

// appendKindred takes the types that are made of the usual ones.
func appendKindred(dst []byte, value any) ([]byte, error) {
	r := reflect.ValueOf(value)
	switch r.Kind() {
	case reflect.Pointer:
		if r.IsNil() {
			return append(dst, tagNull), nil
		}
		return appendCursorValue(dst, r.Elem().Interface())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return appendCursorValue(dst, r.Int())
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return appendCursorValue(dst, int64(r.Uint()))
	case reflect.Float32, reflect.Float64:
		return appendCursorValue(dst, r.Float())
	case reflect.String:
		return appendCursorValue(dst, r.String())
	case reflect.Bool:
		return appendCursorValue(dst, r.Bool())
	}
	return nil, misuse("a value of type %T cannot be part of a cursor", value)
}

// cursorValues reads what appendCursorValue wrote. The bytes were signed by us;
// all the same none of them is believed.
func cursorValues(raw []byte) ([]any, error) {
	values := make([]any, 0, 4)
	for len(raw) > 0 {
		tag := raw[0]
		v, n := cursorValue(tag, raw[1:])
		if n < 0 {
			return nil, errCursor()
		}
		values, raw = append(values, v), raw[1+n:]
	}
	return values, nil
}

// cursorValue returns a value and how many bytes it took, or -1.
func cursorValue(tag byte, raw []byte) (any, int) {
	switch tag {
	case tagNull:
		return nil, 0
	case tagFalse, tagTrue:
		return tag == tagTrue, 0
	case tagInt:
		if v, n := binary.Varint(raw); n > 0 {
			return v, n
		}
	case tagFloat:
		if len(raw) >= 8 {
			return math.Float64frombits(binary.BigEndian.Uint64(raw)), 8
		}
	case tagUUID:
		if len(raw) >= 16 {
			return [16]byte(raw[:16]), 16
		}
	case tagText, tagBytes:
		size, n := binary.Uvarint(raw)
		if n <= 0 || size > uint64(len(raw)-n) {
			return nil, -1
		}
		end := n + int(size)
		if tag == tagText {
			return string(raw[n:end]), end
		}
		return append([]byte{}, raw[n:end]...), end
	case tagTime:
		seconds, n := binary.Varint(raw)
		if n <= 0 {
			return nil, -1
		}
		nanos, m := binary.Uvarint(raw[n:])
		if m <= 0 || nanos > 999_999_999 {
			return nil, -1
		}
		return time.Unix(seconds, int64(nanos)).UTC(), n + m
	}
	return nil, -1
}
