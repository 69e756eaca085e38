package load

import (
	"encoding/base64"
	"fmt"
	"mime"
	"net/url"
	"strconv"
	"strings"

	"github.com/ovasabi/ovasabi/internal/load/jsonline"
	"github.com/ovasabi/ovasabi/pkg/event"
)

// attributeNames are CloudEvents' names for an event's fields and columns, as
// the rejects file uses them.
var attributeNames = map[string]string{
	"event_id": "id", "event_type": "type", "entity_id": "subject", "occurred_at": "time",
	"metadata": "attributes", "payload": "data",
}

// dataEncoding stands in the metadata where payload is base64 text. Its
// underscore keeps it apart from every CloudEvents attribute.
const dataEncoding = `"data_encoding":"base64"`

// cloudEvent reads an event in the JSON format of CloudEvents 1.0.
// Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
//
// id, type, subject, time and data become columns. All attributes but id and
// type stay in the metadata as they were written: the time with its offset,
// source, subject, datacontenttype, dataschema and the extensions.
func (d *parser) cloudEvent(fields []jsonline.Field, r *row) *problem {
	e := envelope{metadata: append(d.buf, '{')}
	for _, f := range fields {
		keep, p := d.envelopeField(&e, f)
		if p != nil {
			return p
		}
		// null is how JSON says that an attribute is not set.
		if keep && f.Kind != jsonline.Null {
			e.keep(f)
		}
	}
	if p := e.judge(); p != nil {
		return p
	}
	if e.base64Data != "" {
		var p *problem
		if e.Payload, p = decoded(e.base64Data, e.contentType); p != nil {
			return p
		}
		if !isJSON(e.contentType) {
			e.metadata = append(e.metadata, ","+dataEncoding...)
		}
	}
	e.metadata = append(e.metadata, '}')
	e.Metadata, d.buf = string(e.metadata), e.metadata[:0]
	if err := e.Validate(); err != nil {
		p := asProblem(err)
		if name := attributeNames[p.field]; name != "" {
			p.field = name
		}
		return p
	}
	if e.Payload == "" {
		e.Payload = "null"
	}
	r.bytes = len(e.Metadata)
	r.values = []any{e.ID, e.Type, e.EntityID, e.occurred, e.Metadata, e.Payload}
	return nil
}

// envelope is an event in the making.
type envelope struct {
	event.Event
	version, source, contentType, base64Data string
	occurred                                 any    // nil where no time was given
	metadata                                 []byte // JSON, without its end
}

// envelopeField reads one field, and says whether it is kept in the metadata.
func (d *parser) envelopeField(e *envelope, f jsonline.Field) (keep bool, p *problem) {
	keep = true
	switch f.Name {
	case "specversion":
		e.version, p = attribute(f)
	case "id":
		e.ID, p = attribute(f)
		keep = false
	case "source":
		if e.source, p = attribute(f); e.source != "" {
			p = d.remember(f, e.source, checkURI)
		}
	case "type":
		e.Type, p = attribute(f)
		keep = false
	case "subject":
		e.EntityID, p = attribute(f)
	case "time":
		if f.Kind != jsonline.Null {
			e.occurred, p = instant(f)
		}
	case "datacontenttype":
		if e.contentType, p = attribute(f); e.contentType != "" {
			p = d.remember(f, e.contentType, checkMediaType)
		}
	case "dataschema":
		var schema string
		if schema, p = attribute(f); schema != "" {
			p = d.remember(f, schema, checkURI)
		}
	case "data":
		keep = false
		if f.Kind != jsonline.Null {
			e.Payload = f.Raw
		}
	case "data_base64":
		e.base64Data, p = binary(f)
		keep = false
	default:
		p = extension(f)
	}
	return keep, p
}

// keep puts an attribute into the metadata as it was written.
func (e *envelope) keep(f jsonline.Field) {
	if len(e.metadata) > 1 {
		e.metadata = append(e.metadata, ',')
	}
	e.metadata = jsonline.AppendQuoted(e.metadata, f.Name)
	e.metadata = append(e.metadata, ':')
	e.metadata = append(e.metadata, f.Raw...)
}

// judge looks for what an event must have.
func (e *envelope) judge() *problem {
	switch {
	case e.version != "1.0":
		return wrong("specversion", `must be "1.0": each line is an event of CloudEvents 1.0`)
	case e.ID == "":
		return wrong("id", "must have a value: it identifies the event within its campaign")
	case e.source == "":
		return wrong("source", "must have a value, such as /shop/checkout")
	case e.Payload != "" && e.base64Data != "":
		return wrong("data_base64", "must not stand beside data: an event has one or the other")
	default:
		return nil
	}
}

// attribute reads an attribute of type String; null means that it is not set.
func attribute(f jsonline.Field) (string, *problem) {
	if f.Kind == jsonline.Null {
		return "", nil
	}
	if f.Kind != jsonline.String {
		return "", wrong(f.Name, "must be a string, not "+f.Kind.String())
	}
	s := f.Text()
	if s == "" {
		return "", wrong(f.Name, "must not be empty: give it a value, or leave it out where CloudEvents lets you")
	}
	if !noControls(s) {
		return "", wrong(f.Name, "must not contain control characters")
	}
	return s, nil
}

// noControls is CloudEvents' rule for strings: U+0000–U+001F and U+007F–U+009F are out.
func noControls(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r >= 0x7f && r <= 0x9f })
}

// extension judges an attribute that CloudEvents does not define.
func extension(f jsonline.Field) *problem {
	if f.Name == "" || strings.Trim(f.Name, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		name := f.Name
		if name == "" {
			name = `""`
		}
		return wrong(name, "is no name of a CloudEvents attribute: those hold lower-case letters and digits only")
	}
	switch f.Kind {
	case jsonline.Null, jsonline.Bool:
		return nil
	case jsonline.String:
		if !noControls(f.Text()) {
			return wrong(f.Name, "must not contain control characters")
		}
		return nil
	case jsonline.Number:
		if _, err := strconv.ParseInt(f.Raw, 10, 32); err == nil {
			return nil
		}
		return wrong(f.Name, "must be a whole number from -2147483648 to 2147483647, or a string")
	default:
		return wrong(f.Name, "must be a string, a boolean or a whole number, not "+f.Kind.String()+": put structure into data")
	}
}

// remember judges a value unless the same value was good on a line before.
func (d *parser) remember(f jsonline.Field, value string, check func(string) string) *problem {
	if last, ok := d.known[f.Name]; ok && last == value {
		return nil
	}
	if reason := check(value); reason != "" {
		return wrong(f.Name, reason)
	}
	d.known[f.Name] = strings.Clone(value)
	return nil
}

func checkURI(s string) string {
	if _, err := url.Parse(s); err != nil {
		return "must be a URI or a relative reference, such as /shop/checkout"
	}
	return ""
}

func checkMediaType(s string) string {
	if _, _, err := mime.ParseMediaType(s); err != nil {
		return "must be a media type, such as application/json"
	}
	return ""
}

// binary reads data_base64.
func binary(f jsonline.Field) (string, *problem) {
	if f.Kind == jsonline.Null {
		return "", nil
	}
	if f.Kind != jsonline.String {
		return "", wrong(f.Name, "must be a string of base64, not "+f.Kind.String())
	}
	return f.Raw, nil
}

// decoded turns data_base64 into the payload: what it holds where that is JSON,
// else the base64 text itself, as a JSON string.
func decoded(quoted, contentType string) (string, *problem) {
	bytes, err := base64.StdEncoding.DecodeString(jsonline.Field{Raw: quoted}.Text())
	if err != nil {
		return "", wrong("data_base64", "must be base64 in the standard alphabet, with padding")
	}
	if !isJSON(contentType) {
		return quoted, nil
	}
	// The value stands in an object of its own, because Scan reads objects.
	var s jsonline.Scanner
	fields, err := s.Scan(`{"data_base64":` + string(bytes) + `}`)
	if err != nil || len(fields) != 1 {
		return "", wrong("data_base64", fmt.Sprintf("must hold JSON that PostgreSQL can store, as datacontenttype %s says", contentType))
	}
	return fields[0].Raw, nil
}

// isJSON reports whether a media type is JSON's. None at all is not: what stands
// in data_base64 then is bytes.
func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json"))
}
