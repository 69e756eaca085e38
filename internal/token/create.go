package token

import (
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

const (
	issuer = "ovasabi"
	// maxTTL is the longest that a token may live.
	maxTTL = 366 * 24 * time.Hour
	// maxCampaigns keeps a token within the size of a header.
	maxCampaigns = 500
	maxSubject   = 100
)

// Grant is what a token is to say.
type Grant struct {
	// Subject names the bearer. 1 to 100 characters.
	Subject string
	// Role says what the bearer may do.
	Role Role
	// Campaigns are those that the token holds. At most 500; an operator may hold none.
	Campaigns []campaign.ID
	// TTL is how long the token lives. 1s to 366 days.
	TTL time.Duration
}

// Validate returns an Invalid fault that names the first field that is wrong.
func (g Grant) Validate() error {
	if n := len([]rune(g.Subject)); n < 1 || n > maxSubject {
		return fault.Field("subject", "must be 1 to %d characters long", maxSubject)
	}
	if !g.Role.Valid() {
		return fault.Field("role", "must be reader, writer, admin or operator")
	}
	if len(g.Campaigns) == 0 && g.Role != Operator {
		return fault.Field("campaign", "must be given: only an operator's token may hold no campaign")
	}
	if len(g.Campaigns) > maxCampaigns {
		return fault.Field("campaign", "at most %d may be given, not %d", maxCampaigns, len(g.Campaigns))
	}
	for _, id := range g.Campaigns {
		if !id.Valid() {
			return fault.Field("campaign", "must be a positive whole number")
		}
	}
	if g.TTL < time.Second || g.TTL > maxTTL {
		return fault.Field("ttl", "must be from 1s to %s, not %s", maxTTL, g.TTL)
	}
	return nil
}

// Created is a new token. Text is a secret; the rest may be shown and logged.
type Created struct {
	Text    string    `json:"token"`
	ID      string    `json:"id"`
	Key     string    `json:"key"`
	Expires time.Time `json:"expires"`
}

// claims are the parts of a token. Campaigns are text, because readers of JSON may lose digits beyond 2^53.
type claims struct {
	jwt.RegisteredClaims
	Role      Role     `json:"role"`
	Campaigns []string `json:"campaigns"`
}

// Create signs a token with the set's signing key.
func (k *Keys) Create(g Grant) (Created, error) {
	if err := g.Validate(); err != nil {
		return Created{}, err
	}
	if k.signer == nil {
		return Created{}, fault.Field("keys", "hold no private part, so that nothing can be signed here")
	}
	ids := slices.Compact(slices.Sorted(slices.Values(g.Campaigns)))
	c := claims{Role: g.Role, Campaigns: make([]string, len(ids))}
	for i, id := range ids {
		c.Campaigns[i] = id.String()
	}
	now := time.Now()
	c.Issuer, c.Subject, c.ID = issuer, g.Subject, uuid.NewString()
	c.IssuedAt = jwt.NewNumericDate(now)
	c.ExpiresAt = jwt.NewNumericDate(now.Add(g.TTL))
	t := jwt.NewWithClaims(k.signer.method, c)
	t.Header["kid"] = k.signer.id
	text, err := t.SignedString(k.signer.signs)
	if err != nil {
		return Created{}, fault.New(fault.Internal, "the token could not be signed: %w", err)
	}
	if len(text) > maxToken {
		return Created{}, fault.Field("campaign", "are too many for one token: it would be %d bytes long, %d may be", len(text), maxToken)
	}
	return Created{Text: text, ID: c.ID, Key: k.signer.id, Expires: c.ExpiresAt.UTC()}, nil
}
