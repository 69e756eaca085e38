package server

import (
	"net/http"
	"slices"
)

// What a page may send and read. Source: https://connectrpc.com/docs/cors
const (
	corsMethods = "GET, POST"
	corsSend    = "Authorization, Connect-Protocol-Version, Connect-Timeout-Ms, Content-Type, Grpc-Timeout, X-Grpc-Web, X-Request-Id, X-User-Agent"
	corsRead    = "Grpc-Message, Grpc-Status, Grpc-Status-Details-Bin, Retry-After, X-Request-Id"
	corsMaxAge  = "7200" // seconds, the most that Chromium takes
)

// cors lets pages of the given origins call. Without any it is not there at all.
func cors(origins []string, next http.Handler) http.Handler {
	if len(origins) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		allowed := slices.Contains(origins, origin)
		if allowed {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Expose-Headers", corsRead)
		}
		if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
			next.ServeHTTP(w, r)
			return
		}
		if allowed {
			h.Set("Access-Control-Allow-Methods", corsMethods)
			h.Set("Access-Control-Allow-Headers", corsSend)
			h.Set("Access-Control-Max-Age", corsMaxAge)
		}
		w.WriteHeader(http.StatusNoContent)
	})
}
