// Package token says who may do what: signed tokens (JWT), the keys that sign
// and verify them, and the list of those that were revoked.
//
// A token names its bearer, a role, the campaigns it holds and an expiry. Keys
// are a JSON Web Key Set (RFC 7517) in a file that is read again when it
// changes: the first key with a private part signs, every key verifies. To
// rotate, put the new key last, wait until every process has read it, move it
// first, and remove the old key once the last token it signed has expired.
package token
