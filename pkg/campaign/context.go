package campaign

import (
	"context"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

type contextKey struct{}

// NewContext returns a context that carries the campaign. An ID that is not
// valid is not carried: FromContext then answers NoCampaign.
func NewContext(ctx context.Context, id ID) context.Context {
	return context.WithValue(ctx, contextKey{}, id)
}

// FromContext returns the campaign that the context carries, or a NoCampaign
// fault. It is asked before any SQL is built or run.
func FromContext(ctx context.Context) (ID, error) {
	id, ok := ctx.Value(contextKey{}).(ID)
	if !ok || !id.Valid() {
		return 0, fault.New(fault.NoCampaign, "the context carries no campaign: set one with campaign.NewContext before the call")
	}
	return id, nil
}
