package token

// Refusal says why a token lets nobody in. It holds nothing of the token and may be shown to the caller.
type Refusal string

// Error returns the reason.
func (r Refusal) Error() string { return string(r) }

// The refusals.
const (
	// ErrMissing: no token was sent.
	ErrMissing Refusal = "a token is needed: send the header Authorization: Bearer TOKEN"
	// ErrMalformed: what was sent is no token of ours.
	ErrMalformed Refusal = "the token cannot be read: send one made by ovasabi token create, whole"
	// ErrSignature: no key of this server signed it.
	ErrSignature Refusal = "the token is not signed by a key of this server"
	// ErrExpired: its time is over.
	ErrExpired Refusal = "the token has expired: get a new one"
	// ErrRevoked: it was taken back.
	ErrRevoked Refusal = "the token was revoked: get a new one"
)
