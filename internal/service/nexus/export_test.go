package nexus

import (
	"context"

	nexusv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/nexus/v1"
	"github.com/ovasabi/ovasabi/pkg/campaign"
)

// ListByType is the twin, for its proof.
var ListByType = listByType

// Process is ProcessEvents with a receipt for each event.
func Process(p *BatchEventProcessor, ctx context.Context, events []*nexusv1.EventRequest) ([]*nexusv1.EventReceipt, error) {
	c, err := p.process(ctx, draftsOf(ctx, events))
	if err != nil {
		return nil, err
	}
	return c.receipts(0), nil
}

// Hear is how a subscription hears the bell.
func Hear(b *Bell, id campaign.ID) (<-chan struct{}, func()) { return b.hear(id) }
