package server

import (
	"net/http"

	"connectrpc.com/connect"

	"github.com/ovasabi/ovasabi/internal/token"
)

// Service is one Connect service, as its package offers it.
type Service struct {
	// Name is the full protobuf name, such as "ovasabi.content.v1.ContentService".
	Name string
	// Access says for every procedure, such as "/ovasabi.content.v1.ContentService/GetContent",
	// who may call it. A procedure that is missing here is refused to everybody.
	Access map[string]token.Access
	// Handler makes the handler and says on which path it stands; it is what the generated code gives.
	Handler func(options ...connect.HandlerOption) (path string, handler http.Handler)
}

// Route is one more path beside the services.
type Route struct {
	// Pattern is that of http.ServeMux, such as "POST /events" or "/dashboard/".
	Pattern string
	// Role is the smallest role that may call. The zero Role lets nobody in.
	Role token.Role
	// Handler runs with the caller's identity in the context (token.FromContext), within
	// the request's size and time limits unless Stream is set.
	Handler http.Handler
	// Stream lifts the time limit, for handlers that go on until drain.Started.
	Stream bool
	// Page also takes the token from the cookie that /login sets. Only for GET and HEAD.
	Page bool
}
