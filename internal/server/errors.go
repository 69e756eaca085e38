package server

import (
	"context"
	"errors"
	"strconv"
	"time"

	"buf.build/go/protovalidate"
	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// rpcError turns any error into what the caller may see: a code, one sentence,
// the fields that are wrong, and the request's id. Causes stay in the log.
func rpcError(ctx context.Context, err error) *connect.Error {
	shown := shownError(ctx, err)
	if id := RequestID(ctx); id != "" {
		addDetail(shown, &errdetails.RequestInfo{RequestId: id})
	}
	return shown
}

func shownError(ctx context.Context, err error) *connect.Error {
	if r, ok := errors.AsType[token.Refusal](err); ok {
		return connect.NewError(connect.CodeUnauthenticated, r)
	}
	if v, ok := errors.AsType[*protovalidate.ValidationError](err); ok {
		return invalid(v)
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return faultError(ctx, f)
	}
	if k, ok := errors.AsType[fault.Kind](err); ok {
		return faultError(ctx, &fault.Error{Kind: k})
	}
	if c, ok := errors.AsType[*connect.Error](err); ok {
		return c // made by connect itself: a message too large, a stream that broke
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return connect.NewError(connect.CodeDeadlineExceeded, errDeadline)
	}
	if errors.Is(err, context.Canceled) {
		return connect.NewError(connect.CodeCanceled, errCanceled)
	}
	return connect.NewError(connect.CodeInternal, errInternal)
}

var (
	errInternal = errors.New("the server met an error that is not yours: tell its operator the request id")
	errDeadline = errors.New("the call took longer than its deadline; it may have had its effect")
	errCanceled = errors.New("the call was given up; it may have had its effect")
)

func faultError(ctx context.Context, f *fault.Error) *connect.Error {
	switch f.Kind {
	case fault.Internal:
		return connect.NewError(connect.CodeInternal, errInternal)
	case fault.Canceled:
		if errors.Is(f, context.DeadlineExceeded) || errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return connect.NewError(connect.CodeDeadlineExceeded, errDeadline)
		}
		return connect.NewError(connect.CodeCanceled, errCanceled)
	}
	shown := connect.NewError(codeOf(f), errors.New(f.Error()))
	if f.Field != "" {
		addDetail(shown, &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: f.Field, Description: f.Message},
		}})
	}
	if f.RetryAfter > 0 {
		addDetail(shown, &errdetails.RetryInfo{RetryDelay: durationpb.New(f.RetryAfter)})
		shown.Meta().Set("Retry-After", wholeSeconds(f.RetryAfter))
	}
	return shown
}

func codeOf(f *fault.Error) connect.Code {
	switch f.Kind {
	case fault.NotFound:
		return connect.CodeNotFound
	case fault.Conflict:
		// A key that exists stays so however often the call is sent; a row that changed can be read again.
		if f.Code == fault.CodeUniqueViolation || f.Code == fault.CodeExclusionViolation {
			return connect.CodeAlreadyExists
		}
		return connect.CodeAborted
	case fault.Invalid, fault.NoCampaign:
		return connect.CodeInvalidArgument
	case fault.Limited:
		return connect.CodeResourceExhausted
	case fault.Unavailable:
		return connect.CodeUnavailable
	case fault.Denied:
		return connect.CodePermissionDenied
	default:
		return connect.CodeInternal
	}
}

// invalid lists every field that breaks a rule of the contract, at most maxViolations of them.
func invalid(v *protovalidate.ValidationError) *connect.Error {
	bad := &errdetails.BadRequest{}
	for _, violation := range v.Violations[:min(len(v.Violations), maxViolations)] {
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{
			Field:       protovalidate.FieldPathString(violation.Proto.GetField()),
			Description: violation.Proto.GetMessage(),
		})
	}
	sentence := "the request breaks a rule"
	if all := bad.GetFieldViolations(); len(all) > 0 {
		sentence = all[0].GetDescription() // a rule of the whole message names its field itself
		if field := all[0].GetField(); field != "" {
			sentence = field + ": " + sentence
		}
	}
	shown := connect.NewError(connect.CodeInvalidArgument, errors.New(sentence))
	addDetail(shown, bad)
	return shown
}

const maxViolations = 20

func addDetail(e *connect.Error, m proto.Message) {
	if d, err := connect.NewErrorDetail(m); err == nil { // fails for messages that cannot be encoded; ours can
		e.AddDetail(d)
	}
}

func wholeSeconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}
