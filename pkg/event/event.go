package event

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// The bounds of an event's fields: lengths in characters, sizes in bytes of JSON.
const (
	MaxIDLength       = 255
	MaxEntityIDLength = 255
	MaxMetadataBytes  = 65_536
	MaxPayloadBytes   = 262_144
)

// Event is an event as it is written, inside the campaign of the context.
type Event struct {
	// ID identifies the event in its campaign.
	ID string
	// Type has the form that ParseType reads.
	Type string
	// EntityID is what the event is about; may be empty.
	EntityID string
	// OccurredAt is when it happened; the zero time stands for when it is received.
	OccurredAt time.Time
	// Metadata is a JSON object, Payload any JSON value. Empty stands for {} and null.
	Metadata, Payload string
}

// Validate returns an Invalid fault for the first field that breaks a rule: one
// of event_id, event_type, entity_id, metadata, payload. That Metadata and
// Payload are JSON at all is not looked at here; whoever writes them does.
func (e *Event) Validate() error {
	if err := CheckID(e.ID); err != nil {
		return err
	}
	if err := CheckType(e.Type); err != nil {
		return err
	}
	if err := CheckEntityID(e.EntityID); err != nil {
		return err
	}
	if len(e.Metadata) > MaxMetadataBytes {
		return fault.Field("metadata", "must be at most %d bytes as JSON, not %d", MaxMetadataBytes, len(e.Metadata))
	}
	if len(e.Payload) > MaxPayloadBytes {
		return fault.Field("payload", "must be at most %d bytes as JSON, not %d", MaxPayloadBytes, len(e.Payload))
	}
	return nil
}

// CheckID returns an Invalid fault that names event_id unless id is 1 to 255
// characters that PostgreSQL can store.
func CheckID(id string) error {
	if id == "" {
		return fault.Field("event_id", "must have a value of 1 to %d characters", MaxIDLength)
	}
	return checkText("event_id", id, MaxIDLength)
}

// CheckEntityID returns an Invalid fault that names entity_id unless id is at
// most 255 characters that PostgreSQL can store.
func CheckEntityID(id string) error { return checkText("entity_id", id, MaxEntityIDLength) }

func checkText(field, s string, most int) error {
	switch {
	case !utf8.ValidString(s):
		return fault.Field(field, "must be valid UTF-8")
	case strings.IndexByte(s, 0) >= 0:
		return fault.Field(field, "must not contain the character U+0000: PostgreSQL cannot store it")
	case len(s) > most && utf8.RuneCountInString(s) > most:
		return fault.Field(field, "must be at most %d characters long, not %d", most, utf8.RuneCountInString(s))
	default:
		return nil
	}
}
