package jsonline

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// str passes over a string. What it refuses beyond the grammar is what
// PostgreSQL's jsonb or text would refuse, or what encoding/json would silently
// replace by U+FFFD.
func (s *Scanner) str() *fail {
	s.at++
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			return nil
		case c == '\\':
			if err := s.escape(); err != nil {
				return err
			}
		case c == 0:
			return &fail{reason: "must not contain the character U+0000: PostgreSQL cannot store it"}
		case c < 0x20:
			return &fail{reason: `must not contain a bare control character: write it as an escape, such as \n`}
		case c < utf8.RuneSelf:
			s.at++
		default:
			r, size := utf8.DecodeRuneInString(s.text[s.at:])
			if r == utf8.RuneError && size == 1 {
				return &fail{reason: "must be valid UTF-8"}
			}
			s.at += size
		}
	}
	return s.broken("the quote that ends a string")
}

func (s *Scanner) escape() *fail {
	rest := s.text[s.at:]
	if len(rest) < 2 {
		s.at = len(s.text)
		return s.broken("the rest of an escape")
	}
	if strings.IndexByte(`"\/bfnrt`, rest[1]) >= 0 {
		s.at += 2
		return nil
	}
	r, ok := hex4(rest)
	if !ok {
		return s.broken(`an escape, such as \n or \u00e9,`)
	}
	s.at += 6
	switch {
	case r == 0:
		return &fail{reason: `must not contain \u0000: PostgreSQL cannot store that character`}
	case !utf16.IsSurrogate(r):
		return nil
	}
	low, ok := hex4(s.text[s.at:])
	if !ok || utf16.DecodeRune(r, low) == utf8.RuneError {
		return &fail{reason: `must not contain half a surrogate pair, such as \ud83d without the half that follows`}
	}
	s.at += 6
	return nil
}

// hex4 reads \uXXXX at the beginning of text.
func hex4(text string) (rune, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	var r rune
	for i := 2; i < 6; i++ {
		c := text[i]
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unquote returns the text of a string that str has passed. Without an escape
// it shares the line's memory.
func unquote(raw string) string {
	text := raw[1 : len(raw)-1]
	next := strings.IndexByte(text, '\\')
	if next < 0 {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	for ; next >= 0; next = strings.IndexByte(text, '\\') {
		b.WriteString(text[:next])
		text = text[next:]
		r, ok := hex4(text)
		switch {
		case !ok:
			b.WriteByte(escapes[text[1]])
			text = text[2:]
		case utf16.IsSurrogate(r):
			low, _ := hex4(text[6:])
			b.WriteRune(utf16.DecodeRune(r, low))
			text = text[12:]
		default:
			b.WriteRune(r)
			text = text[6:]
		}
	}
	b.WriteString(text)
	return b.String()
}

// Quote returns s as a JSON string. Whatever Text returned comes back as a
// string that Scan takes.
func Quote(s string) string { return string(AppendQuoted(nil, s)) }

// AppendQuoted appends s as a JSON string.
func AppendQuoted(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}
