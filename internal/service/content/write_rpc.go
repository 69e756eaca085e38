package content

import (
	"context"

	"connectrpc.com/connect"

	contentv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/content/v1"
)

func (h handler) CreateContent(ctx context.Context, r *connect.Request[contentv1.CreateContentRequest]) (*connect.Response[contentv1.CreateContentResponse], error) {
	made, err := h.service.Create(ctx, r.Msg.GetContent())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&contentv1.CreateContentResponse{Content: made}), nil
}

func (h handler) BatchCreateContent(ctx context.Context, r *connect.Request[contentv1.BatchCreateContentRequest]) (*connect.Response[contentv1.BatchCreateContentResponse], error) {
	results, err := h.service.CreateMany(ctx, r.Msg.GetContents())
	if err != nil {
		return nil, err
	}
	answer := &contentv1.BatchCreateContentResponse{Results: results}
	for _, result := range results {
		if result.GetCreated() {
			answer.Created++
		}
	}
	return connect.NewResponse(answer), nil
}

func (h handler) UpdateContent(ctx context.Context, r *connect.Request[contentv1.UpdateContentRequest]) (*connect.Response[contentv1.UpdateContentResponse], error) {
	changed, err := h.service.Update(ctx, r.Msg)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&contentv1.UpdateContentResponse{Content: changed}), nil
}

func (h handler) DeleteContent(ctx context.Context, r *connect.Request[contentv1.DeleteContentRequest]) (*connect.Response[contentv1.DeleteContentResponse], error) {
	if err := h.service.Delete(ctx, r.Msg.GetId(), r.Msg.GetVersion()); err != nil {
		return nil, err
	}
	return connect.NewResponse(&contentv1.DeleteContentResponse{}), nil
}
