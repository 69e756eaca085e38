package nexus

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/structpb"

	nexusv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/nexus/v1"
	"github.com/ovasabi/ovasabi/internal/load/jsonline"
	"github.com/ovasabi/ovasabi/pkg/event"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// judge reads an event of the contract, without its campaign. draft.err names
// the first field that breaks a rule.
func judge(r *nexusv1.EventRequest) draft {
	e := event.Event{ID: r.GetEventId(), Type: r.GetEventType(), EntityID: r.GetEntityId(), Metadata: "{}", Payload: "null"}
	if e.ID == "" {
		made, err := uuid.NewV7() // in the order of time, so that the index grows at its end
		if err != nil {
			return draft{event: e, err: fault.New(fault.Internal, "no random bytes for an event's id: %w", err)}
		}
		e.ID = made.String()
	}
	if at := r.GetOccurredAt(); at != nil {
		if !at.IsValid() {
			return draft{event: e, err: fault.Field("occurred_at", "must be a time from the year 1 to 9999, with 0 to 999999999 nanoseconds")}
		}
		e.OccurredAt = at.AsTime()
		if e.OccurredAt.IsZero() { // the zero time stands for none
			e.OccurredAt = e.OccurredAt.Add(time.Microsecond)
		}
	}
	var err error
	if r.GetMetadata() != nil {
		if e.Metadata, err = jsonText("metadata", structpb.NewStructValue(r.GetMetadata()), event.MaxMetadataBytes); err != nil {
			return draft{event: e, err: err}
		}
	}
	if r.GetPayload() != nil {
		if e.Payload, err = jsonText("payload", r.GetPayload(), event.MaxPayloadBytes); err != nil {
			return draft{event: e, err: err}
		}
	}
	return draft{event: e, err: e.Validate()}
}

// deepest is how deep a payload may be nested.
const deepest = 200

// jsonText writes a value as JSON. It is what protojson would write, in a third
// of the time, and refuses what jsonb cannot hold.
func jsonText(field string, v *structpb.Value, most int) (string, error) {
	text, err := appendJSON(make([]byte, 0, 256), field, v, deepest)
	if err != nil {
		return "", err
	}
	if len(text) > most {
		return "", fault.Field(field, "must be at most %d bytes as JSON, not %d", most, len(text))
	}
	return string(text), nil
}

func appendJSON(dst []byte, field string, v *structpb.Value, deep int) ([]byte, error) {
	if deep == 0 {
		return nil, fault.Field(field, "must be nested at most %d deep", deepest)
	}
	var err error
	switch k := v.GetKind().(type) {
	case *structpb.Value_StringValue:
		return appendText(dst, field, k.StringValue)
	case *structpb.Value_NumberValue:
		return appendNumber(dst, field, k.NumberValue)
	case *structpb.Value_BoolValue:
		return strconv.AppendBool(dst, k.BoolValue), nil
	case *structpb.Value_StructValue:
		dst = append(dst, '{')
		for name, value := range k.StructValue.GetFields() {
			if dst[len(dst)-1] != '{' {
				dst = append(dst, ',')
			}
			if dst, err = appendText(dst, field, name); err != nil {
				return nil, err
			}
			dst = append(dst, ':')
			if dst, err = appendJSON(dst, field, value, deep-1); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	case *structpb.Value_ListValue:
		dst = append(dst, '[')
		for i, value := range k.ListValue.GetValues() {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = appendJSON(dst, field, value, deep-1); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	default: // null, and a value of no kind
		return append(dst, "null"...), nil
	}
}

func appendText(dst []byte, field, s string) ([]byte, error) {
	if strings.IndexByte(s, 0) >= 0 {
		return nil, fault.Field(field, "must not contain the character U+0000: PostgreSQL cannot store it")
	}
	if !utf8.ValidString(s) {
		return nil, fault.Field(field, "must be valid UTF-8")
	}
	return jsonline.AppendQuoted(dst, s), nil
}

// appendNumber writes whole numbers without an exponent, as people send them.
func appendNumber(dst []byte, field string, n float64) ([]byte, error) {
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return nil, fault.Field(field, "must be JSON: numbers must be finite")
	}
	if size := math.Abs(n); size != 0 && (size < 1e-6 || size >= 1e21) {
		return strconv.AppendFloat(dst, n, 'e', -1, 64), nil
	}
	return strconv.AppendFloat(dst, n, 'f', -1, 64), nil
}

// within puts a path before the field that an error names.
func within(path string, err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	inside := *f
	if inside.Field == "" {
		inside.Field = path
	} else {
		inside.Field = path + "." + inside.Field
	}
	return &inside
}
