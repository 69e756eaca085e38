package campaign

import (
	"context"
	"net/http"

	"connectrpc.com/connect"

	campaignv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/campaign/v1"
	"github.com/ovasabi/ovasabi/api/gen/ovasabi/campaign/v1/campaignv1connect"
	"github.com/ovasabi/ovasabi/internal/server"
	"github.com/ovasabi/ovasabi/internal/service/wire"
	"github.com/ovasabi/ovasabi/internal/token"
)

// usualList is how many campaigns a page holds where the request does not say; the contract names it too.
const usualList = 100

// handler answers for the service. Requests reach it validated; which campaign
// they mean is the service's to judge, since operators may reach all.
type handler struct{ service *Service }

var _ campaignv1connect.CampaignServiceHandler = handler{}

// RPC offers the service to the server.
func (s *Service) RPC() server.Service {
	by := func(role token.Role) token.Access { return token.Access{Role: role, ByService: true} }
	return server.Service{
		Name: campaignv1connect.CampaignServiceName,
		Access: map[string]token.Access{
			campaignv1connect.CampaignServiceCreateCampaignProcedure:    by(token.Operator),
			campaignv1connect.CampaignServiceGetCampaignProcedure:       by(token.Reader),
			campaignv1connect.CampaignServiceListCampaignsProcedure:     by(token.Reader),
			campaignv1connect.CampaignServiceUpdateCampaignProcedure:    by(token.Admin),
			campaignv1connect.CampaignServiceSetCampaignLimitsProcedure: by(token.Operator),
			campaignv1connect.CampaignServiceArchiveCampaignProcedure:   by(token.Admin),
			campaignv1connect.CampaignServiceRestoreCampaignProcedure:   by(token.Operator),
			campaignv1connect.CampaignServiceGetCampaignUsageProcedure:  by(token.Reader),
		},
		Handler: func(options ...connect.HandlerOption) (string, http.Handler) {
			return campaignv1connect.NewCampaignServiceHandler(handler{s}, options...)
		},
	}
}

func (h handler) CreateCampaign(ctx context.Context, r *connect.Request[campaignv1.CreateCampaignRequest]) (*connect.Response[campaignv1.CreateCampaignResponse], error) {
	c, err := h.service.Create(ctx, r.Msg)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&campaignv1.CreateCampaignResponse{Campaign: c}), nil
}

func (h handler) GetCampaign(ctx context.Context, r *connect.Request[campaignv1.GetCampaignRequest]) (*connect.Response[campaignv1.GetCampaignResponse], error) {
	c, err := h.service.Get(ctx, r.Msg.GetCampaignId())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&campaignv1.GetCampaignResponse{Campaign: c}), nil
}

func (h handler) ListCampaigns(ctx context.Context, r *connect.Request[campaignv1.ListCampaignsRequest]) (*connect.Response[campaignv1.ListCampaignsResponse], error) {
	m := r.Msg
	page, next, err := h.service.List(ctx, m.GetAll(), m.GetStatus(), wire.PageSize(m.GetPageSize(), usualList), m.GetPageToken())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&campaignv1.ListCampaignsResponse{Campaigns: page, NextPageToken: next}), nil
}

func (h handler) UpdateCampaign(ctx context.Context, r *connect.Request[campaignv1.UpdateCampaignRequest]) (*connect.Response[campaignv1.UpdateCampaignResponse], error) {
	c, err := h.service.Update(ctx, r.Msg)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&campaignv1.UpdateCampaignResponse{Campaign: c}), nil
}

func (h handler) SetCampaignLimits(ctx context.Context, r *connect.Request[campaignv1.SetCampaignLimitsRequest]) (*connect.Response[campaignv1.SetCampaignLimitsResponse], error) {
	c, err := h.service.SetLimits(ctx, r.Msg)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&campaignv1.SetCampaignLimitsResponse{Campaign: c}), nil
}

func (h handler) ArchiveCampaign(ctx context.Context, r *connect.Request[campaignv1.ArchiveCampaignRequest]) (*connect.Response[campaignv1.ArchiveCampaignResponse], error) {
	c, err := h.service.SetStatus(ctx, r.Msg.GetCampaignId(), "archived")
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&campaignv1.ArchiveCampaignResponse{Campaign: c}), nil
}

func (h handler) RestoreCampaign(ctx context.Context, r *connect.Request[campaignv1.RestoreCampaignRequest]) (*connect.Response[campaignv1.RestoreCampaignResponse], error) {
	c, err := h.service.SetStatus(ctx, r.Msg.GetCampaignId(), "active")
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&campaignv1.RestoreCampaignResponse{Campaign: c}), nil
}

func (h handler) GetCampaignUsage(ctx context.Context, r *connect.Request[campaignv1.GetCampaignUsageRequest]) (*connect.Response[campaignv1.GetCampaignUsageResponse], error) {
	usage, err := h.service.Usage(ctx, r.Msg.GetCampaignId())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(usage), nil
}
