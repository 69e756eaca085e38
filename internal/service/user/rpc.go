package user

import (
	"context"
	"net/http"

	"connectrpc.com/connect"

	userv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/user/v1"
	"github.com/ovasabi/ovasabi/api/gen/ovasabi/user/v1/userv1connect"
	"github.com/ovasabi/ovasabi/internal/server"
	"github.com/ovasabi/ovasabi/internal/service/wire"
	"github.com/ovasabi/ovasabi/internal/token"
)

// usualList is how many users a page holds where the request does not say; the contract names it too.
const usualList = 50

// handler answers for the service. Requests reach it validated, and with their
// campaign in the context.
type handler struct{ service *Service }

var _ userv1connect.UserServiceHandler = handler{}

// RPC offers the service to the server.
func (s *Service) RPC() server.Service {
	read, write := token.Access{Role: token.Reader}, token.Access{Role: token.Writer}
	return server.Service{
		Name: userv1connect.UserServiceName,
		Access: map[string]token.Access{
			userv1connect.UserServiceCreateUserProcedure:       write,
			userv1connect.UserServiceBatchCreateUsersProcedure: write,
			userv1connect.UserServiceGetUserProcedure:          read,
			userv1connect.UserServiceBatchGetUsersProcedure:    read,
			userv1connect.UserServiceUpdateUserProcedure:       write,
			userv1connect.UserServiceDeleteUserProcedure:       write,
			userv1connect.UserServiceListUsersProcedure:        read,
			userv1connect.UserServiceListActiveUsersProcedure:  read,
			userv1connect.UserServiceRecordLoginProcedure:      write,
		},
		Handler: func(options ...connect.HandlerOption) (string, http.Handler) {
			return userv1connect.NewUserServiceHandler(handler{s}, options...)
		},
	}
}

func (h handler) CreateUser(ctx context.Context, r *connect.Request[userv1.CreateUserRequest]) (*connect.Response[userv1.CreateUserResponse], error) {
	made, err := h.service.Create(ctx, r.Msg.GetUser())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&userv1.CreateUserResponse{User: made}), nil
}

func (h handler) BatchCreateUsers(ctx context.Context, r *connect.Request[userv1.BatchCreateUsersRequest]) (*connect.Response[userv1.BatchCreateUsersResponse], error) {
	results, err := h.service.CreateMany(ctx, r.Msg.GetUsers())
	if err != nil {
		return nil, err
	}
	answer := &userv1.BatchCreateUsersResponse{Results: results}
	for _, result := range results {
		if result.GetCreated() {
			answer.Created++
		}
	}
	return connect.NewResponse(answer), nil
}

func (h handler) GetUser(ctx context.Context, r *connect.Request[userv1.GetUserRequest]) (*connect.Response[userv1.GetUserResponse], error) {
	found, err := h.service.Get(ctx, r.Msg)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&userv1.GetUserResponse{User: found}), nil
}

func (h handler) BatchGetUsers(ctx context.Context, r *connect.Request[userv1.BatchGetUsersRequest]) (*connect.Response[userv1.BatchGetUsersResponse], error) {
	found, missing, err := h.service.GetMany(ctx, r.Msg.GetIds())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&userv1.BatchGetUsersResponse{Users: found, MissingIds: missing}), nil
}

func (h handler) UpdateUser(ctx context.Context, r *connect.Request[userv1.UpdateUserRequest]) (*connect.Response[userv1.UpdateUserResponse], error) {
	changed, err := h.service.Update(ctx, r.Msg)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&userv1.UpdateUserResponse{User: changed}), nil
}

func (h handler) DeleteUser(ctx context.Context, r *connect.Request[userv1.DeleteUserRequest]) (*connect.Response[userv1.DeleteUserResponse], error) {
	if err := h.service.Delete(ctx, r.Msg.GetId(), r.Msg.GetVersion()); err != nil {
		return nil, err
	}
	return connect.NewResponse(&userv1.DeleteUserResponse{}), nil
}

func (h handler) ListUsers(ctx context.Context, r *connect.Request[userv1.ListUsersRequest]) (*connect.Response[userv1.ListUsersResponse], error) {
	m := r.Msg
	page, next, err := h.service.List(ctx, m.GetStatuses(), wire.PageSize(m.GetPageSize(), usualList), m.GetPageToken())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&userv1.ListUsersResponse{Users: page, NextPageToken: next}), nil
}

func (h handler) ListActiveUsers(ctx context.Context, r *connect.Request[userv1.ListActiveUsersRequest]) (*connect.Response[userv1.ListActiveUsersResponse], error) {
	m := r.Msg
	page, next, err := h.service.ListActive(ctx, m.GetSince().AsTime(), wire.PageSize(m.GetPageSize(), usualList), m.GetPageToken())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&userv1.ListActiveUsersResponse{Users: page, NextPageToken: next}), nil
}

func (h handler) RecordLogin(ctx context.Context, r *connect.Request[userv1.RecordLoginRequest]) (*connect.Response[userv1.RecordLoginResponse], error) {
	stands, err := h.service.RecordLogin(ctx, r.Msg.GetId(), wire.OptionalTime(r.Msg.GetAt()))
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&userv1.RecordLoginResponse{LastLoginAt: wire.Timestamp(stands)}), nil
}
