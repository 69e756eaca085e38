package token

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"maps"
	"slices"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Derive returns secrets of 32 bytes for another purpose, such as the signing of
// cursors: that of the signing key first, then those of the older private keys,
// so that what was signed before a rotation still holds. It is HKDF (RFC 5869)
// with SHA-256. Where only public keys are known there is nothing to derive from,
// and an Invalid fault says so.
func (k *Keys) Derive(purpose string) ([][]byte, error) {
	if k.signer == nil {
		return nil, fault.Field("token-keys", "holds only public keys, so that no secret for %s can be made of it", purpose)
	}
	ordered := []key{*k.signer}
	for _, id := range slices.Sorted(maps.Keys(k.byID)) {
		if id != k.signer.id {
			ordered = append(ordered, k.byID[id])
		}
	}
	var secrets [][]byte
	for _, one := range ordered {
		var seed []byte
		switch private := one.signs.(type) {
		case ed25519.PrivateKey:
			seed = private.Seed()
		case []byte:
			seed = private
		default:
			continue
		}
		secret, err := hkdf.Key(sha256.New, seed, nil, purpose, sha256.Size)
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, secret)
	}
	return secrets, nil
}
