package load

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ovasabi/ovasabi/internal/load/jsonline"
)

// content reads a document: slug, title, body, tags, status, metadata.
func (d *parser) content(fields []jsonline.Field, r *row) (p *problem) {
	slug, title, body, source := "", "", "", ""
	tags, status, metadata := "[]", "draft", "{}"
	for _, f := range fields {
		switch f.Name {
		case "slug":
			slug, p = text(f, 500)
		case "title":
			title, p = text(f, 500)
		case "body":
			body, p = longText(f)
		case "tags":
			tags, p = d.tags(f)
		case "status":
			status, p = oneOf(f, "draft", "review", "published", "archived")
		case "metadata":
			metadata, p = object(f)
		case "source":
			source, p = d.source(f)
		default:
			if !d.isCampaign(f) {
				p = unknown(Content, f.Name, "slug", "title", "body", "tags", "status", "metadata", "source")
			}
		}
		if p != nil {
			return p
		}
	}
	if slug == "" {
		return wrong("slug", "must have a value of 1 to 500 characters, unique in its campaign")
	}
	if title == "" {
		return wrong("title", "must have a value of 1 to 500 characters")
	}
	if metadata, p = withSource(metadata, source); p != nil {
		return p
	}
	r.values = []any{slug, title, body, tags, status, metadata}
	return nil
}

// source reads the field source where it does not name the campaign: it is kept in the metadata.
func (d *parser) source(f jsonline.Field) (string, *problem) {
	if d.isCampaign(f) || f.Kind == jsonline.Null {
		return "", nil
	}
	if f.Kind != jsonline.String {
		return "", wrong(f.Name, "must be a string, not "+f.Kind.String())
	}
	return f.Raw, nil
}

// tags reads an array of strings: at most 100, each 1 to 100 characters, none twice.
func (d *parser) tags(f jsonline.Field) (string, *problem) {
	const most, longest = 100, 100
	if f.Kind == jsonline.Null {
		return "[]", nil
	}
	if f.Kind != jsonline.Array {
		return "", wrong(f.Name, "must be an array of strings, not "+f.Kind.String())
	}
	seen := make([]string, 0, 8)
	var p *problem
	err := jsonline.Elements(f.Raw, func(tag jsonline.Field) error {
		tag.Name = fmt.Sprintf("%s[%d]", f.Name, len(seen))
		if tag.Kind != jsonline.String {
			p = wrong(tag.Name, "must be a string, not "+tag.Kind.String())
			return errStop
		}
		t := tag.Text()
		if n := utf8.RuneCountInString(t); n < 1 || n > longest {
			p = wrong(tag.Name, fmt.Sprintf("must be 1 to %d characters long, not %d", longest, n))
			return errStop
		}
		if slices.Contains(seen, t) {
			p = wrong(tag.Name, "stands twice; give it once")
			return errStop
		}
		if seen = append(seen, t); len(seen) > most {
			p = wrong(f.Name, fmt.Sprintf("must be at most %d", most))
			return errStop
		}
		return nil
	})
	if p == nil && err != nil {
		p = asProblem(err)
	}
	return f.Raw, p
}

// user reads a user: username, email, first_name, last_name, status, last_login_at, metadata.
func (d *parser) user(fields []jsonline.Field, r *row) (p *problem) {
	username, email, first, last, source := "", "", "", "", ""
	status, metadata := "active", "{}"
	var login any
	for _, f := range fields {
		switch f.Name {
		case "username":
			username, p = text(f, 100)
		case "email":
			if email, p = text(f, 320); p == nil && !isEmail(email) {
				p = wrong(f.Name, "must be an address such as ada@example.org: one @ within, no white space")
			}
		case "first_name":
			first, p = text(f, 200)
		case "last_name":
			last, p = text(f, 200)
		case "status":
			status, p = oneOf(f, "active", "invited", "suspended", "deleted")
		case "last_login_at":
			if f.Kind != jsonline.Null {
				login, p = instant(f)
			}
		case "metadata":
			metadata, p = object(f)
		case "source":
			source, p = d.source(f)
		default:
			if !d.isCampaign(f) {
				p = unknown(Users, f.Name, "username", "email", "first_name", "last_name", "status", "last_login_at", "metadata", "source")
			}
		}
		if p != nil {
			return p
		}
	}
	if email == "" {
		return wrong("email", "must have a value, unique in its campaign")
	}
	if metadata, p = withSource(metadata, source); p != nil {
		return p
	}
	r.values = []any{orNull(username), email, orNull(first), orNull(last), status, login, metadata}
	return nil
}

func isEmail(s string) bool {
	name, host, ok := strings.Cut(s, "@")
	return ok && name != "" && host != "" && !strings.Contains(host, "@") && oneWord(s)
}

// product reads a product: sku, name, description, price, currency, stock, status, metadata.
func (d *parser) product(fields []jsonline.Field, r *row) (p *problem) {
	sku, name, description, price, source := "", "", "", "", ""
	currency, status, metadata := "EUR", "available", "{}"
	var stock int64
	for _, f := range fields {
		switch f.Name {
		case "sku":
			sku, p = text(f, 100)
		case "name":
			name, p = text(f, 500)
		case "description":
			description, p = longText(f)
		case "price":
			price, p = amount(f)
		case "currency":
			currency, p = currencyCode(f, currency)
		case "stock":
			stock, p = pieces(f)
		case "status":
			status, p = oneOf(f, "available", "unavailable", "discontinued")
		case "metadata":
			if metadata, p = object(f); p == nil {
				p = d.taxRate(metadata)
			}
		case "source":
			source, p = d.source(f)
		default:
			if !d.isCampaign(f) {
				p = unknown(Products, f.Name, "sku", "name", "description", "price", "currency", "stock", "status", "metadata", "source")
			}
		}
		if p != nil {
			return p
		}
	}
	switch {
	case sku == "":
		return wrong("sku", "must have a value of 1 to 100 characters, unique in its campaign")
	case name == "":
		return wrong("name", "must have a value of 1 to 500 characters")
	case price == "":
		return wrong("price", priceForm)
	}
	if metadata, p = withSource(metadata, source); p != nil {
		return p
	}
	r.values = []any{sku, name, description, price, currency, stock, status, metadata}
	return nil
}

// errStop ends a walk over elements; the problem says why.
var errStop = errors.New("stop")

const priceForm = `must be from 0 to 99999999.99, in digits with at most two after the point, such as "12.50" or 12.5`

// amount reads a price, as a string or a number, to the digit: never through a float.
func amount(f jsonline.Field) (string, *problem) {
	raw := f.Raw
	switch f.Kind {
	case jsonline.Null:
		return "", nil
	case jsonline.String:
		raw = f.Text()
	case jsonline.Number:
	default:
		return "", wrong(f.Name, priceForm)
	}
	whole, cents, point := strings.Cut(raw, ".")
	if whole == "" || point && cents == "" || !isDigits(whole) || !isDigits(cents) {
		return "", wrong(f.Name, priceForm)
	}
	// Zeros in front and behind change nothing.
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	cents = strings.TrimRight(cents, "0")
	if len(whole) > 8 || len(cents) > 2 {
		return "", wrong(f.Name, priceForm)
	}
	if cents == "" {
		return whole, nil
	}
	return whole + "." + cents, nil
}

func isDigits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}

func currencyCode(f jsonline.Field, standard string) (string, *problem) {
	if f.Kind == jsonline.Null {
		return standard, nil
	}
	if f.Kind == jsonline.String {
		if s := f.Text(); len(s) == 3 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
			return s, nil
		}
	}
	return "", wrong(f.Name, "must be three capitals as in ISO 4217, such as EUR")
}

func pieces(f jsonline.Field) (int64, *problem) {
	if f.Kind == jsonline.Null {
		return 0, nil
	}
	n, err := strconv.ParseInt(f.Raw, 10, 32)
	if f.Kind != jsonline.Number || err != nil || n < 0 {
		return 0, wrong(f.Name, "must be a whole number from 0 to 2147483647")
	}
	return n, nil
}

// taxRate judges metadata.tax_rate, which the price with tax is computed from.
func (d *parser) taxRate(metadata string) *problem {
	if !strings.Contains(metadata, "tax_rate") && !strings.Contains(metadata, `\u`) {
		return nil
	}
	fields, err := d.elements.Scan(metadata)
	if err != nil {
		return asProblem(err)
	}
	for _, f := range fields {
		if f.Name != "tax_rate" || f.Kind == jsonline.Null {
			continue
		}
		const longest = 40 // an exponent of a thousand digits must not be computed
		rate, ok := new(big.Rat), false
		if f.Kind == jsonline.Number && len(f.Raw) <= longest && !strings.ContainsAny(f.Raw, "eE") {
			rate, ok = rate.SetString(f.Raw)
		}
		if !ok || rate.Sign() < 0 || rate.Cmp(big.NewRat(10, 1)) > 0 {
			return wrong("metadata.tax_rate", "must be a number from 0 to 10, such as 0.19")
		}
	}
	return nil
}
