package token

import (
	"context"
	"slices"
	"time"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Identity is what a valid token says of its bearer.
type Identity struct {
	// Subject names the bearer, for logs. Example: "storefront".
	Subject string
	// TokenID is the token's jti. It may be logged; it does not let anybody in.
	TokenID string
	// Role says what the bearer may do.
	Role Role
	// Campaigns are those that the token holds, ascending. Do not change them.
	Campaigns []campaign.ID
	// Expires is when the token ends.
	Expires time.Time

	revocations *Revocations
}

// StillValid returns nil, or what Verify would say now: a call that goes on for
// long asks from time to time.
func (i Identity) StillValid() error {
	if time.Now().After(i.Expires.Add(leeway)) {
		return ErrExpired
	}
	if i.revocations == nil {
		return nil
	}
	return i.revocations.check(i.TokenID)
}

// Holds reports whether the token holds the campaign.
func (i Identity) Holds(id campaign.ID) bool {
	_, found := slices.BinarySearch(i.Campaigns, id)
	return id.Valid() && found
}

// Campaign returns the campaign that a request means. 0 means the token's only
// one: an Invalid fault says that there are several. A campaign that the token
// does not hold is a Denied fault, whether or not it exists.
func (i Identity) Campaign(requested int64) (campaign.ID, error) {
	if requested != 0 {
		id, err := campaign.NewID(requested)
		if err != nil {
			return 0, err
		}
		if !i.Holds(id) {
			return 0, &fault.Error{Kind: fault.Denied, Field: "campaign_id", Message: "the token does not hold this campaign"}
		}
		return id, nil
	}
	switch len(i.Campaigns) {
	case 0:
		return 0, &fault.Error{Kind: fault.Denied, Field: "campaign_id", Message: "the token holds no campaign"}
	case 1:
		return i.Campaigns[0], nil
	default:
		return 0, fault.Field("campaign_id", "must name one of the %d campaigns that the token holds", len(i.Campaigns))
	}
}

type identityKey struct{}

// NewContext returns a context that carries the identity.
func NewContext(ctx context.Context, i Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, i)
}

// FromContext returns the identity that the context carries, or ErrMissing's refusal.
func FromContext(ctx context.Context) (Identity, error) {
	i, ok := ctx.Value(identityKey{}).(Identity)
	if !ok || !i.Role.Valid() {
		return Identity{}, ErrMissing
	}
	return i, nil
}

// EnterCampaign returns a context inside the campaign that a request means, as
// Identity.Campaign says. Unary calls have been through it before their service
// runs; a stream calls it for each message that names a campaign.
func EnterCampaign(ctx context.Context, requested int64) (context.Context, error) {
	i, err := FromContext(ctx)
	if err != nil {
		return nil, err
	}
	id, err := i.Campaign(requested)
	if err != nil {
		return nil, err
	}
	return campaign.NewContext(ctx, id), nil
}
