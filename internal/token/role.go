package token

import (
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Role says what a token's bearer may do in its campaigns. A larger role may do
// all that a smaller one may.
type Role uint8

// The roles, from the smallest. The zero Role may do nothing.
const (
	noRole Role = iota
	// Reader reads.
	Reader
	// Writer also writes content, users, products and events.
	Writer
	// Admin also changes and archives the campaigns that the token holds.
	Admin
	// Operator also makes campaigns, sets limits, sees every campaign, the figures and the pages of the operator.
	Operator
)

var roleNames = [...]string{noRole: "none", Reader: "reader", Writer: "writer", Admin: "admin", Operator: "operator"}

// ParseRole returns the role of that name, or an Invalid fault.
func ParseRole(name string) (Role, error) {
	for r := Reader; r <= Operator; r++ {
		if roleNames[r] == name {
			return r, nil
		}
	}
	return noRole, fault.Field("role", "must be reader, writer, admin or operator")
}

// Valid reports whether the role is one of the four.
func (r Role) Valid() bool { return r >= Reader && r <= Operator }

// May reports whether a bearer of role r may do what needs the given role.
func (r Role) May(needed Role) bool { return r.Valid() && needed.Valid() && r >= needed }

// String returns the role's name.
func (r Role) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return roleNames[noRole]
}

// MarshalText writes the role as a token carries it.
func (r Role) MarshalText() ([]byte, error) {
	if !r.Valid() {
		return nil, fault.Field("role", "must be reader, writer, admin or operator")
	}
	return []byte(r.String()), nil
}

// UnmarshalText reads what MarshalText wrote.
func (r *Role) UnmarshalText(text []byte) error {
	parsed, err := ParseRole(string(text))
	if err != nil {
		return err
	}
	*r = parsed
	return nil
}

// Access is what a procedure asks of its caller. The zero Access lets nobody in.
type Access struct {
	// Role is the smallest role that may call.
	Role Role
	// ByService leaves the request's campaign_id to the service, which must judge it
	// by Identity itself. Otherwise the campaign is in the context before the service runs.
	ByService bool
}
