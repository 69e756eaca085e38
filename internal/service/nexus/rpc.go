package nexus

import (
	"context"
	"net/http"

	"connectrpc.com/connect"

	nexusv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/nexus/v1"
	"github.com/ovasabi/ovasabi/api/gen/ovasabi/nexus/v1/nexusv1connect"
	"github.com/ovasabi/ovasabi/internal/server"
	"github.com/ovasabi/ovasabi/internal/service/wire"
	"github.com/ovasabi/ovasabi/internal/token"
)

// usualList is how many events a page holds where the request does not say; the contract names it too.
const usualList = 50

// handler answers for the service. Requests reach it validated; those of unary
// calls with their campaign in the context, those of streams not (token.EnterCampaign).
type handler struct{ service *Service }

var _ nexusv1connect.NexusServiceHandler = handler{}

// RPC offers the service to the server.
func (s *Service) RPC() server.Service {
	return server.Service{
		Name: nexusv1connect.NexusServiceName,
		Access: map[string]token.Access{
			// The events of one request may name several campaigns, so the service judges them.
			nexusv1connect.NexusServiceEmitEventProcedure:       {Role: token.Writer, ByService: true},
			nexusv1connect.NexusServiceEmitEventsProcedure:      {Role: token.Writer, ByService: true},
			nexusv1connect.NexusServiceIngestEventsProcedure:    {Role: token.Writer, ByService: true},
			nexusv1connect.NexusServiceListEventsProcedure:      {Role: token.Reader},
			nexusv1connect.NexusServiceSubscribeEventsProcedure: {Role: token.Reader, ByService: true},
		},
		Handler: func(options ...connect.HandlerOption) (string, http.Handler) {
			return nexusv1connect.NewNexusServiceHandler(handler{service: s}, options...)
		},
	}
}

func (h handler) EmitEvent(ctx context.Context, r *connect.Request[nexusv1.EmitEventRequest]) (*connect.Response[nexusv1.EmitEventResponse], error) {
	receipt, err := h.service.Emit(ctx, r.Msg.GetEvent())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&nexusv1.EmitEventResponse{Receipt: receipt}), nil
}

func (h handler) EmitEvents(ctx context.Context, r *connect.Request[nexusv1.EmitEventsRequest]) (*connect.Response[nexusv1.EmitEventsResponse], error) {
	response, err := h.service.EmitMany(ctx, r.Msg.GetCampaignId(), r.Msg.GetEvents())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(response), nil
}

func (h handler) IngestEvents(ctx context.Context, stream *connect.BidiStream[nexusv1.IngestEventsRequest, nexusv1.IngestEventsResponse]) error {
	return h.service.Ingest(ctx, stream.Receive, stream.Send)
}

func (h handler) ListEvents(ctx context.Context, r *connect.Request[nexusv1.ListEventsRequest]) (*connect.Response[nexusv1.ListEventsResponse], error) {
	m := r.Msg
	page, next, err := h.service.List(ctx, Wanted{
		Types: m.GetEventTypes(), Entity: m.GetEntityId(),
		From: wire.OptionalTime(m.GetOccurredFrom()), Before: wire.OptionalTime(m.GetOccurredBefore()),
	}, wire.PageSize(m.GetPageSize(), usualList), m.GetPageToken())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&nexusv1.ListEventsResponse{Events: page, NextPageToken: next}), nil
}

func (h handler) SubscribeEvents(ctx context.Context, r *connect.Request[nexusv1.SubscribeEventsRequest], stream *connect.ServerStream[nexusv1.SubscribeEventsResponse]) error {
	ctx, err := token.EnterCampaign(ctx, r.Msg.GetCampaignId())
	if err != nil {
		return err
	}
	return h.service.Subscribe(ctx, Following{
		Patterns: r.Msg.GetTypePatterns(), Cursor: r.Msg.GetCursor(), FromStart: r.Msg.GetFromStart(),
		Heartbeat: r.Msg.GetHeartbeatInterval().AsDuration(),
	}, stream.Send)
}
