// Package fault is the one error vocabulary of the platform: a small set of
// kinds that the data layer, the services, the API, the metrics and the logs
// all speak. PostgreSQL's error codes are mapped to it once, in FromPostgres.
//
// Kinds are matched with errors.Is and details are read with errors.As:
//
//	if errors.Is(err, fault.NotFound) { … }
//	var f *fault.Error
//	if errors.As(err, &f) { log.Print(f.Field) }
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what went wrong in terms a caller can act on. Kinds are errors
// themselves, so that errors.Is(err, fault.Conflict) reads as it sounds.
type Kind uint8

// The kinds. Everything that is none of the others is Internal.
const (
	// Internal is a defect of ours or of the database: nothing that the caller can mend.
	Internal Kind = iota
	// NotFound: the row is not there, or not in this campaign (the two look the same on purpose).
	NotFound
	// Conflict: a row with the same key exists, or the row changed since it was read.
	Conflict
	// Invalid: a value breaks a rule; Error.Field names it.
	Invalid
	// Limited: the campaign or the token is over its share; Error.RetryAfter says when to come back.
	Limited
	// Unavailable: the database cannot answer now; the same call may succeed later.
	Unavailable
	// NoCampaign: the context carries no campaign, and no SQL was run.
	NoCampaign
	// Denied: the caller may not do this.
	Denied
	// Canceled: the caller went away or its deadline passed.
	Canceled
)

var kindNames = [...]string{
	Internal:    "internal",
	NotFound:    "not_found",
	Conflict:    "conflict",
	Invalid:     "invalid",
	Limited:     "limited",
	Unavailable: "unavailable",
	NoCampaign:  "no_campaign",
	Denied:      "denied",
	Canceled:    "canceled",
}

// String returns the kind's name as metrics and logs carry it, such as "not_found".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[Internal]
}

// Error makes a Kind usable as the target of errors.Is.
func (k Kind) Error() string { return k.String() }

// Error is a fault with what a caller needs to mend it. It holds no row
// values: its text may be shown to the caller and written to a log.
type Error struct {
	Kind Kind
	// Field names what is wrong: a column, a request field, a flag. May be empty.
	Field string
	// Message is one sentence that says what is wrong and what would be right.
	Message string
	// RetryAfter is how long to wait before the same call may succeed; zero when unknown.
	RetryAfter time.Duration
	// Code is the SQLSTATE behind the fault, or empty.
	Code string
	// Err is the cause, kept for errors.Is and errors.As; its text is not part of Error().
	Err error
}

// Error returns the message, preceded by the field where one is named.
func (e *Error) Error() string {
	switch {
	case e.Message == "" && e.Field == "":
		return e.Kind.String()
	case e.Message == "":
		return e.Field + ": " + e.Kind.String()
	case e.Field == "":
		return e.Message
	default:
		return e.Field + ": " + e.Message
	}
}

// Is reports whether target is the error's kind.
func (e *Error) Is(target error) bool {
	k, ok := target.(Kind)
	return ok && k == e.Kind
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New returns a fault of kind k whose message is formatted as by fmt.Errorf; %w keeps a cause.
func New(k Kind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: k, Message: err.Error(), Err: errors.Unwrap(err)}
}

// Field returns an Invalid fault that names the field.
func Field(field, format string, args ...any) *Error {
	e := New(Invalid, format, args...)
	e.Field = field
	return e
}

// KindOf returns the kind of the first fault in err's chain, and Internal when
// there is none. Of a nil error it must not be asked: it answers Internal.
func KindOf(err error) Kind {
	if f, ok := errors.AsType[*Error](err); ok {
		return f.Kind
	}
	if k, ok := errors.AsType[Kind](err); ok {
		return k
	}
	return Internal
}
