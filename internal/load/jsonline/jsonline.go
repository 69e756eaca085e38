// Package jsonline reads one line of NDJSON: a JSON object whose fields are
// wanted as they stand in the text, without a copy.
//
// It is stricter than encoding/json where PostgreSQL is, or where data would be
// lost without a word: text that is not UTF-8, the character U+0000, half a
// surrogate pair, a name that stands twice in an object and a value nested too
// deep are refused, each with the path of the value at fault.
package jsonline

import (
	"fmt"
	"slices"
	"strings"
)

// MaxDepth is how deep objects and arrays may be nested.
const MaxDepth = 500

// Kind is what a JSON value is.
type Kind uint8

// The kinds of JSON values.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

var kindNames = [...]string{
	Null: "null", Bool: "a boolean", Number: "a number", String: "a string", Array: "an array", Object: "an object",
}

// String names the kind as an error does: "a string".
func (k Kind) String() string { return kindNames[k] }

// Field is one field of the object. Raw is the value as it stands in the line.
type Field struct {
	Name string
	Kind Kind
	Raw  string
}

// Text returns the value of a String field.
func (f Field) Text() string { return unquote(f.Raw) }

// Error says what is wrong with a line. Path names the value at fault, such as
// data.paths[3]; it is empty where the line as a whole is at fault.
type Error struct {
	Path   string
	Reason string
}

// Error returns the path and the reason.
func (e *Error) Error() string {
	if e.Path == "" {
		return e.Reason
	}
	return e.Path + ": " + e.Reason
}

// longestPath bounds the path in an error: names come from the data.
const longestPath = 200

// Scanner reads lines. It keeps its memory between them, so that a line without
// escapes costs no allocation. It is not safe for concurrent use.
type Scanner struct {
	text   string
	at     int
	depth  int
	fields []Field
	names  []string // of all objects that are open, one after the other
}

// Scan validates the line and returns the fields of its object. The slice is
// good until the next Scan; the strings in it share the line's memory.
func (s *Scanner) Scan(line string) ([]Field, error) {
	s.text, s.at, s.depth = line, 0, 0
	s.fields, s.names = s.fields[:0], s.names[:0]
	s.space()
	if s.at == len(s.text) {
		return nil, &Error{Reason: "is empty: it must be a JSON object"}
	}
	if s.text[s.at] != '{' {
		kind, err := s.value()
		if err != nil {
			return nil, err.done()
		}
		return nil, &Error{Reason: fmt.Sprintf("must be a JSON object, one on each line, not %s", kind)}
	}
	if err := s.object(true); err != nil {
		return nil, err.done()
	}
	s.space()
	if s.at < len(s.text) {
		return nil, &Error{Reason: fmt.Sprintf("holds more than one JSON object: something follows at byte %d; write one object on each line", s.at+1)}
	}
	return s.fields, nil
}

// Elements calls each for the elements of an Array value that Scan has passed.
func Elements(raw string, each func(Field) error) error {
	s := Scanner{text: raw, at: 1}
	for i := 0; ; i++ {
		s.space()
		if s.text[s.at] == ']' {
			return nil
		}
		if s.text[s.at] == ',' {
			s.at++
			s.space()
		}
		from := s.at
		kind, err := s.value()
		if err != nil {
			return err.done()
		}
		if err := each(Field{Kind: kind, Raw: s.text[from:s.at]}); err != nil {
			return err
		}
	}
}

// fail is an Error in the making: the path grows from the value outwards.
type fail struct {
	reason string
	path   []string
}

func (f *fail) in(step string) *fail {
	f.path = append(f.path, step)
	return f
}

func (f *fail) done() *Error {
	var b strings.Builder
	for i := len(f.path) - 1; i >= 0 && b.Len() < longestPath; i-- {
		if step := f.path[i]; b.Len() > 0 && step[0] != '[' {
			b.WriteByte('.')
		}
		b.WriteString(f.path[i])
	}
	path := b.String()
	if len(path) > longestPath {
		path = strings.ToValidUTF8(path[:longestPath], "") + "…"
	}
	return &Error{Path: path, Reason: f.reason}
}

func (s *Scanner) broken(want string) *fail {
	if s.at >= len(s.text) {
		return &fail{reason: "is not whole: it ends where " + want + " should stand"}
	}
	return &fail{reason: fmt.Sprintf("is not JSON: at byte %d should stand %s", s.at+1, want)}
}

func (s *Scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

func (s *Scanner) value() (Kind, *fail) {
	if s.at >= len(s.text) {
		return Null, s.broken("a value")
	}
	switch c := s.text[s.at]; {
	case c == '"':
		return String, s.str()
	case c == '{':
		return Object, s.object(false)
	case c == '[':
		return Array, s.array()
	case c == '-' || c >= '0' && c <= '9':
		return Number, s.number()
	case c == 't':
		return Bool, s.word("true")
	case c == 'f':
		return Bool, s.word("false")
	case c == 'n':
		return Null, s.word("null")
	default:
		return Null, s.broken("a value")
	}
}

func (s *Scanner) word(w string) *fail {
	if !strings.HasPrefix(s.text[s.at:], w) {
		return s.broken(w)
	}
	s.at += len(w)
	return nil
}

func (s *Scanner) deeper() *fail {
	if s.depth++; s.depth > MaxDepth {
		return &fail{reason: fmt.Sprintf("must not be nested deeper than %d", MaxDepth)}
	}
	return nil
}

func (s *Scanner) object(top bool) *fail {
	if err := s.deeper(); err != nil {
		return err
	}
	first := len(s.names)
	var seen map[string]struct{}
	s.at++
	s.space()
	if s.at < len(s.text) && s.text[s.at] == '}' {
		s.at++
		s.depth--
		return nil
	}
	for {
		if s.at >= len(s.text) || s.text[s.at] != '"' {
			return s.broken("the name of a field, in quotes")
		}
		from := s.at
		if err := s.str(); err != nil {
			return err.in("the name of a field")
		}
		name := unquote(s.text[from:s.at])
		var twice bool
		if seen, twice = s.enter(name, first, seen); twice {
			return (&fail{reason: "stands twice; give it once"}).in(step(name))
		}
		s.space()
		if s.at >= len(s.text) || s.text[s.at] != ':' {
			return s.broken("a colon").in(step(name))
		}
		s.at++
		s.space()
		from = s.at
		kind, err := s.value()
		if err != nil {
			return err.in(step(name))
		}
		if top {
			s.fields = append(s.fields, Field{Name: name, Kind: kind, Raw: s.text[from:s.at]})
		}
		s.space()
		if s.at >= len(s.text) || s.text[s.at] != ',' && s.text[s.at] != '}' {
			return s.broken("a comma or }")
		}
		s.at++
		if s.text[s.at-1] == '}' {
			s.names = s.names[:first]
			s.depth--
			return nil
		}
		s.space()
	}
}

// step is a name as it stands in a path; an empty one must still be seen.
func step(name string) string {
	if name == "" {
		return `""`
	}
	return name
}

// enter notes a name of the object whose names begin at first, and reports
// whether it was there. Long objects get a map.
func (s *Scanner) enter(name string, first int, seen map[string]struct{}) (map[string]struct{}, bool) {
	const many = 24
	names := s.names[first:]
	switch {
	case seen != nil:
		if _, twice := seen[name]; twice {
			return seen, true
		}
		seen[name] = struct{}{}
		return seen, false
	case len(names) >= many:
		seen = make(map[string]struct{}, 4*many)
		for _, n := range names {
			seen[n] = struct{}{}
		}
		return s.enter(name, first, seen)
	}
	if slices.Contains(names, name) {
		return nil, true
	}
	s.names = append(s.names, name)
	return nil, false
}

func (s *Scanner) array() *fail {
	if err := s.deeper(); err != nil {
		return err
	}
	s.at++
	s.space()
	if s.at < len(s.text) && s.text[s.at] == ']' {
		s.at++
		s.depth--
		return nil
	}
	for i := 0; ; i++ {
		if _, err := s.value(); err != nil {
			return err.in(fmt.Sprintf("[%d]", i))
		}
		s.space()
		if s.at >= len(s.text) || s.text[s.at] != ',' && s.text[s.at] != ']' {
			return s.broken("a comma or ]")
		}
		s.at++
		if s.text[s.at-1] == ']' {
			s.depth--
			return nil
		}
		s.space()
	}
}

func (s *Scanner) digits() bool {
	from := s.at
	for s.at < len(s.text) && s.text[s.at] >= '0' && s.text[s.at] <= '9' {
		s.at++
	}
	return s.at > from
}

func (s *Scanner) number() *fail {
	if s.text[s.at] == '-' {
		s.at++
	}
	if s.at < len(s.text) && s.text[s.at] == '0' {
		s.at++
	} else if !s.digits() {
		return s.broken("a digit")
	}
	if s.at < len(s.text) && s.text[s.at] == '.' {
		s.at++
		if !s.digits() {
			return s.broken("a digit")
		}
	}
	if s.at < len(s.text) && s.text[s.at]|0x20 == 'e' {
		s.at++
		if s.at < len(s.text) && (s.text[s.at] == '+' || s.text[s.at] == '-') {
			s.at++
		}
		if !s.digits() {
			return s.broken("a digit")
		}
	}
	return nil
}
