package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"connectrpc.com/connect"
	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/campaign"
)

// calls stands around every procedure: it judges requests, puts the campaign in
// the context, turns errors into what may be shown, catches panics, measures and logs.
type calls struct {
	server *Server
	access map[string]token.Access
}

var _ connect.Interceptor = calls{}

// named is a request that may name a campaign.
type named interface{ GetCampaignId() int64 }

// WrapUnary handles calls of one message.
func (c calls) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		procedure := req.Spec().Procedure
		ctx, cancel := context.WithTimeout(ctx, c.server.config.RequestTimeout)
		defer cancel()
		done := c.server.figures.begin(procedure)
		var response connect.AnyResponse
		err := caught(func() error {
			inside, err := c.enter(ctx, procedure, req.Any())
			if err != nil {
				return err
			}
			ctx = inside //nolint:fatcontext // once a call, so that the log names the campaign
			response, err = next(ctx, req)
			return err
		})
		shown := c.end(ctx, procedure, err, done)
		if shown != nil {
			return nil, shown
		}
		return response, nil
	}
}

// enter judges a request and returns its context inside its campaign.
func (c calls) enter(ctx context.Context, procedure string, message any) (context.Context, error) {
	if err := c.server.validator.validate(message); err != nil {
		return nil, err
	}
	n, ok := message.(named)
	if !ok || c.access[procedure].ByService {
		return ctx, nil
	}
	trace.SpanFromContext(ctx).SetAttributes(attribute.Int64("ovasabi.campaign_id", n.GetCampaignId()))
	return token.EnterCampaign(ctx, n.GetCampaignId())
}

// WrapStreamingHandler handles streams. A stream enters its campaign itself, with token.EnterCampaign.
func (c calls) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		procedure := conn.Spec().Procedure
		done := c.server.figures.begin(procedure)
		err := caught(func() error {
			return next(ctx, &judgedStream{conn, c.server.validator})
		})
		if shown := c.end(ctx, procedure, err, done); shown != nil {
			return shown
		}
		return nil
	}
}

// WrapStreamingClient does nothing: this is a server.
func (c calls) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// end measures and logs a call. It returns nil where there was no error.
func (c calls) end(ctx context.Context, procedure string, err error, done func(code string)) *connect.Error {
	if err == nil {
		done("ok")
		return nil
	}
	shown := rpcError(ctx, err)
	done(shown.Code().String())
	c.log(ctx, procedure, shown.Code(), err)
	return shown
}

func (c calls) log(ctx context.Context, procedure string, code connect.Code, err error) {
	attrs := []slog.Attr{
		slog.String("procedure", procedure),
		slog.String("code", code.String()),
		slog.String("error", err.Error()),
	}
	if id, err := campaign.FromContext(ctx); err == nil {
		attrs = append(attrs, slog.Int64("campaign_id", id.Int64()))
	}
	if i, err := token.FromContext(ctx); err == nil {
		attrs = append(attrs, slog.String("token_id", i.TokenID), slog.String("subject", i.Subject))
	}
	level := slog.LevelInfo
	switch code {
	case connect.CodeInternal, connect.CodeUnknown:
		level = slog.LevelError
		if p, ok := errors.AsType[*panicked](err); ok {
			attrs = append(attrs, slog.String("stack", string(p.stack)))
		} else {
			attrs = append(attrs, causeOf(err)...)
		}
	case connect.CodeUnavailable, connect.CodeDeadlineExceeded:
		level = slog.LevelWarn
	}
	c.server.log.LogAttrs(ctx, level, "call failed", attrs...)
}

// causeOf says what is behind an error of ours. The server's text is logged only
// for classes of errors whose text is about the schema or the server; others may quote rows.
func causeOf(err error) []slog.Attr {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		attrs := []slog.Attr{slog.String("sqlstate", pg.Code)}
		switch pg.Code[:min(2, len(pg.Code))] {
		case "0A", "25", "42", "55", "58", "XX":
			attrs = append(attrs, slog.String("cause", pg.Message))
		}
		return attrs
	}
	var types []string
	for cause := errors.Unwrap(err); cause != nil; cause = errors.Unwrap(cause) {
		types = append(types, fmt.Sprintf("%T", cause))
	}
	return []slog.Attr{slog.Any("cause", types)}
}

// judgedStream judges every message as it is received.
type judgedStream struct {
	connect.StreamingHandlerConn
	validator validator
}

// Receive reads the next message and judges it.
func (s *judgedStream) Receive(message any) error {
	if err := s.StreamingHandlerConn.Receive(message); err != nil {
		if errors.Is(err, io.EOF) {
			return io.EOF
		}
		return err
	}
	return s.validator.validate(message)
}

// panicked is a panic that was caught. Its value may quote anything and is not part of its text.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic (%T)", p.value) }

// caught turns a panic of fn into an error. http.ErrAbortHandler is not ours to catch.
func caught(fn func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			if e, ok := value.(error); ok && errors.Is(e, http.ErrAbortHandler) {
				panic(value)
			}
			err = &panicked{value, debug.Stack()}
		}
	}()
	return fn()
}

// limitTime bounds how long a client may take to send its request and to read
// its answer. Both deadlines are set for every request, because a connection of
// HTTP/1.1 keeps those of the request before. 0 lifts them.
func limitTime(d time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var deadline time.Time
		if d > 0 {
			deadline = time.Now().Add(d)
		}
		control := http.NewResponseController(w)
		_ = control.SetReadDeadline(deadline) // a writer without deadlines is one of a test
		_ = control.SetWriteDeadline(deadline)
		next.ServeHTTP(w, r)
	})
}
