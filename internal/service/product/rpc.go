package product

import (
	"context"
	"net/http"

	"connectrpc.com/connect"

	productv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/product/v1"
	"github.com/ovasabi/ovasabi/api/gen/ovasabi/product/v1/productv1connect"
	"github.com/ovasabi/ovasabi/internal/server"
	"github.com/ovasabi/ovasabi/internal/service/wire"
	"github.com/ovasabi/ovasabi/internal/token"
)

// usualList is how many products a page holds where the request does not say; the contract names it too.
const usualList = 50

// handler answers for the service. Requests reach it validated, and with their
// campaign in the context.
type handler struct{ service *Service }

var _ productv1connect.ProductServiceHandler = handler{}

// RPC offers the service to the server.
func (s *Service) RPC() server.Service {
	read, write := token.Access{Role: token.Reader}, token.Access{Role: token.Writer}
	return server.Service{
		Name: productv1connect.ProductServiceName,
		Access: map[string]token.Access{
			productv1connect.ProductServiceCreateProductProcedure:       write,
			productv1connect.ProductServiceBatchUpsertProductsProcedure: write,
			productv1connect.ProductServiceGetProductProcedure:          read,
			productv1connect.ProductServiceBatchGetProductsProcedure:    read,
			productv1connect.ProductServiceUpdateProductProcedure:       write,
			productv1connect.ProductServiceDeleteProductProcedure:       write,
			productv1connect.ProductServiceListProductsProcedure:        read,
		},
		Handler: func(options ...connect.HandlerOption) (string, http.Handler) {
			return productv1connect.NewProductServiceHandler(handler{s}, options...)
		},
	}
}

func (h handler) CreateProduct(ctx context.Context, r *connect.Request[productv1.CreateProductRequest]) (*connect.Response[productv1.CreateProductResponse], error) {
	made, err := h.service.Create(ctx, r.Msg.GetProduct())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&productv1.CreateProductResponse{Product: made}), nil
}

func (h handler) BatchUpsertProducts(ctx context.Context, r *connect.Request[productv1.BatchUpsertProductsRequest]) (*connect.Response[productv1.BatchUpsertProductsResponse], error) {
	results, err := h.service.UpsertMany(ctx, r.Msg.GetProducts())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&productv1.BatchUpsertProductsResponse{Results: results}), nil
}

func (h handler) GetProduct(ctx context.Context, r *connect.Request[productv1.GetProductRequest]) (*connect.Response[productv1.GetProductResponse], error) {
	found, err := h.service.Get(ctx, r.Msg.GetId(), r.Msg.GetSku())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&productv1.GetProductResponse{Product: found}), nil
}

func (h handler) BatchGetProducts(ctx context.Context, r *connect.Request[productv1.BatchGetProductsRequest]) (*connect.Response[productv1.BatchGetProductsResponse], error) {
	found, missing, err := h.service.GetMany(ctx, r.Msg.GetIds())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&productv1.BatchGetProductsResponse{Products: found, MissingIds: missing}), nil
}

func (h handler) UpdateProduct(ctx context.Context, r *connect.Request[productv1.UpdateProductRequest]) (*connect.Response[productv1.UpdateProductResponse], error) {
	changed, err := h.service.Update(ctx, r.Msg)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&productv1.UpdateProductResponse{Product: changed}), nil
}

func (h handler) DeleteProduct(ctx context.Context, r *connect.Request[productv1.DeleteProductRequest]) (*connect.Response[productv1.DeleteProductResponse], error) {
	if err := h.service.Delete(ctx, r.Msg.GetId(), r.Msg.GetVersion()); err != nil {
		return nil, err
	}
	return connect.NewResponse(&productv1.DeleteProductResponse{}), nil
}

func (h handler) ListProducts(ctx context.Context, r *connect.Request[productv1.ListProductsRequest]) (*connect.Response[productv1.ListProductsResponse], error) {
	page, next, err := h.service.List(ctx, r.Msg, wire.PageSize(r.Msg.GetPageSize(), usualList))
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&productv1.ListProductsResponse{Products: page, NextPageToken: next}), nil
}
