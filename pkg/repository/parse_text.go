package repository

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unsafe"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// parseJSON takes JSON text as string, []byte or json.RawMessage, kept as it is;
// every other value is marshalled. A nil is NULL; JSON's own null is the text "null".
func parseJSON(_ kind, _ *pgtype.Map, v any) (pgtype.Text, int, error) {
	var s string
	switch v := v.(type) {
	case nil:
		return pgtype.Text{}, 4, nil
	case string:
		s = v
	case []byte:
		if v == nil {
			return pgtype.Text{}, 4, nil
		}
		s = string(v)
	case json.RawMessage:
		if v == nil {
			return pgtype.Text{}, 4, nil
		}
		s = string(v)
	case driver.Valuer:
		p, err := plain(v)
		if err != nil {
			return pgtype.Text{}, 0, err
		}
		if _, again := p.(driver.Valuer); again {
			return pgtype.Text{}, 0, wrongType("JSON", v)
		}
		return parseJSON(kind{}, nil, p)
	default:
		if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer && rv.IsNil() {
			return pgtype.Text{}, 4, nil
		}
		b, err := json.Marshal(v)
		if err != nil {
			return pgtype.Text{}, 0, fault.New(fault.Invalid, "must be a value that encoding/json can write, not a Go %T", v)
		}
		s = string(b)
	}
	if err := cleanJSON(s); err != nil {
		return pgtype.Text{}, 0, err
	}
	return pgtype.Text{String: s, Valid: true}, len(s) + 4, nil
}

func cleanJSON(s string) error {
	if err := cleanText(s); err != nil {
		return err
	}
	for rest := s; ; {
		i := strings.Index(rest, `\u0000`)
		if i < 0 {
			break
		}
		slashes := 0
		for j := i; j >= 0 && rest[j] == '\\'; j-- {
			slashes++
		}
		if slashes%2 == 1 {
			return fault.New(fault.Invalid, `must not contain the escape \u0000: PostgreSQL cannot store that character`)
		}
		rest = rest[i+2:]
	}

	if !json.Valid(unsafe.Slice(unsafe.StringData(s), len(s))) {
		return fault.New(fault.Invalid, "must be valid JSON")
	}
	return nil
}

// parseLiteral writes a value as PostgreSQL would read it from text. Strings
// are taken as such literals already.
func parseLiteral(k kind, m *pgtype.Map, v any) (pgtype.Text, int, error) {
	var s string
	switch v := v.(type) {
	case nil:
		return pgtype.Text{}, 4, nil
	case string:
		s = v
	case int64:
		s = strconv.FormatInt(v, 10)
	case float64:
		s = strconv.FormatFloat(v, 'f', -1, 64)
	default:
		text, err := encodeLiteral(k, m, v)
		if err != nil {
			return pgtype.Text{}, 0, err
		}
		if text == nil {
			return pgtype.Text{}, 4, nil
		}
		s = string(text)
	}
	if err := cleanText(s); err != nil {
		return pgtype.Text{}, 0, err
	}
	return pgtype.Text{String: s, Valid: true}, len(s) + 4, nil
}

func encodeLiteral(k kind, m *pgtype.Map, v any) ([]byte, error) {
	if k.typeOID != 0 {
		if text, err := m.Encode(k.typeOID, pgtype.TextFormatCode, v, []byte{}); err == nil {
			return text, nil
		}
	}
	p, err := plain(v)
	if err != nil {
		return nil, err
	}
	switch p := p.(type) {
	case nil:
		return nil, nil
	case string:
		return []byte(p), nil
	case int64:
		return strconv.AppendInt(nil, p, 10), nil
	case uint64:
		return strconv.AppendUint(nil, p, 10), nil
	case float64:
		return strconv.AppendFloat(nil, p, 'f', -1, 64), nil
	case fmt.Stringer:
		return []byte(p.String()), nil
	case []byte:
		return bytes.Clone(p), nil
	}
	return nil, wrongType("a value of its PostgreSQL type, or that type's text", v)
}
