package content

import (
	"context"
	"net/http"

	"connectrpc.com/connect"

	contentv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/content/v1"
	"github.com/ovasabi/ovasabi/api/gen/ovasabi/content/v1/contentv1connect"
	"github.com/ovasabi/ovasabi/internal/server"
	"github.com/ovasabi/ovasabi/internal/service/wire"
	"github.com/ovasabi/ovasabi/internal/token"
)

// How many rows a page holds where the request does not say; the contract names them too.
const (
	usualList   = 50
	usualSearch = 20
	usualTags   = 50
)

// handler answers for the service. Requests reach it validated, and with their
// campaign in the context.
type handler struct{ service *Service }

var _ contentv1connect.ContentServiceHandler = handler{}

// RPC offers the service to the server.
func (s *Service) RPC() server.Service {
	read, write := token.Access{Role: token.Reader}, token.Access{Role: token.Writer}
	return server.Service{
		Name: contentv1connect.ContentServiceName,
		Access: map[string]token.Access{
			contentv1connect.ContentServiceCreateContentProcedure:      write,
			contentv1connect.ContentServiceBatchCreateContentProcedure: write,
			contentv1connect.ContentServiceGetContentProcedure:         read,
			contentv1connect.ContentServiceBatchGetContentProcedure:    read,
			contentv1connect.ContentServiceUpdateContentProcedure:      write,
			contentv1connect.ContentServiceDeleteContentProcedure:      write,
			contentv1connect.ContentServiceListContentProcedure:        read,
			contentv1connect.ContentServiceSearchContentProcedure:      read,
			contentv1connect.ContentServiceListContentTagsProcedure:    read,
		},
		Handler: func(options ...connect.HandlerOption) (string, http.Handler) {
			return contentv1connect.NewContentServiceHandler(handler{service: s}, options...)
		},
	}
}

func (h handler) GetContent(ctx context.Context, r *connect.Request[contentv1.GetContentRequest]) (*connect.Response[contentv1.GetContentResponse], error) {
	found, err := h.service.Get(ctx, r.Msg.GetId(), r.Msg.GetSlug())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&contentv1.GetContentResponse{Content: found}), nil
}

func (h handler) BatchGetContent(ctx context.Context, r *connect.Request[contentv1.BatchGetContentRequest]) (*connect.Response[contentv1.BatchGetContentResponse], error) {
	found, missing, err := h.service.GetMany(ctx, r.Msg.GetIds(), r.Msg.GetIncludeBody())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&contentv1.BatchGetContentResponse{Contents: found, MissingIds: missing}), nil
}

func (h handler) ListContent(ctx context.Context, r *connect.Request[contentv1.ListContentRequest]) (*connect.Response[contentv1.ListContentResponse], error) {
	m := r.Msg
	page, next, err := h.service.List(ctx, m.GetStatuses(), wire.PageSize(m.GetPageSize(), usualList), m.GetPageToken(), m.GetIncludeBody())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&contentv1.ListContentResponse{Contents: page, NextPageToken: next}), nil
}

func (h handler) SearchContent(ctx context.Context, r *connect.Request[contentv1.SearchContentRequest]) (*connect.Response[contentv1.SearchContentResponse], error) {
	m := r.Msg
	hits, next, err := h.service.Search(ctx, m.GetQuery(), m.GetStatuses(), m.GetTags(), wire.PageSize(m.GetPageSize(), usualSearch), m.GetPageToken())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&contentv1.SearchContentResponse{Hits: hits, NextPageToken: next}), nil
}

func (h handler) ListContentTags(ctx context.Context, r *connect.Request[contentv1.ListContentTagsRequest]) (*connect.Response[contentv1.ListContentTagsResponse], error) {
	tags, err := h.service.Tags(ctx, r.Msg.GetStatuses(), wire.PageSize(r.Msg.GetLimit(), usualTags))
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&contentv1.ListContentTagsResponse{Tags: tags}), nil
}
