package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"connectrpc.com/connect"

	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// cookieName holds the token of somebody who looks at pages.
const cookieName = "ovasabi_token"

// bearer returns the token of an Authorization header, or "".
func bearer(h http.Header) string {
	scheme, text, ok := strings.Cut(h.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(text)
}

// admit verifies a token, its role and its rate.
func (s *Server) admit(text string, role token.Role) (token.Identity, error) {
	identity, err := s.tokens.Verify(text)
	if err != nil {
		return token.Identity{}, err
	}
	if !identity.Role.May(role) {
		return token.Identity{}, fault.New(fault.Denied, "this needs a token of the role %s; yours is %s", role, identity.Role)
	}
	return identity, s.limits.take(identity.TokenID)
}

// gate lets a call in before any of its message is read. Calls that it refuses
// never reach the interceptors, so it counts and logs them itself.
func (s *Server) gate(access map[string]token.Access) connect.RequestGateFunc {
	return func(ctx context.Context, spec connect.Spec, _ connect.Peer, header http.Header) (context.Context, error) {
		identity, err := s.admit(bearer(header), access[spec.Procedure].Role)
		if err != nil {
			shown := rpcError(ctx, err)
			s.figures.refused(spec.Procedure, shown.Code())
			s.logRefused(ctx, spec.Procedure, err)
			return nil, shown
		}
		return token.NewContext(ctx, identity), nil
	}
}

// protect is the same for routes that are not RPCs.
func (s *Server) protect(route Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reads := r.Method == http.MethodGet || r.Method == http.MethodHead
		text := bearer(r.Header)
		if text == "" && route.Page && reads {
			if c, err := r.Cookie(cookieName); err == nil {
				text = c.Value
			}
		}
		identity, err := s.admit(text, route.Role)
		if err != nil {
			s.logRefused(r.Context(), r.URL.Path, err)
			if route.Page && reads && strings.Contains(r.Header.Get("Accept"), "text/html") {
				s.showLogin(w, r, err)
				return
			}
			writeError(w, r, err)
			return
		}
		route.Handler.ServeHTTP(w, r.WithContext(token.NewContext(r.Context(), identity)))
	})
}

func (s *Server) logRefused(ctx context.Context, what string, err error) {
	level := slog.LevelInfo
	if errors.Is(err, fault.Unavailable) {
		level = slog.LevelWarn
	}
	s.log.LogAttrs(ctx, level, "request refused", slog.String("procedure", what), slog.String("reason", err.Error()))
}
