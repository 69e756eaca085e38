package user_test

import (
	"fmt"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	userv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/user/v1"
	"github.com/ovasabi/ovasabi/api/gen/ovasabi/user/v1/userv1connect"
	"github.com/ovasabi/ovasabi/internal/apitest"
	"github.com/ovasabi/ovasabi/internal/token"
)

type client struct {
	userv1connect.UserServiceClient
	t *testing.T
}

func start(t *testing.T) (a *apitest.API, ours, others client) {
	t.Helper()
	a = apitest.Start(t)
	of := func(slug string) client {
		id := a.Campaign(t, slug)
		return client{userv1connect.NewUserServiceClient(a.Client(t, a.Token(t, token.Writer, id)), a.URL), t}
	}
	return a, of("ours"), of("others")
}

func (c client) create(n *userv1.NewUser) *userv1.User {
	c.t.Helper()
	r, err := c.CreateUser(c.t.Context(), connect.NewRequest(&userv1.CreateUserRequest{User: n}))
	require.NoError(c.t, err)
	return r.Msg.GetUser()
}

func TestAUsersLife(t *testing.T) {
	_, ours, others := start(t)
	ada := ours.create(&userv1.NewUser{Username: "Ada", Email: "Ada@Example.org", FirstName: "Ada", LastName: "Lovelace"})
	require.Equal(t, "active", ada.GetStatus())
	require.Equal(t, "Ada Lovelace", ada.GetDisplayName())
	require.Nil(t, ada.GetLastLoginAt())

	for _, key := range []*userv1.GetUserRequest{
		{Key: &userv1.GetUserRequest_Id{Id: ada.GetId()}},
		{Key: &userv1.GetUserRequest_Username{Username: "aDA"}},
		{Key: &userv1.GetUserRequest_Email{Email: "ada@EXAMPLE.org"}},
	} {
		got, err := ours.GetUser(t.Context(), connect.NewRequest(key))
		require.NoError(t, err)
		require.Equal(t, ada.String(), got.Msg.GetUser().String())
		_, err = others.GetUser(t.Context(), connect.NewRequest(key))
		require.Equal(t, connect.CodeNotFound, connect.CodeOf(err))
	}
	for field, n := range map[string]*userv1.NewUser{
		"email": {Email: "ADA@example.ORG"}, "username": {Username: "ADA", Email: "b@example.org"},
	} {
		_, err := ours.CreateUser(t.Context(), connect.NewRequest(&userv1.CreateUserRequest{User: n}))
		require.Equal(t, connect.CodeAlreadyExists, connect.CodeOf(err))
		require.ErrorContains(t, err, field+": ")
	}
	others.create(&userv1.NewUser{Username: "ada", Email: "ada@example.org"})

	// The name to show follows what there is.
	none := ""
	version := ada.GetVersion()
	for _, step := range []struct {
		change *userv1.UpdateUserRequest
		shown  string
	}{
		{&userv1.UpdateUserRequest{LastName: &none}, "Ada"}, // the username
		{&userv1.UpdateUserRequest{Username: &none}, fmt.Sprint("User#", ada.GetId())},
	} {
		step.change.Id, step.change.Version = ada.GetId(), version
		got, err := ours.UpdateUser(t.Context(), connect.NewRequest(step.change))
		require.NoError(t, err)
		require.Equal(t, step.shown, got.Msg.GetUser().GetDisplayName())
		require.Equal(t, "Ada@Example.org", got.Msg.GetUser().GetEmail(), "what is left out stays")
		version = got.Msg.GetUser().GetVersion()
	}
	_, err := ours.UpdateUser(t.Context(), connect.NewRequest(&userv1.UpdateUserRequest{Id: ada.GetId(), Version: 1}))
	require.Equal(t, connect.CodeAborted, connect.CodeOf(err))
	_, err = others.DeleteUser(t.Context(), connect.NewRequest(&userv1.DeleteUserRequest{Id: ada.GetId()}))
	require.Equal(t, connect.CodeNotFound, connect.CodeOf(err))
	_, err = ours.DeleteUser(t.Context(), connect.NewRequest(&userv1.DeleteUserRequest{Id: ada.GetId(), Version: version}))
	require.NoError(t, err)
}

func TestLogins(t *testing.T) {
	_, ours, _ := start(t)
	now := time.Now().UTC().Truncate(time.Microsecond)
	login := func(id int64, at time.Time) time.Time {
		r, err := ours.RecordLogin(t.Context(), connect.NewRequest(&userv1.RecordLoginRequest{Id: id, At: timestamppb.New(at)}))
		require.NoError(t, err)
		return r.Msg.GetLastLoginAt().AsTime()
	}
	var ids []int64
	for i := range 5 {
		status := "active"
		if i == 4 {
			status = "suspended"
		}
		u := ours.create(&userv1.NewUser{Email: fmt.Sprint(i, "@example.org"), Status: status})
		ids = append(ids, u.GetId())
		login(u.GetId(), now.Add(-time.Duration(i/2)*time.Hour)) // two at the same time
	}
	ours.create(&userv1.NewUser{Email: "never@example.org"})
	require.Equal(t, now, login(ids[0], now.Add(-time.Hour)), "an earlier login must not move the later one back")

	var found []int64
	r := &userv1.ListActiveUsersRequest{Since: timestamppb.New(now.Add(-time.Hour)), PageSize: 1}
	for {
		page, err := ours.ListActiveUsers(t.Context(), connect.NewRequest(r))
		require.NoError(t, err)
		for _, u := range page.Msg.GetUsers() {
			found = append(found, u.GetId())
		}
		if r.PageToken = page.Msg.GetNextPageToken(); r.GetPageToken() == "" {
			break
		}
	}
	require.Equal(t, []int64{ids[1], ids[0], ids[3], ids[2]}, found)

	before, err := ours.GetUser(t.Context(), connect.NewRequest(&userv1.GetUserRequest{Key: &userv1.GetUserRequest_Id{Id: ids[0]}}))
	require.NoError(t, err)
	require.Equal(t, int64(1), before.Msg.GetUser().GetVersion(), "a login must not spoil somebody's update")
	_, err = ours.RecordLogin(t.Context(), connect.NewRequest(&userv1.RecordLoginRequest{Id: ids[0], At: timestamppb.New(now.Add(time.Hour))}))
	require.Equal(t, connect.CodeInvalidArgument, connect.CodeOf(err))
	_, err = ours.RecordLogin(t.Context(), connect.NewRequest(&userv1.RecordLoginRequest{Id: 999}))
	require.Equal(t, connect.CodeNotFound, connect.CodeOf(err))
}

func TestABatchOfUsers(t *testing.T) {
	_, ours, _ := start(t)
	batch := func(users ...*userv1.NewUser) (*userv1.BatchCreateUsersResponse, error) {
		r, err := ours.BatchCreateUsers(t.Context(), connect.NewRequest(&userv1.BatchCreateUsersRequest{Users: users}))
		if err != nil {
			return nil, err
		}
		return r.Msg, nil
	}
	first, err := batch(&userv1.NewUser{Username: "b", Email: "b@x.org"}, &userv1.NewUser{Email: "a@x.org"})
	require.NoError(t, err)
	require.Equal(t, int32(2), first.GetCreated())
	second, err := batch(&userv1.NewUser{Email: "A@X.org"}, &userv1.NewUser{Email: "c@x.org", FirstName: "C"})
	require.NoError(t, err)
	require.Equal(t, int32(1), second.GetCreated())
	require.Equal(t, first.GetResults()[1].GetId(), second.GetResults()[0].GetId())

	_, err = batch(&userv1.NewUser{Email: "d@x.org"}, &userv1.NewUser{Username: "B", Email: "e@x.org"})
	require.Equal(t, connect.CodeAlreadyExists, connect.CodeOf(err))
	require.ErrorContains(t, err, "username: ")
	_, err = batch(&userv1.NewUser{Email: "d@x.org"}, &userv1.NewUser{Email: "D@x.org"})
	require.ErrorContains(t, err, "users[1].email: is the same as that of users[0]")
	_, err = batch(&userv1.NewUser{Email: "not an address"})
	require.ErrorContains(t, err, "users[0].email")

	list, err := ours.ListUsers(t.Context(), connect.NewRequest(&userv1.ListUsersRequest{}))
	require.NoError(t, err)
	require.Len(t, list.Msg.GetUsers(), 3, "a batch that failed made nobody")
	some, err := ours.BatchGetUsers(t.Context(), connect.NewRequest(&userv1.BatchGetUsersRequest{
		Ids: []int64{first.GetResults()[1].GetId(), 999, first.GetResults()[0].GetId()},
	}))
	require.NoError(t, err)
	require.Equal(t, "a@x.org", some.Msg.GetUsers()[0].GetEmail())
	require.Equal(t, []int64{999}, some.Msg.GetMissingIds())
	none, err := ours.ListUsers(t.Context(), connect.NewRequest(&userv1.ListUsersRequest{Statuses: []string{"deleted", "suspended"}}))
	require.NoError(t, err)
	require.Empty(t, none.Msg.GetUsers())
}
