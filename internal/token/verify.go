package token

import (
	"crypto/sha256"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ovasabi/ovasabi/pkg/campaign"
)

const (
	// maxToken bounds a token's text, in bytes.
	maxToken = 16 << 10
	// leeway is how far two clocks may be apart.
	leeway = 5 * time.Second
	// rememberTokens bounds the tokens whose signature is known to be good.
	rememberTokens = 10_000
)

// Verifier tells who sent a token. It is safe for concurrent use.
type Verifier struct {
	ring        *Ring
	revocations *Revocations
	parser      *jwt.Parser

	mu    sync.RWMutex
	known map[[sha256.Size]byte]remembered
}

// remembered is a token whose signature was found good by the keys with this sum.
type remembered struct {
	identity Identity
	keys     [sha256.Size]byte
}

// NewVerifier returns a verifier over the ring's keys that refuses what revocations lists.
func NewVerifier(ring *Ring, revocations *Revocations) *Verifier {
	return &Verifier{
		ring:        ring,
		revocations: revocations,
		known:       map[[sha256.Size]byte]remembered{},
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg(), jwt.SigningMethodHS256.Alg()}),
			jwt.WithIssuer(issuer),
			jwt.WithExpirationRequired(),
			jwt.WithIssuedAt(),
			jwt.WithLeeway(leeway),
		),
	}
}

// Verify returns what the token says. A Refusal says why it lets nobody in; an
// Unavailable fault, that revocations cannot be read and nobody is let in.
func (v *Verifier) Verify(text string) (Identity, error) {
	if text == "" {
		return Identity{}, ErrMissing
	}
	if len(text) > maxToken {
		return Identity{}, ErrMalformed
	}
	identity, err := v.signed(text)
	if err != nil {
		return Identity{}, err
	}
	identity.revocations = v.revocations
	if err := identity.StillValid(); err != nil {
		return Identity{}, err
	}
	return identity, nil
}

// signed verifies a signature once and remembers it while the keys stay: an
// Ed25519 verification costs as much as a point read.
func (v *Verifier) signed(text string) (Identity, error) {
	keys := v.ring.Keys()
	sum := sha256.Sum256([]byte(text))
	v.mu.RLock()
	r, ok := v.known[sum]
	v.mu.RUnlock()
	if ok && r.keys == keys.sum {
		return r.identity, nil
	}
	identity, err := v.parse(text, keys)
	if errors.Is(err, ErrSignature) && v.ring.lookAgain() {
		// Signed by a key that came a moment ago, perhaps.
		if newer := v.ring.Keys(); newer.sum != keys.sum {
			keys = newer
			identity, err = v.parse(text, keys)
		}
	}
	if err != nil {
		return Identity{}, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.known) >= rememberTokens {
		clear(v.known)
	}
	v.known[sum] = remembered{identity, keys.sum}
	return identity, nil
}

func (v *Verifier) parse(text string, keys *Keys) (Identity, error) {
	var c claims
	_, err := v.parser.ParseWithClaims(text, &c, func(t *jwt.Token) (any, error) {
		return keys.find(t.Header, t.Method)
	})
	switch {
	case err == nil:
	case errors.Is(err, jwt.ErrTokenExpired):
		return Identity{}, ErrExpired
	case errors.Is(err, jwt.ErrTokenMalformed):
		return Identity{}, ErrMalformed
	case errors.Is(err, jwt.ErrTokenUnverifiable), errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return Identity{}, ErrSignature
	default: // a claim that is missing or not ours
		return Identity{}, ErrMalformed
	}
	return c.identity()
}

func (c claims) identity() (Identity, error) {
	if !c.Role.Valid() || c.ID == "" || c.Subject == "" || len(c.Campaigns) > maxCampaigns {
		return Identity{}, ErrMalformed
	}
	i := Identity{Subject: c.Subject, TokenID: c.ID, Role: c.Role, Expires: c.ExpiresAt.Time}
	for _, text := range c.Campaigns {
		id, err := campaign.ParseID(text)
		if err != nil {
			return Identity{}, ErrMalformed
		}
		i.Campaigns = append(i.Campaigns, id)
	}
	slices.Sort(i.Campaigns)
	return i, nil
}
