package cloudevents

import (
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ovasabi/ovasabi/internal/load/jsonline"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Mode is how an HTTP message carries events.
// Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
type Mode uint8

// The content modes; None is a message that holds no event.
const (
	None Mode = iota
	// Binary: attributes in headers, data as the body.
	Binary
	// Structured: one event in the JSON format as the body.
	Structured
	// Batched: a JSON array of them.
	Batched
)

// headerPrefix begins the headers of attributes, in Go's spelling.
const headerPrefix = "Ce-"

// ModeOf tells the mode by the headers of a message.
func ModeOf(h http.Header) Mode {
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	switch {
	case err == nil && media == "application/cloudevents+json":
		return Structured
	case err == nil && media == "application/cloudevents-batch+json":
		return Batched
	case err == nil && strings.HasPrefix(media, "application/cloudevents"):
		return None // another format, such as Avro
	case h.Get("Ce-Specversion") != "" || h.Get("Ce-Id") != "" || h.Get("Ce-Type") != "":
		return Binary
	default:
		return None
	}
}

// FromBinary reads an event in the binary mode. All attributes are texts there,
// and stay so in the metadata.
func FromBinary(h http.Header, body []byte) (Event, error) {
	e := envelope{metadata: []byte{'{'}}
	for _, header := range slices.Sorted(maps.Keys(h)) {
		name, is := strings.CutPrefix(header, headerPrefix)
		if !is {
			continue
		}
		if name = strings.ToLower(name); name == "datacontenttype" {
			return e.onlyID(), fault.Field(name, "must be given by the header Content-Type")
		}
		if err := e.header(name, h[header]); err != nil {
			return e.onlyID(), err
		}
	}
	if contentType := h.Get("Content-Type"); contentType != "" {
		if err := e.header("datacontenttype", []string{contentType}); err != nil {
			return e.onlyID(), err
		}
	}
	switch {
	case len(body) == 0:
	case isJSON(e.contentType):
		if err := e.jsonData("data", string(body)); err != nil {
			return e.onlyID(), err
		}
	default:
		e.byteData(body)
	}
	return e.done()
}

func (e *envelope) header(name string, values []string) error {
	if len(values) != 1 {
		return fault.Field(name, "must stand once in the headers")
	}
	if err := checkName(name); err != nil {
		return err
	}
	text, err := unescaped(values[0])
	if err != nil {
		return fault.Field(name, "must be UTF-8, percent-encoded where it is not ASCII")
	}
	if err := e.set(name, text); err != nil {
		return err
	}
	if name != "id" && name != "type" {
		e.keep(name, string(jsonline.AppendQuoted(nil, text)))
	}
	return nil
}

// unescaped reads a header's value. A percent sign that begins no escape stands for itself.
func unescaped(value string) (string, error) {
	text, err := url.PathUnescape(value)
	if err != nil {
		text = value
	}
	if !utf8.ValidString(text) {
		return "", fault.Invalid
	}
	return text, nil
}
