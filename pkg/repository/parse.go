package repository

import (
	"database/sql/driver"
	"math"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// wrongType says what a column takes. It names Go types, never values.
func wrongType(wants string, v any) error {
	return fault.New(fault.Invalid, "must be %s, not a Go %T", wants, v)
}

// plain reduces what is not a basic type: pointers are followed, driver.Valuer
// is asked, named types become the type they are made of. nil means NULL.
func plain(v any) (any, error) {
	for range 8 { // a Valuer that returns itself ends here
		rv := reflect.ValueOf(v)
		if !rv.IsValid() || rv.Kind() == reflect.Pointer && rv.IsNil() {
			return nil, nil
		}
		if valuer, ok := v.(driver.Valuer); ok {
			next, err := valuer.Value()
			if err != nil {
				return nil, err
			}
			if next == nil {
				return nil, nil
			}
			v = next
			continue
		}
		switch rv.Kind() {
		case reflect.Pointer:
			v = rv.Elem().Interface()
			continue
		case reflect.String:
			return rv.String(), nil
		case reflect.Bool:
			return rv.Bool(), nil
		case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
			return rv.Int(), nil
		case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
			if rv.Uint() > math.MaxInt64 {
				return rv.Uint(), nil
			}
			return int64(rv.Uint()), nil
		case reflect.Float32, reflect.Float64:
			return rv.Float(), nil
		default:
			return v, nil
		}
	}
	return v, nil
}

func cleanText(s string) error {
	if strings.IndexByte(s, 0) >= 0 {
		return fault.New(fault.Invalid, "must not contain the character U+0000: PostgreSQL cannot store it")
	}
	if !utf8.ValidString(s) {
		return fault.New(fault.Invalid, "must be valid UTF-8")
	}
	return nil
}

func parseText(_ kind, _ *pgtype.Map, v any) (pgtype.Text, int, error) {
	s, ok := v.(string)
	if !ok {
		p, err := plain(v)
		if err != nil {
			return pgtype.Text{}, 0, err
		}
		switch p := p.(type) {
		case nil:
			return pgtype.Text{}, 4, nil
		case string:
			s = p
		case []byte:
			s = string(p)
		default:
			return pgtype.Text{}, 0, wrongType("text", v)
		}
	}
	if err := cleanText(s); err != nil {
		return pgtype.Text{}, 0, err
	}
	return pgtype.Text{String: s, Valid: true}, len(s) + 4, nil
}

func parseInt(k kind, _ *pgtype.Map, v any) (pgtype.Int8, int, error) {
	n, ok := v.(int64)
	if !ok {
		p, err := plain(v)
		if err != nil {
			return pgtype.Int8{}, 0, err
		}
		if p == nil {
			return pgtype.Int8{}, 4, nil
		}
		if _, tooBig := p.(uint64); tooBig {
			return pgtype.Int8{}, 0, fault.New(fault.Invalid, "must be from %d to %d", k.lowest, k.highest)
		}
		if n, ok = p.(int64); !ok {
			return pgtype.Int8{}, 0, wrongType("a whole number", v)
		}
	}
	if n < k.lowest || n > k.highest {
		return pgtype.Int8{}, 0, fault.New(fault.Invalid, "must be from %d to %d", k.lowest, k.highest)
	}
	return pgtype.Int8{Int64: n, Valid: true}, 12, nil
}

func parseFloat(_ kind, _ *pgtype.Map, v any) (pgtype.Float8, int, error) {
	p, err := plain(v)
	if err != nil {
		return pgtype.Float8{}, 0, err
	}
	switch p := p.(type) {
	case nil:
		return pgtype.Float8{}, 4, nil
	case float64:
		return pgtype.Float8{Float64: p, Valid: true}, 12, nil
	case int64:
		return pgtype.Float8{Float64: float64(p), Valid: true}, 12, nil
	default:
		return pgtype.Float8{}, 0, wrongType("a number", v)
	}
}

func parseBool(_ kind, _ *pgtype.Map, v any) (pgtype.Bool, int, error) {
	p, err := plain(v)
	if err != nil {
		return pgtype.Bool{}, 0, err
	}
	switch p := p.(type) {
	case nil:
		return pgtype.Bool{}, 4, nil
	case bool:
		return pgtype.Bool{Bool: p, Valid: true}, 5, nil
	default:
		return pgtype.Bool{}, 0, wrongType("true or false", v)
	}
}

// parseTime keeps the instant. PostgreSQL keeps no zone and no nanoseconds.
func parseTime(_ kind, _ *pgtype.Map, v any) (pgtype.Timestamptz, int, error) {
	t, ok := v.(time.Time)
	if !ok {
		p, err := plain(v)
		if err != nil {
			return pgtype.Timestamptz{}, 0, err
		}
		if p == nil {
			return pgtype.Timestamptz{}, 4, nil
		}
		if t, ok = p.(time.Time); !ok {
			return pgtype.Timestamptz{}, 0, wrongType("a time.Time", v)
		}
	}
	if t.Before(earliest) || !t.Before(latest) {
		return pgtype.Timestamptz{}, 0, fault.New(fault.Invalid, "must be a time between 4713 BC and 294276 AD")
	}
	return pgtype.Timestamptz{Time: t, Valid: true}, 12, nil
}

func parseUUID(_ kind, _ *pgtype.Map, v any) (pgtype.UUID, int, error) {
	var u pgtype.UUID
	switch v := v.(type) {
	case nil:
		return u, 4, nil
	case [16]byte:
		return pgtype.UUID{Bytes: v, Valid: true}, 20, nil
	case interface{ UUIDValue() (pgtype.UUID, error) }:
		u, err := v.UUIDValue()
		return u, 20, err
	}
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.Array && rv.Len() == 16 && rv.Type().Elem().Kind() == reflect.Uint8 {
		return pgtype.UUID{Bytes: rv.Convert(reflect.TypeFor[[16]byte]()).Interface().([16]byte), Valid: true}, 20, nil
	}
	p, err := plain(v)
	if err != nil {
		return u, 0, err
	}
	switch p := p.(type) {
	case nil:
		return u, 4, nil
	case string:
		if err := u.Scan(p); err != nil {
			return u, 0, fault.New(fault.Invalid, "must be a UUID")
		}
		return u, 20, nil
	case [16]byte:
		return pgtype.UUID{Bytes: p, Valid: true}, 20, nil
	default:
		return u, 0, wrongType("a UUID", v)
	}
}
