package load

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ovasabi/ovasabi/internal/load/jsonline"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// row is a line that is good as far as the file can tell.
type row struct {
	line
	input string
	// campaign is the value of the campaign field; empty where the line has none.
	campaign string
	// values are the columns', in the order of the kind's table.
	values []any
	bytes  int
}

// rowOverhead is about what a row costs in memory beside its text.
const rowOverhead = 600

// decoder judges the fields of one kind.
type decoder func(d *parser, fields []jsonline.Field, r *row) *problem

var decoders = map[Kind]decoder{
	Content:  (*parser).content,
	Users:    (*parser).user,
	Products: (*parser).product,
	Events:   (*parser).cloudEvent,
}

// parser judges lines. It is not safe for concurrent use.
type parser struct {
	campaignField string
	decode        decoder
	scanner       jsonline.Scanner
	elements      jsonline.Scanner
	// known are values that were found good before: files repeat them on every line.
	known map[string]string
	buf   []byte
}

func newParser(o Options) *parser {
	return &parser{campaignField: o.CampaignField, decode: decoders[o.Kind], known: map[string]string{}}
}

// parse judges one line.
func (d *parser) parse(l line, most int) (*row, *problem) {
	if l.size > 0 {
		return nil, wrong("", fmt.Sprintf("the line is longer than %d bytes: split it, or raise the limit", most))
	}
	fields, err := d.scanner.Scan(l.text)
	if err != nil {
		return nil, asProblem(err)
	}
	r := &row{line: l}
	if d.campaignField != "" {
		i := slices.IndexFunc(fields, func(f jsonline.Field) bool { return f.Name == d.campaignField })
		if i >= 0 {
			var p *problem
			if r.campaign, p = campaignValue(fields[i]); p != nil {
				return nil, p
			}
		}
	}
	if p := d.decode(d, fields, r); p != nil {
		return nil, p
	}
	r.bytes += len(l.text) + rowOverhead
	return r, nil
}

// campaignValue reads what names the campaign: text, or a whole number.
func campaignValue(f jsonline.Field) (string, *problem) {
	if f.Kind == jsonline.Number && isWhole(f.Raw) {
		return f.Raw, nil
	}
	value, p := text(f, longestCampaignValue)
	switch {
	case p != nil:
		return "", p
	case value == "" && f.Kind == jsonline.String:
		return "", wrong(f.Name, "must name the line's campaign, not be empty")
	default:
		return value, nil
	}
}

// isWhole reports whether a JSON number is whole and written in digits alone.
func isWhole(raw string) bool {
	for i := range len(raw) {
		if (raw[i] < '0' || raw[i] > '9') && (i > 0 || raw[i] != '-') {
			return false
		}
	}
	return true
}

// isCampaign reports whether the field does nothing but name the campaign.
func (d *parser) isCampaign(f jsonline.Field) bool { return f.Name == d.campaignField }

// asProblem turns an error of a line into what the rejects file says.
func asProblem(err error) *problem {
	if e, ok := errors.AsType[*jsonline.Error](err); ok {
		if e.Path == "" {
			return wrong("", "the line "+e.Reason)
		}
		return wrong(e.Path, e.Reason)
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return wrong(f.Field, f.Message)
	}
	return wrong("", err.Error())
}
