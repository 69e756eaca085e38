package server_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answer is what a plain HTTP client sees.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var object map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.body), &object), a.body)
	return object
}

// send sends a request over HTTP/1.1. Headers are name, value, name, value.
func send(t *testing.T, method, url, body string, headers ...string) answer {
	t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := client.Do(request)
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return answer{response.StatusCode, response.Header, string(text)}
}

// call sends JSON to a procedure as curl does.
func call(t *testing.T, url, token, procedure, body string, headers ...string) answer {
	t.Helper()
	headers = append([]string{"Content-Type", "application/json"}, headers...)
	if token != "" {
		headers = append(headers, "Authorization", "Bearer "+token)
	}
	return send(t, http.MethodPost, url+procedure, body, headers...)
}

// detail finds the error's detail of m's type.
func detail[M proto.Message](t *testing.T, err error) M {
	t.Helper()
	var shown *connect.Error
	require.ErrorAs(t, err, &shown)
	for _, d := range shown.Details() {
		value, err := d.Value()
		require.NoError(t, err)
		if m, ok := value.(M); ok {
			return m
		}
	}
	require.Fail(t, "the error has no such detail", "%T in %v", *new(M), shown.Details())
	return *new(M)
}

func fieldsOf(t *testing.T, err error) []string {
	t.Helper()
	var fields []string
	for _, v := range detail[*errdetails.BadRequest](t, err).GetFieldViolations() {
		fields = append(fields, v.GetField())
	}
	return fields
}

// endless gives n bytes of JSON that never ends, slowly enough to be cut off.
func endless(n int) io.Reader {
	return io.MultiReader(strings.NewReader(`{"query":"`), io.LimitReader(repeat('a'), int64(n)), strings.NewReader(`"}`))
}

type repeat byte

func (r repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r)
	}
	return len(p), nil
}

// counted counts what was read of a body.
type counted struct {
	next io.Reader
	n    atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.next.Read(p)
	c.n.Add(int64(n))
	return n, err
}
