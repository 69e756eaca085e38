package nexus

import (
	"context"

	nexusv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/nexus/v1"
	"github.com/ovasabi/ovasabi/internal/token"
)

// drafts judges events that a caller sent; requested is the campaign of those
// that name none. An error is about the whole of them: the campaign of the
// request, or a caller without a token.
func drafts(ctx context.Context, requested int64, events []*nexusv1.EventRequest) ([]draft, error) {
	caller, err := token.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	if requested != 0 {
		if _, err := caller.Campaign(requested); err != nil {
			return nil, err
		}
	}
	all := make([]draft, len(events))
	for i, r := range events {
		id := r.GetCampaignId()
		if id == 0 {
			id = requested
		}
		all[i] = judge(r)
		enclosing, err := caller.Campaign(id)
		if all[i].campaign = enclosing; all[i].err == nil {
			all[i].err = err
		}
	}
	return all, nil
}

// Emit writes one event and returns its receipt, accepted or duplicate.
func (s *Service) Emit(ctx context.Context, r *nexusv1.EventRequest) (*nexusv1.EventReceipt, error) {
	all, err := drafts(ctx, 0, []*nexusv1.EventRequest{r})
	if err != nil {
		return nil, err
	}
	if err := all[0].err; err != nil {
		s.events.figures.refused(1)
		return nil, within("event", err)
	}
	c, err := s.events.process(ctx, all)
	if err != nil {
		return nil, err
	}
	if err := c.answers[0].err; err != nil {
		return nil, within("event", err)
	}
	return c.receipts(0)[0], nil
}

// EmitMany writes events, each judged by itself; requested is the campaign of those that name none.
func (s *Service) EmitMany(ctx context.Context, requested int64, events []*nexusv1.EventRequest) (*nexusv1.EmitEventsResponse, error) {
	all, err := drafts(ctx, requested, events)
	if err != nil {
		return nil, err
	}
	return s.emit(ctx, all)
}

func (s *Service) emit(ctx context.Context, all []draft) (*nexusv1.EmitEventsResponse, error) {
	c, err := s.events.process(ctx, all)
	if err != nil {
		return nil, err
	}
	response := &nexusv1.EmitEventsResponse{Receipts: c.receipts(0)}
	for _, a := range c.answers {
		switch a.outcome {
		case nexusv1.EventOutcome_EVENT_OUTCOME_ACCEPTED:
			response.Accepted++
		case nexusv1.EventOutcome_EVENT_OUTCOME_DUPLICATE:
			response.Duplicates++
		case nexusv1.EventOutcome_EVENT_OUTCOME_REJECTED:
			response.Rejected++
		default:
			response.Failed++
		}
	}
	return response, nil
}
