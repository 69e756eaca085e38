package repository

import (
	"fmt"
	"math"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"
)

// storage is how a column's values are kept until they are sent.
type storage uint8

const (
	storedText storage = iota
	storedInt
	storedFloat
	storedBool
	storedTime
	storedUUID
	storedJSON
	// storedLiteral keeps PostgreSQL's text form: numerics, arrays, ranges, enums.
	// Arrays must go this way: unnest would flatten an array of arrays.
	storedLiteral
)

// kind is what a column's type means to a batch.
type kind struct {
	storage storage
	// array is the parameter's type.
	array string
	// arrayOID is the same for pgx, where it must encode without asking the server.
	arrayOID uint32
	// oid is the type of the parameter's elements.
	oid uint32
	// cast says that the element type is not the column's own and must be cast in
	// the statement. Never for varchar(n): an explicit cast would cut silently.
	cast bool
	// keyable: equal Go values are equal in PostgreSQL, so ids can be matched by it.
	keyable bool
	// lowest and highest bound integers.
	lowest, highest int64
	// typeOID is pgx's type for the literals of Go values, 0 where pgx knows none.
	typeOID uint32
}

// keyText is the expression that returns a key column in the form of column.appendKey.
func (k kind) keyText(column string) string {
	switch k.storage {
	case storedTime:
		return "(extract(epoch FROM " + column + ") * 1000000)::bigint::text"
	case storedText:
		return column
	default:
		return column + "::text"
	}
}

var literalTypes = pgtype.NewMap()

// kindOf reads a type name. What it does not know is passed as a literal and
// cast by the server, so domains, enums and extension types work too.
func kindOf(typeName string) (kind, error) {
	base, dimension := strings.CutSuffix(strings.TrimSpace(typeName), "[]")
	base, modifier, _ := strings.Cut(strings.ToLower(base), "(")
	base = strings.TrimSpace(base)
	if base == "" || strings.ContainsAny(typeName, ";'$\x00") {
		return kind{}, fmt.Errorf("the type %q must be spelled as in SQL, such as text, bigint, numeric(10,2) or text[]", typeName)
	}
	if i := strings.IndexByte(modifier, ')'); i >= 0 && base == "timestamp" && strings.Contains(modifier[i:], "with time zone") {
		base = "timestamptz"
	}
	if dimension {
		return literal(typeName, "_"+canonicalName(base)), nil
	}
	switch canonicalName(base) {
	case "text", "varchar", "bpchar", "citext":
		// citext and bpchar compare otherwise than Go does.
		same := canonicalName(base) == "text" || canonicalName(base) == "varchar"
		return kind{storage: storedText, array: "text[]", arrayOID: pgtype.TextArrayOID, oid: pgtype.TextOID, keyable: same}, nil
	case "int8":
		return integer(math.MinInt64, math.MaxInt64, false), nil
	case "int4":
		return integer(math.MinInt32, math.MaxInt32, true), nil
	case "int2":
		return integer(math.MinInt16, math.MaxInt16, true), nil
	case "float8":
		return kind{storage: storedFloat, array: "double precision[]", arrayOID: pgtype.Float8ArrayOID, oid: pgtype.Float8OID}, nil
	case "float4":
		return kind{storage: storedFloat, array: "double precision[]", arrayOID: pgtype.Float8ArrayOID, oid: pgtype.Float8OID, cast: true}, nil
	case "bool":
		return kind{storage: storedBool, array: "boolean[]", arrayOID: pgtype.BoolArrayOID, oid: pgtype.BoolOID, keyable: true}, nil
	case "timestamptz":
		return kind{storage: storedTime, array: "timestamptz[]", arrayOID: pgtype.TimestamptzArrayOID, oid: pgtype.TimestamptzOID, cast: modifier != "", keyable: modifier == ""}, nil
	case "uuid":
		return kind{storage: storedUUID, array: "uuid[]", arrayOID: pgtype.UUIDArrayOID, oid: pgtype.UUIDOID, keyable: true}, nil
	case "json", "jsonb":
		return kind{storage: storedJSON, array: "text[]", arrayOID: pgtype.TextArrayOID, oid: pgtype.TextOID, cast: true}, nil
	default:
		return literal(typeName, canonicalName(base)), nil
	}
}

func integer(lowest, highest int64, cast bool) kind {
	return kind{storage: storedInt, array: "bigint[]", arrayOID: pgtype.Int8ArrayOID, oid: pgtype.Int8OID, cast: cast, keyable: true, lowest: lowest, highest: highest}
}

func literal(_, pgxName string) kind {
	k := kind{storage: storedLiteral, array: "text[]", arrayOID: pgtype.TextArrayOID, oid: pgtype.TextOID, cast: true}
	if t, ok := literalTypes.TypeForName(pgxName); ok {
		k.typeOID = t.OID
	}
	return k
}

// canonicalName turns SQL's spelling into the catalogue's.
func canonicalName(base string) string {
	switch base {
	case "bigint":
		return "int8"
	case "integer", "int":
		return "int4"
	case "smallint":
		return "int2"
	case "double precision", "float":
		return "float8"
	case "real":
		return "float4"
	case "boolean":
		return "bool"
	case "character varying":
		return "varchar"
	case "character", "char":
		return "bpchar"
	case "decimal":
		return "numeric"
	case "timestamp with time zone":
		return "timestamptz"
	case "timestamp without time zone":
		return "timestamp"
	default:
		return base
	}
}
