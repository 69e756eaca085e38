package cloudevents

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/ovasabi/ovasabi/internal/load/jsonline"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Parser reads events in the JSON format. It keeps its memory between them and is
// not safe for concurrent use; the zero value is ready.
// Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
type Parser struct {
	scanner jsonline.Scanner
	buf     []byte
}

// JSON reads one event.
func (p *Parser) JSON(text string) (Event, error) {
	fields, err := p.scanner.Scan(text)
	if err != nil {
		return Event{}, jsonFault(err)
	}
	return p.Fields(fields)
}

// Split takes a batch apart, without judging its events.
func Split(batch []byte) ([]json.RawMessage, error) {
	var texts []json.RawMessage
	if err := json.Unmarshal(batch, &texts); err != nil {
		return nil, fault.New(fault.Invalid, "the body must be a JSON array of CloudEvents")
	}
	return texts, nil
}

// Fields reads one event of which the JSON was read.
func (p *Parser) Fields(fields []jsonline.Field) (Event, error) {
	e := envelope{metadata: append(p.buf[:0], '{')}
	for _, f := range fields {
		keep, err := e.field(f)
		if err != nil {
			return e.onlyID(), err
		}
		if keep && f.Kind != jsonline.Null { // null is how JSON says that an attribute is not set
			e.keep(f.Name, f.Raw)
		}
	}
	event, err := e.done()
	p.buf = e.metadata
	return event, err
}

// field reads one field, and says whether it is kept in the metadata.
func (e *envelope) field(f jsonline.Field) (keep bool, err error) {
	switch f.Name {
	case "data":
		if f.Kind != jsonline.Null {
			e.Payload = f.Raw
		}
		return false, nil
	case "data_base64":
		if f.Kind == jsonline.Null {
			return false, nil
		}
		if f.Kind != jsonline.String {
			return false, fault.Field(f.Name, "must be a string of base64, not %s", f.Kind)
		}
		e.base64 = f.Raw
		return false, nil
	}
	if f.Kind == jsonline.Null {
		return false, nil
	}
	text := ""
	if f.Kind == jsonline.String {
		text = f.Text()
	}
	if !isDefined(f.Name) {
		if f.Name == campaignAttribute && f.Kind == jsonline.Number {
			text = f.Raw
		}
		if err := checkExtension(f); err != nil {
			return false, err
		}
		return true, e.set(f.Name, text)
	}
	if f.Kind != jsonline.String {
		return false, fault.Field(f.Name, "must be a string, not %s", f.Kind)
	}
	return f.Name != "id" && f.Name != "type", e.set(f.Name, text)
}

// jsonFault names the value at fault.
func jsonFault(err error) error {
	e, ok := errors.AsType[*jsonline.Error](err)
	if !ok {
		return fault.New(fault.Invalid, "the event cannot be read as JSON")
	}
	if e.Path == "" {
		return fault.New(fault.Invalid, "the event %s", strings.Replace(e.Reason, ", one on each line", "", 1))
	}
	return fault.Field(e.Path, "%s", e.Reason)
}

// instant reads a time of RFC 3339.
func instant(s string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, strings.ToUpper(s))
	if err != nil || at.Year() < 1 || at.UTC().Year() < 1 || at.UTC().Year() > 9999 {
		return time.Time{}, fault.Field("time", "must be a time of RFC 3339 from the year 1 to 9999, such as 2026-11-23T09:15:00Z")
	}
	if at.IsZero() { // which stands for none
		at = at.Add(time.Microsecond)
	}
	return at, nil
}
