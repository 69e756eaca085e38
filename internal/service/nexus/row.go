package nexus

import (
	"time"

	nexusv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/nexus/v1"
	"github.com/ovasabi/ovasabi/internal/service/wire"
)

// row is an event as every statement that reads events returns it, in this order.
type row struct {
	CampaignID int64
	ID         int64
	EventID    string
	EventType  string
	EntityID   string
	OccurredAt time.Time
	ReceivedAt time.Time
	Metadata   []byte
	Payload    []byte
}

// rowColumns are row's columns of the table, or of a subquery, under the alias e.
const rowColumns = `
    e.campaign_id,
    e.id,
    e.event_id,
    e.event_type,
    e.entity_id,
    e.occurred_at,
    e.received_at,
    e.metadata,
    e.payload`

func (r row) message() (*nexusv1.Event, error) {
	metadata, err := wire.Struct(r.Metadata)
	if err != nil {
		return nil, err
	}
	payload, err := wire.Value(r.Payload)
	if err != nil {
		return nil, err
	}
	return &nexusv1.Event{
		Id: r.ID, EventId: r.EventID, EventType: r.EventType, EntityId: r.EntityID,
		Metadata: metadata, CampaignId: r.CampaignID, Payload: payload,
		OccurredAt: wire.Timestamp(r.OccurredAt), ReceivedAt: wire.Timestamp(r.ReceivedAt),
	}, nil
}
