package cloudevents

import (
	"encoding/base64"
	"errors"
	"mime"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ovasabi/ovasabi/internal/load/jsonline"
	"github.com/ovasabi/ovasabi/pkg/event"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// campaignAttribute is the extension attribute that names the campaign.
const campaignAttribute = "campaignid"

// dataEncoding stands in the metadata where the payload is base64 text. Its
// underscore keeps it apart from every CloudEvents attribute.
const dataEncoding = `"data_encoding":"base64"`

// Event is an event with what names its campaign.
type Event struct {
	// Event holds the ID alone where the rest could not be read.
	event.Event
	// Campaign is the extension attribute campaignid as it was written; may be empty.
	Campaign string
}

// attributeNames are CloudEvents' names for an event's fields.
var attributeNames = map[string]string{
	"event_id": "id", "event_type": "type", "entity_id": "subject", "occurred_at": "time",
	"metadata": "attributes", "payload": "data",
}

// envelope is an event in the making.
type envelope struct {
	event.Event
	version, source, contentType, campaign string
	base64                                 string // JSON, with its quotes
	metadata                               []byte // JSON, without its end
}

func isDefined(name string) bool {
	switch name {
	case "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema":
		return true
	default:
		return false
	}
}

// onlyID is what is returned beside an error.
func (e *envelope) onlyID() Event {
	return Event{Event: event.Event{ID: e.ID}, Campaign: e.campaign}
}

// set takes the text of an attribute.
func (e *envelope) set(name, text string) (err error) {
	if isDefined(name) && text == "" {
		return fault.Field(name, "must not be empty: give it a value, or leave it out where CloudEvents lets you")
	}
	if strings.ContainsFunc(text, isControl) {
		return fault.Field(name, "must not contain control characters")
	}
	switch name {
	case "specversion":
		e.version = text
	case "id":
		e.ID = text
	case "source":
		e.source = text
		return checkURI(name, text)
	case "type":
		e.Type = text
	case "subject":
		e.EntityID = text
	case "time":
		e.OccurredAt, err = instant(text)
	case "datacontenttype":
		e.contentType = text
		if _, _, err := mime.ParseMediaType(text); err != nil {
			return fault.Field(name, "must be a media type, such as application/json")
		}
	case "dataschema":
		return checkURI(name, text)
	case campaignAttribute:
		e.campaign = text
	}
	return err
}

// isControl is CloudEvents' rule for strings: U+0000–U+001F and U+007F–U+009F are out.
func isControl(r rune) bool { return r < 0x20 || r >= 0x7f && r <= 0x9f }

func checkURI(name, text string) error {
	if _, err := url.Parse(text); err != nil {
		return fault.Field(name, "must be a URI or a relative reference, such as /shop/checkout")
	}
	return nil
}

// checkExtension judges an attribute that CloudEvents does not define.
func checkExtension(f jsonline.Field) error {
	if err := checkName(f.Name); err != nil {
		return err
	}
	switch f.Kind {
	case jsonline.Bool, jsonline.String:
		return nil
	case jsonline.Number:
		if f.Name == campaignAttribute && strings.Trim(f.Raw, "0123456789") == "" {
			return nil // a bigint, which is more than an Integer of CloudEvents
		}
		if _, err := strconv.ParseInt(f.Raw, 10, 32); err == nil {
			return nil
		}
		return fault.Field(f.Name, "must be a whole number from -2147483648 to 2147483647, or a string")
	default:
		return fault.Field(f.Name, "must be a string, a boolean or a whole number, not %s: put structure into data", f.Kind)
	}
}

func checkName(name string) error {
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return fault.Field(strconv.QuoteToASCII(name), "is no name of a CloudEvents attribute: those hold lower-case letters and digits only")
	}
	return nil
}

// keep puts an attribute into the metadata; raw is JSON.
func (e *envelope) keep(name, raw string) {
	if len(e.metadata) > 1 {
		e.metadata = append(e.metadata, ',')
	}
	e.metadata = jsonline.AppendQuoted(e.metadata, name)
	e.metadata = append(e.metadata, ':')
	e.metadata = append(e.metadata, raw...)
}

// done looks for what an event must have, and returns it.
func (e *envelope) done() (Event, error) {
	made := e.onlyID()
	switch {
	case e.version != "1.0":
		return made, fault.Field("specversion", `must be "1.0"`)
	case e.ID == "":
		return made, fault.Field("id", "must have a value: it identifies the event within its campaign")
	case e.source == "":
		return made, fault.Field("source", "must have a value, such as /shop/checkout")
	case e.Payload != "" && e.base64 != "":
		return made, fault.Field("data_base64", "must not stand beside data: an event has one or the other")
	}
	if e.base64 != "" {
		if err := e.decode(); err != nil {
			return made, err
		}
	}
	e.metadata = append(e.metadata, '}')
	e.Metadata = string(e.metadata)
	if e.Payload == "" {
		e.Payload = "null"
	}
	if err := e.Validate(); err != nil {
		return made, renamed(err)
	}
	made.Event = e.Event
	return made, nil
}

// renamed gives an error CloudEvents' name for the field.
func renamed(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || attributeNames[f.Field] == "" {
		return err
	}
	named := *f
	named.Field = attributeNames[f.Field]
	return &named
}

// decode turns data_base64 into the payload.
func (e *envelope) decode() error {
	bytes, err := base64.StdEncoding.DecodeString(jsonline.Field{Raw: e.base64}.Text())
	if err != nil {
		return fault.Field("data_base64", "must be base64 in the standard alphabet, with padding")
	}
	if isJSON(e.contentType) {
		return e.jsonData("data_base64", string(bytes))
	}
	e.Payload = e.base64
	e.keepEncoding()
	return nil
}

func (e *envelope) keepEncoding() {
	if len(e.metadata) > 1 {
		e.metadata = append(e.metadata, ',')
	}
	e.metadata = append(e.metadata, dataEncoding...)
}

// jsonData takes data that is said to be JSON.
func (e *envelope) jsonData(field, text string) error {
	var s jsonline.Scanner
	// The value stands in an object of its own, because Scan reads objects.
	fields, err := s.Scan(`{"data":` + text + `}`)
	if err != nil || len(fields) != 1 {
		return fault.Field(field, "must be JSON that PostgreSQL can store, as its content type says")
	}
	e.Payload = fields[0].Raw
	return nil
}

// byteData takes data that is not JSON: text as it is, bytes as base64.
func (e *envelope) byteData(bytes []byte) {
	text := string(bytes)
	if strings.HasPrefix(e.contentType, "text/") && utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 {
		e.Payload = string(jsonline.AppendQuoted(nil, text))
		return
	}
	e.Payload = `"` + base64.StdEncoding.EncodeToString(bytes) + `"`
	e.keepEncoding()
}

// isJSON reports whether a media type is JSON's. None at all is not: what comes
// without one is bytes.
func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json"))
}
