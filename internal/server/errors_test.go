package server_test

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	contentv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/content/v1"
	"github.com/ovasabi/ovasabi/api/gen/ovasabi/content/v1/contentv1connect"
	"github.com/ovasabi/ovasabi/internal/apitest"
	"github.com/ovasabi/ovasabi/internal/server"
	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

var quiet = slog.New(slog.DiscardHandler)

func newRegistry() *prometheus.Registry { return prometheus.NewRegistry() }

func mustKeys(t *testing.T) string {
	t.Helper()
	text, err := token.NewKeysJSON()
	require.NoError(t, err)
	return string(text)
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestErrorsNameTheField(t *testing.T) {
	a := apitest.Start(t)
	one := a.Campaign(t, "one")
	client := contentv1connect.NewContentServiceClient(a.Client(t, a.Token(t, token.Writer, one)), a.URL, connect.WithGRPC())

	_, err := client.ListContent(t.Context(), connect.NewRequest(&contentv1.ListContentRequest{PageSize: 501, Statuses: []string{"draft", "secret"}}))
	require.Equal(t, connect.CodeInvalidArgument, connect.CodeOf(err))
	require.ElementsMatch(t, []string{"page_size", "statuses[1]"}, fieldsOf(t, err))

	_, err = client.GetContent(t.Context(), connect.NewRequest(&contentv1.GetContentRequest{}))
	require.Equal(t, []string{"key"}, fieldsOf(t, err))

	_, err = client.SearchContent(t.Context(), connect.NewRequest(&contentv1.SearchContentRequest{Query: "a\x00b"}))
	require.Equal(t, connect.CodeInvalidArgument, connect.CodeOf(err))
	require.Equal(t, []string{"query"}, fieldsOf(t, err))
	require.ErrorContains(t, err, "U+0000")

	_, err = client.GetContent(t.Context(), connect.NewRequest(&contentv1.GetContentRequest{Key: &contentv1.GetContentRequest_Id{Id: 77}}))
	require.Equal(t, connect.CodeNotFound, connect.CodeOf(err))
	require.NotEmpty(t, detail[*errdetails.RequestInfo](t, err).GetRequestId())
}

func TestJSONThatIsNotOfTheContract(t *testing.T) {
	a := apitest.Start(t)
	reader := a.Token(t, token.Reader, a.Campaign(t, "one"))
	deep := strings.Repeat(`{"a":`, 300) + "1" + strings.Repeat("}", 300)
	for name, c := range map[string]struct{ procedure, body, want string }{
		"an unknown field":    {listContent, `{"page_sise": 5}`, `unknown field \"page_sise\"`},
		"a wrong type":        {listContent, `{"page_size": "many"}`, "pageSize"},
		"no JSON":             {listContent, `{"page_size": `, "unexpected"},
		"nothing":             {listContent, ``, "send {}"},
		"too deep":            {"/ovasabi.content.v1.ContentService/GetContent", deep, "invalid_argument"},
		"a cut-off surrogate": {listContent, `{"page_token": "\ud800"}`, "invalid_argument"},
	} {
		got := call(t, a.URL, reader, c.procedure, c.body)
		require.Equal(t, 400, got.status, "%s: %s", name, got.body)
		require.Contains(t, got.body, c.want, name)
	}
	require.Equal(t, 415, call(t, a.URL, reader, listContent, "<xml/>", "Content-Type", "text/xml").status)
	require.Equal(t, 405, send(t, http.MethodDelete, a.URL+listContent, "", "Authorization", "Bearer "+reader).status)
}

// A database that is broken is our defect: the caller learns an id to quote, and nothing of the database.
func TestInternalErrorsStayInside(t *testing.T) {
	a := apitest.Start(t)
	one := a.Campaign(t, "one")
	reader := a.Token(t, token.Reader, one)
	_, err := a.DB.Owner(t).Exec(t.Context(), `ALTER TABLE ovasabi.service_content_main RENAME COLUMN title TO heading`)
	require.NoError(t, err)
	got := call(t, a.URL, reader, listContent, "{}", "X-Request-Id", "quote-me-12345")
	require.Equal(t, 500, got.status)
	require.Equal(t, "quote-me-12345", got.header.Get("X-Request-Id"))
	for _, inside := range []string{"title", "heading", "column", "service_content_main", "42703", "SELECT"} {
		require.NotContains(t, got.body, inside)
	}
	require.Contains(t, got.body, "tell its operator the request id")
	line := logLine(t, a, "call failed")
	require.Contains(t, line, `"request_id":"quote-me-12345"`)
	require.Contains(t, line, `"level":"ERROR"`)
	require.Contains(t, line, `"campaign_id":`+one.String())
	require.Contains(t, line, `"sqlstate":"42703"`)
}

// broken answers with whatever the test wants.
type broken struct {
	contentv1connect.UnimplementedContentServiceHandler
	get func(ctx context.Context) error
}

func (b broken) GetContent(ctx context.Context, _ *connect.Request[contentv1.GetContentRequest]) (*connect.Response[contentv1.GetContentResponse], error) {
	if err := b.get(ctx); err != nil {
		return nil, err
	}
	return connect.NewResponse(&contentv1.GetContentResponse{}), nil
}

// withGet replaces the content service by one whose GetContent does what the test says.
func withGet(get func(ctx context.Context) error) apitest.Option {
	return func(_ *server.Config, d *server.Dependencies) {
		for i, s := range d.Services {
			if s.Name == contentv1connect.ContentServiceName {
				d.Services[i].Handler = func(o ...connect.HandlerOption) (string, http.Handler) {
					return contentv1connect.NewContentServiceHandler(broken{get: get}, o...)
				}
			}
		}
	}
}

func TestAPanicIsOneFailedCall(t *testing.T) {
	a := apitest.Start(t, withGet(func(context.Context) error { panic("the secret value") }))
	reader := a.Token(t, token.Reader, a.Campaign(t, "one"))
	for range 2 {
		got := call(t, a.URL, reader, getContent, `{"id": 1}`)
		require.Equal(t, 500, got.status)
		require.NotContains(t, got.body, "secret")
	}
	line := logLine(t, a, "call failed")
	require.Contains(t, line, "errors_test.go", "the stack must be logged")
	require.NotContains(t, line, "the secret value")
}

func TestEveryKindOfFaultHasItsCode(t *testing.T) {
	var next error
	a := apitest.Start(t, withGet(func(context.Context) error { return next }))
	reader := a.Token(t, token.Reader, a.Campaign(t, "one"))
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{fault.New(fault.NotFound, "n"), 404, "not_found"},
		{&fault.Error{Kind: fault.Conflict, Code: fault.CodeUniqueViolation}, 409, "already_exists"},
		{fault.New(fault.Conflict, "changed"), 409, "aborted"},
		{fault.Field("x", "bad"), 400, "invalid_argument"},
		{fault.New(fault.Limited, "l"), 429, "resource_exhausted"},
		{fault.New(fault.Unavailable, "u"), 503, "unavailable"},
		{fault.New(fault.Denied, "d"), 403, "permission_denied"},
		{fault.New(fault.Canceled, "c"), 499, "canceled"},
		{fault.FromPostgres(context.DeadlineExceeded), 504, "deadline_exceeded"},
		{fault.New(fault.Internal, "secret"), 500, "internal"},
		{os.ErrNotExist, 500, "internal"},
		{fault.Conflict, 409, "aborted"},
	} {
		next = c.err
		got := call(t, a.URL, reader, getContent, `{"id": 1}`)
		require.Equal(t, c.status, got.status, "%v: %s", c.err, got.body)
		require.Equal(t, c.code, got.json(t)["code"])
		require.NotContains(t, got.body, "secret")
	}
}

func logLine(t *testing.T, a *apitest.API, message string) string {
	t.Helper()
	for line := range strings.Lines(a.Log.String()) {
		if strings.Contains(line, `"msg":"`+message+`"`) {
			return line
		}
	}
	require.Fail(t, "no such line was logged", message)
	return ""
}
