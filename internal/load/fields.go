package load

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ovasabi/ovasabi/internal/load/jsonline"
)

const (
	maxMetadataBytes = 65_536
	maxTextBytes     = 1 << 20
)

// text reads a string of at most so many characters; null is the empty string.
func text(f jsonline.Field, most int) (string, *problem) {
	switch f.Kind {
	case jsonline.String:
	case jsonline.Null:
		return "", nil
	default:
		return "", wrong(f.Name, "must be a string, not "+f.Kind.String())
	}
	s := f.Text()
	if len(s) > most {
		if n := utf8.RuneCountInString(s); n > most {
			return "", wrong(f.Name, fmt.Sprintf("must be at most %d characters long, not %d", most, n))
		}
	}
	return s, nil
}

// longText reads a string of at most 1 MiB.
func longText(f jsonline.Field) (string, *problem) {
	if f.Kind != jsonline.String && f.Kind != jsonline.Null {
		return "", wrong(f.Name, "must be a string, not "+f.Kind.String())
	}
	if f.Kind == jsonline.Null {
		return "", nil
	}
	s := f.Text()
	if len(s) > maxTextBytes {
		return "", wrong(f.Name, fmt.Sprintf("must be at most %d bytes long, not %d", maxTextBytes, len(s)))
	}
	return s, nil
}

// oneOf reads one of the words; null is the first of them, the default.
func oneOf(f jsonline.Field, words ...string) (string, *problem) {
	if f.Kind == jsonline.Null {
		return words[0], nil
	}
	if f.Kind == jsonline.String {
		if s := f.Text(); slices.Contains(words, s) {
			return s, nil
		}
	}
	last := len(words) - 1
	return "", wrong(f.Name, "must be "+strings.Join(words[:last], ", ")+" or "+words[last])
}

// object reads metadata; null is the empty object.
func object(f jsonline.Field) (string, *problem) {
	switch {
	case f.Kind == jsonline.Null:
		return "{}", nil
	case f.Kind != jsonline.Object:
		return "", wrong(f.Name, "must be an object, not "+f.Kind.String())
	case len(f.Raw) > maxMetadataBytes:
		return "", wrong(f.Name, fmt.Sprintf("must be at most %d bytes as JSON, not %d", maxMetadataBytes, len(f.Raw)))
	default:
		return f.Raw, nil
	}
}

// instant reads an RFC 3339 time with its zone.
func instant(f jsonline.Field) (time.Time, *problem) {
	var t time.Time
	if f.Kind != jsonline.String {
		return t, wrong(f.Name, "must be a time such as 2026-11-23T09:15:00+05:30, not "+f.Kind.String())
	}
	s := f.Text()
	// RFC 3339 allows t and z; Go does not.
	if t.UnmarshalText([]byte(s)) == nil || t.UnmarshalText([]byte(strings.ToUpper(s))) == nil {
		return t, nil
	}
	if _, err := time.Parse("2006-01-02T15:04:05", strings.Replace(strings.ToUpper(s), " ", "T", 1)); err == nil {
		return t, wrong(f.Name, "has no zone: it must end with Z or an offset such as +05:30")
	}
	return t, wrong(f.Name, "must be a time in the form of RFC 3339, such as 2026-11-23T09:15:00+05:30")
}

// oneWord reports whether s holds no white space, as PostgreSQL and Unicode have it.
func oneWord(s string) bool { return !strings.ContainsFunc(s, unicode.IsSpace) }

// unknown refuses a field that the kind does not have: a typo would otherwise
// lose its value without a word.
func unknown(kind Kind, name string, known ...string) *problem {
	const longest = 100
	if len(name) > longest {
		name = strings.ToValidUTF8(name[:longest], "") + "…"
	}
	if name == "" {
		name = `""`
	}
	last := len(known) - 1
	return wrong(name, fmt.Sprintf("is no field of %s: those are %s and %s", kind, strings.Join(known[:last], ", "), known[last]))
}

// orNull makes "" NULL, for columns where empty means not known.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// withSource keeps the field source in the metadata, where it is not what tells the campaign.
func withSource(metadata, source string) (string, *problem) {
	if source == "" {
		return metadata, nil
	}
	var scanner jsonline.Scanner
	fields, err := scanner.Scan(metadata)
	if err != nil {
		return "", asProblem(err)
	}
	if slices.ContainsFunc(fields, func(f jsonline.Field) bool { return f.Name == "source" }) {
		return "", wrong("source", "stands in metadata too, which is where it would be kept: give it once")
	}
	merged := `{"source":` + source
	if len(fields) > 0 {
		merged += ","
	}
	merged += strings.TrimLeft(metadata, " \t\r\n")[1:]
	if len(merged) > maxMetadataBytes {
		return "", wrong("metadata", fmt.Sprintf("must be at most %d bytes as JSON together with source, not %d", maxMetadataBytes, len(merged)))
	}
	return merged, nil
}
