package server

import (
	"encoding/json"
	"net/http"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
)

// httpStatus is what Connect answers for a code over HTTP. Source: https://connectrpc.com/docs/protocol#error-codes
var httpStatus = map[connect.Code]int{
	connect.CodeCanceled:           499,
	connect.CodeUnknown:            http.StatusInternalServerError,
	connect.CodeInvalidArgument:    http.StatusBadRequest,
	connect.CodeDeadlineExceeded:   http.StatusGatewayTimeout,
	connect.CodeNotFound:           http.StatusNotFound,
	connect.CodeAlreadyExists:      http.StatusConflict,
	connect.CodePermissionDenied:   http.StatusForbidden,
	connect.CodeResourceExhausted:  http.StatusTooManyRequests,
	connect.CodeFailedPrecondition: http.StatusBadRequest,
	connect.CodeAborted:            http.StatusConflict,
	connect.CodeUnimplemented:      http.StatusNotImplemented,
	connect.CodeInternal:           http.StatusInternalServerError,
	connect.CodeUnavailable:        http.StatusServiceUnavailable,
	connect.CodeUnauthenticated:    http.StatusUnauthorized,
}

// WriteError answers a plain HTTP request with any error, in the form of
// Connect's JSON errors: {"code", "message", "field", "request_id"}.
func WriteError(w http.ResponseWriter, r *http.Request, err error) { writeError(w, r, err) }

func writeError(w http.ResponseWriter, r *http.Request, err error) {
	shown := rpcError(r.Context(), err)
	body := struct {
		Code      string `json:"code"`
		Message   string `json:"message"`
		Field     string `json:"field,omitempty"`
		RequestID string `json:"request_id,omitempty"`
	}{Code: shown.Code().String(), Message: shown.Message(), RequestID: RequestID(r.Context())}
	for _, d := range shown.Details() {
		if m, err := d.Value(); err == nil {
			if bad, ok := m.(*errdetails.BadRequest); ok && len(bad.GetFieldViolations()) > 0 {
				body.Field = bad.GetFieldViolations()[0].GetField()
			}
		}
	}
	if after := shown.Meta().Get("Retry-After"); after != "" {
		w.Header().Set("Retry-After", after)
	}
	if shown.Code() == connect.CodeUnauthenticated {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	status, ok := httpStatus[shown.Code()]
	if !ok {
		status = http.StatusInternalServerError
	}
	writeJSON(w, status, body)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		return // a client that went away: there is nobody to tell
	}
}
