package token

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// minSecret is the least length of an HS256 key, in bytes. Source: RFC 7518, section 3.2.
const minSecret = 32

// key verifies tokens of one kid by one algorithm, and may sign them.
type key struct {
	id       string
	method   jwt.SigningMethod
	verifies any
	signs    any // nil where only the public part is known
}

// jwk is a key as RFC 7517 and RFC 8037 write it. Fields that are not read here are ignored.
type jwk struct {
	KeyType string `json:"kty"`
	ID      string `json:"kid"`
	Alg     string `json:"alg,omitempty"`
	Curve   string `json:"crv,omitempty"`
	X       string `json:"x,omitempty"`
	D       string `json:"d,omitempty"`
	K       string `json:"k,omitempty"`
}

func (j jwk) key() (key, error) {
	if j.ID == "" || len(j.ID) > 100 {
		return key{}, fault.Field("kid", "must be 1 to 100 bytes long")
	}
	switch j.KeyType {
	case "OKP":
		return j.ed25519()
	case "oct":
		return j.hmac()
	default:
		return key{}, fault.Field("kty", "must be OKP (Ed25519) or oct (HS256)")
	}
}

func (j jwk) ed25519() (key, error) {
	if j.Curve != "Ed25519" {
		return key{}, fault.Field("crv", "must be Ed25519")
	}
	if j.Alg != "" && j.Alg != jwt.SigningMethodEdDSA.Alg() {
		return key{}, fault.Field("alg", "must be EdDSA for a key of type OKP")
	}
	k := key{id: j.ID, method: jwt.SigningMethodEdDSA}
	if j.D != "" {
		seed, err := decode("d", j.D)
		if err != nil {
			return key{}, err
		}
		if len(seed) != ed25519.SeedSize {
			return key{}, fault.Field("d", "must be %d bytes", ed25519.SeedSize)
		}
		private := ed25519.NewKeyFromSeed(seed)
		k.signs = private
		k.verifies = private.Public()
	}
	if j.X != "" {
		public, err := decode("x", j.X)
		if err != nil {
			return key{}, err
		}
		if len(public) != ed25519.PublicKeySize {
			return key{}, fault.Field("x", "must be %d bytes", ed25519.PublicKeySize)
		}
		if k.verifies != nil && !ed25519.PublicKey(public).Equal(k.verifies) {
			return key{}, fault.Field("x", "is not the public part of d")
		}
		k.verifies = ed25519.PublicKey(public)
	}
	if k.verifies == nil {
		return key{}, fault.Field("x", "must be given")
	}
	return k, nil
}

func (j jwk) hmac() (key, error) {
	if j.Alg != "" && j.Alg != jwt.SigningMethodHS256.Alg() {
		return key{}, fault.Field("alg", "must be HS256 for a key of type oct")
	}
	secret, err := decode("k", j.K)
	if err != nil {
		return key{}, err
	}
	if len(secret) < minSecret {
		return key{}, fault.Field("k", "must be at least %d bytes", minSecret)
	}
	return key{id: j.ID, method: jwt.SigningMethodHS256, verifies: secret, signs: secret}, nil
}

func decode(field, text string) ([]byte, error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, fault.Field(field, "must be base64url without padding")
	}
	return b, nil
}

// NewKeysJSON returns a JSON Web Key Set with one new Ed25519 key, named after
// the moment. Its text is a secret.
func NewKeysJSON() ([]byte, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(rand.Reader, seed); err != nil {
		return nil, fault.New(fault.Internal, "no random numbers: %w", err)
	}
	public, ok := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	if !ok {
		return nil, fault.New(fault.Internal, "an Ed25519 key without a public part")
	}
	set := jwks{Keys: []jwk{{
		KeyType: "OKP", Curve: "Ed25519", Alg: jwt.SigningMethodEdDSA.Alg(),
		ID: time.Now().UTC().Format("20060102T150405.000000Z"),
		X:  base64.RawURLEncoding.EncodeToString(public),
		D:  base64.RawURLEncoding.EncodeToString(seed),
	}}}
	return json.MarshalIndent(set, "", "  ")
}
