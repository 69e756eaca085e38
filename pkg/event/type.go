// Package event holds what every event obeys, whichever way it comes in: its
// type's form and the bounds of its fields. Whoever takes events in (the API, a
// file, a service of your own) asks here, so that one event is good everywhere
// or nowhere.
package event

import (
	"strconv"
	"strings"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// MaxTypeLength is the longest event type, in characters.
const MaxTypeLength = 200

// State is the last part of an event type: how far the action has come.
type State string

// The states.
const (
	Requested State = "requested"
	Started   State = "started"
	Success   State = "success"
	Failed    State = "failed"
	Completed State = "completed"
)

// Valid reports whether the state is one of the five.
func (s State) Valid() bool {
	switch s {
	case Requested, Started, Success, Failed, Completed:
		return true
	default:
		return false
	}
}

// Type is an event type taken apart: {service}:{action}:v{N}:{state}.
type Type struct {
	// Service and Action begin with a lower-case letter and hold lower-case
	// letters, digits, "_" and "-".
	Service, Action string
	// Version is N in decimal digits, without a leading zero. It is text because
	// the form bounds it by MaxTypeLength alone; VersionNumber reads it.
	Version string
	State   State
}

// String puts the type together again.
func (t Type) String() string {
	return t.Service + ":" + t.Action + ":v" + t.Version + ":" + string(t.State)
}

// VersionNumber returns N, and false where it is larger than an int64.
func (t Type) VersionNumber() (int64, bool) {
	n, err := strconv.ParseInt(t.Version, 10, 64)
	return n, err == nil
}

// ParseType reads an event type such as "content:create:v1:success". The form is
// that of the check on ovasabi.service_event: what passes here passes there.
// Its error is an Invalid fault that names event_type and the part at fault.
func ParseType(s string) (Type, error) {
	if s == "" {
		return Type{}, typeFault("must have a value of the form {service}:{action}:v{N}:{state}, such as content:create:v1:success")
	}
	if len(s) > MaxTypeLength {
		return Type{}, typeFault("must be at most %d characters long", MaxTypeLength)
	}
	service, rest, ok1 := strings.Cut(s, ":")
	action, rest, ok2 := strings.Cut(rest, ":")
	version, state, ok3 := strings.Cut(rest, ":")
	if !ok1 || !ok2 || !ok3 || strings.Contains(state, ":") {
		return Type{}, typeFault("must have four parts, {service}:{action}:v{N}:{state}, such as content:create:v1:success")
	}
	t := Type{Service: service, Action: action, State: State(state)}
	switch {
	case !isName(service):
		return Type{}, typeFault(`service, the first part, must begin with a lower-case letter and hold only lower-case letters, digits, "_" and "-"`)
	case !isName(action):
		return Type{}, typeFault(`action, the second part, must begin with a lower-case letter and hold only lower-case letters, digits, "_" and "-"`)
	case !isVersion(version):
		return Type{}, typeFault("version, the third part, must be v and a whole number from 1 without a leading zero, such as v1")
	case !t.State.Valid():
		return Type{}, typeFault("state, the fourth part, must be requested, started, success, failed or completed")
	}
	t.Version = version[1:]
	return t, nil
}

// CheckType reports whether ParseType would take s, by its error.
func CheckType(s string) error {
	_, err := ParseType(s)
	return err
}

func typeFault(format string, args ...any) error { return fault.Field("event_type", format, args...) }

func isName(s string) bool {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := 1; i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

func isVersion(s string) bool {
	if len(s) < 2 || s[0] != 'v' || s[1] < '1' || s[1] > '9' {
		return false
	}
	for i := 2; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
