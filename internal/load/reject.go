package load

import (
	"bufio"
	"encoding/json"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// longestText bounds the text of a refused line that is kept.
const longestText = 64 << 10

// Rejection is a line that was refused, as the rejects file holds it.
type Rejection struct {
	// File is the input's name, Line the line's number in it, from 1, empty lines counted.
	File string `json:"file"`
	Line int64  `json:"line"`
	// Field is the path of the value at fault, such as data.paths[3]; empty where it is the line.
	Field string `json:"field,omitempty"`
	// Reason is one sentence that begins with the field.
	Reason string `json:"reason"`
	// Text is the line itself, at most 64 KiB of it; bytes that are not UTF-8 stand as U+FFFD.
	Text string `json:"text"`
	// Truncated says that Text is the beginning only.
	Truncated bool `json:"truncated,omitempty"`
}

// problem is why a line is refused: a field, or "" for the line, and what would be right.
type problem struct{ field, reason string }

func wrong(field, reason string) *problem { return &problem{field, reason} }

func reject(input string, l line, p *problem) Rejection {
	r := Rejection{File: input, Line: l.number, Field: p.field, Reason: p.reason, Text: l.text, Truncated: l.size > 0}
	if p.field != "" {
		r.Reason = p.field + ": " + p.reason
	}
	if len(r.Text) > longestText {
		cut := longestText
		for cut > 0 && !utf8.RuneStart(r.Text[cut]) {
			cut--
		}
		// A copy: a part would hold the whole line in memory.
		r.Text, r.Truncated = strings.Clone(r.Text[:cut]), true
	}
	return r
}

// rejects writes refused lines, and keeps the first ones.
type rejects struct {
	w     *bufio.Writer
	to    *json.Encoder
	first []Rejection
}

func newRejects(w io.Writer) *rejects {
	r := &rejects{}
	if w != nil {
		r.w = bufio.NewWriter(w)
		r.to = json.NewEncoder(r.w)
		r.to.SetEscapeHTML(false)
	}
	return r
}

func (r *rejects) add(rejection Rejection) error {
	const kept = 5
	if len(r.first) < kept {
		r.first = append(r.first, rejection)
	}
	if r.to == nil {
		return nil
	}
	return rejectsFault(r.to.Encode(rejection))
}

func (r *rejects) flush() error {
	if r.w == nil {
		return nil
	}
	return rejectsFault(r.w.Flush())
}

func rejectsFault(err error) error {
	if err == nil {
		return nil
	}
	return &fault.Error{Kind: fault.Unavailable, Field: "rejects", Message: "the file of refused lines cannot be written: make room or name another, and run the same command again", Err: err}
}
