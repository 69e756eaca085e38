package server

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// logged writes a line for every request, at level debug unless the access log
// is on, and catches what panics outside the procedures.
func (s *Server) logged(next http.Handler) http.Handler {
	level := slog.LevelDebug
	if s.config.AccessLog {
		level = slog.LevelInfo
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		seen := &statusWriter{ResponseWriter: w}
		err := caught(func() error {
			next.ServeHTTP(seen, r)
			return nil
		})
		if err != nil {
			stack := ""
			if p, ok := err.(*panicked); ok { //nolint:errorlint // caught returns nothing else
				stack = string(p.stack)
			}
			s.log.LogAttrs(r.Context(), slog.LevelError, "a handler panicked", slog.String("path", r.URL.Path), slog.String("stack", stack))
			if seen.status == 0 {
				writeError(seen, r, fault.Internal)
			}
		}
		if !s.log.Enabled(r.Context(), level) {
			return
		}
		s.log.LogAttrs(r.Context(), level, "request",
			slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.String("proto", r.Proto),
			slog.Int("status", seen.status), slog.Int64("bytes", seen.bytes), slog.Duration("took", time.Since(start)))
	})
}

// statusWriter remembers what was answered.
type statusWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader remembers the status.
func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes.
func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	if err != nil {
		return n, fmt.Errorf("answering: %w", err)
	}
	return n, nil
}

// Flush sends what was written, which streams need.
func (w *statusWriter) Flush() {
	_ = http.NewResponseController(w.ResponseWriter).Flush() // nothing to flush on a writer of a test
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
