package wire

import (
	"bytes"
	"encoding/json"
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// MaxMetadata bounds metadata, in bytes of JSON.
const MaxMetadata = 64 << 10

// Metadata writes a request's metadata as jsonb, nil as an empty object. An
// Invalid fault names the field when it is too large.
func Metadata(field string, s *structpb.Struct) ([]byte, error) {
	if s == nil {
		return []byte("{}"), nil
	}
	text, err := protojson.Marshal(s)
	if err != nil { // a number that is not finite
		return nil, fault.Field(field, "must be JSON: numbers must be finite")
	}
	if len(text) > MaxMetadata {
		return nil, fault.Field(field, "must be at most %d bytes as JSON, not %d", MaxMetadata, len(text))
	}
	return text, nil
}

// OptionalMetadata is Metadata for an update: nil, which keeps what there is, stays nil.
func OptionalMetadata(field string, s *structpb.Struct) ([]byte, error) {
	if s == nil {
		return nil, nil
	}
	return Metadata(field, s)
}

// Struct reads a jsonb object for an answer.
func Struct(text []byte) (*structpb.Struct, error) {
	if len(text) == len("{}") { // as most are, and a list has many
		return &structpb.Struct{}, nil
	}
	v, err := Value(text)
	if err != nil {
		return nil, err
	}
	s := v.GetStructValue()
	if s == nil {
		return nil, fault.New(fault.Internal, "a jsonb column holds no object")
	}
	return s, nil
}

// Value reads any jsonb value for an answer. A number that no double can hold,
// which jsonb may, comes as its digits in a string.
func Value(text []byte) (*structpb.Value, error) {
	v := &structpb.Value{}
	if err := protojson.Unmarshal(text, v); err == nil {
		return v, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		return nil, fault.New(fault.Internal, "a jsonb column cannot be read: %w", err)
	}
	v, err := structpb.NewValue(withoutHugeNumbers(tree))
	if err != nil {
		return nil, fault.New(fault.Internal, "a jsonb column cannot be sent: %w", err)
	}
	return v, nil
}

func withoutHugeNumbers(tree any) any {
	switch t := tree.(type) {
	case json.Number:
		if f, err := t.Float64(); err == nil && !math.IsInf(f, 0) {
			return f
		}
		return t.String()
	case []any:
		for i := range t {
			t[i] = withoutHugeNumbers(t[i])
		}
	case map[string]any:
		for k := range t {
			t[k] = withoutHugeNumbers(t[k])
		}
	}
	return tree
}

// Tags is a jsonb array of strings. An element that is something else, which the
// schema does not forbid, comes as its JSON text.
type Tags []string

// UnmarshalJSON reads the array.
func (t *Tags) UnmarshalJSON(text []byte) error {
	var elements []json.RawMessage
	if err := json.Unmarshal(text, &elements); err != nil {
		return err
	}
	*t = make(Tags, len(elements))
	for i, e := range elements {
		if err := json.Unmarshal(e, &(*t)[i]); err != nil {
			(*t)[i] = string(e)
		}
	}
	return nil
}

// TagsJSON writes tags as jsonb; nil is an empty array.
func TagsJSON(tags []string) ([]byte, error) {
	if tags == nil {
		return []byte("[]"), nil
	}
	text, err := json.Marshal(tags)
	if err != nil {
		return nil, fault.New(fault.Internal, "tags cannot be written as JSON: %w", err)
	}
	return text, nil
}

// Timestamp writes a time for an answer.
func Timestamp(t time.Time) *timestamppb.Timestamp { return timestamppb.New(t) }

// OptionalTimestamp writes a time that may be missing.
func OptionalTimestamp(t *time.Time) *timestamppb.Timestamp {
	if t == nil {
		return nil
	}
	return timestamppb.New(*t)
}

// OptionalTime reads a time that may be missing.
func OptionalTime(t *timestamppb.Timestamp) *time.Time {
	if t == nil {
		return nil
	}
	at := t.AsTime()
	return &at
}
