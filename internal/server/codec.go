package server

import (
	"bytes"
	"encoding/json"
	"errors"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// strictJSON is Connect's JSON with one difference: a field that the contract
// does not know is refused, because it is a misspelt one more often than a new one.
type strictJSON struct{}

var errNotProto = errors.New("not a protobuf message")

// Name makes connect take this codec in the place of its own.
func (strictJSON) Name() string { return "json" }

// Marshal writes a message.
func (strictJSON) Marshal(message any) ([]byte, error) {
	m, ok := message.(proto.Message)
	if !ok {
		return nil, errNotProto
	}
	return protojson.Marshal(m)
}

// MarshalAppend appends a message to dst.
func (strictJSON) MarshalAppend(dst []byte, message any) ([]byte, error) {
	m, ok := message.(proto.Message)
	if !ok {
		return nil, errNotProto
	}
	return protojson.MarshalOptions{}.MarshalAppend(dst, m)
}

// MarshalStable writes the same bytes for the same message, as GET requests need.
func (strictJSON) MarshalStable(message any) ([]byte, error) {
	text, err := strictJSON{}.Marshal(message)
	if err != nil {
		return nil, err
	}
	var compact bytes.Buffer
	err = json.Compact(&compact, text) // protojson adds blanks at random
	return compact.Bytes(), err
}

// IsBinary says that JSON is text.
func (strictJSON) IsBinary() bool { return false }

// Unmarshal reads a message.
func (strictJSON) Unmarshal(text []byte, message any) error {
	m, ok := message.(proto.Message)
	if !ok {
		return errNotProto
	}
	if len(text) == 0 {
		return errors.New("no JSON was sent: send {} for an empty message")
	}
	return protojson.UnmarshalOptions{RecursionLimit: maxDepth}.Unmarshal(text, m)
}

// maxDepth bounds how deep JSON may be nested.
const maxDepth = 200
