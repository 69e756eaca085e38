package server_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"

	contentv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/content/v1"
	"github.com/ovasabi/ovasabi/api/gen/ovasabi/content/v1/contentv1connect"
	"github.com/ovasabi/ovasabi/internal/apitest"
	"github.com/ovasabi/ovasabi/internal/drain"
	"github.com/ovasabi/ovasabi/internal/server"
	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

const searchContent = contentv1connect.ContentServiceSearchContentProcedure

// Of a body of 50 MB no more is taken than a message may have, and without a good token next to nothing.
func TestALargeBodyIsNotTakenIn(t *testing.T) {
	a := apitest.Start(t)
	reader := a.Token(t, token.Reader, a.Campaign(t, "one"))
	for _, c := range []struct {
		token, code string
		most        int64
	}{{reader, "resource_exhausted", 16 << 20}, {"", "unauthenticated", 4 << 20}} {
		body := &counted{next: endless(50 << 20)}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL+searchContent, body)
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/json")
		response, err := a.Client(t, c.token).Do(request)
		require.NoError(t, err)
		answer, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Contains(t, string(answer), c.code)
		require.Less(t, body.n.Load(), c.most)
	}
}

// A client that sends a byte now and then must not hold a connection for ever, whether in its headers or its body.
func TestASlowClientIsCutOff(t *testing.T) {
	a := apitest.Start(t, func(c *server.Config, _ *server.Dependencies) {
		c.HeaderTimeout, c.RequestTimeout = 300*time.Millisecond, 600*time.Millisecond
	})
	reader := a.Token(t, token.Reader, a.Campaign(t, "one"))
	for name, opening := range map[string]string{
		"headers": "POST " + searchContent + " HTTP/1.1\r\nHost: x\r\nX-Slow: ",
		"body": "POST " + searchContent + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n" +
			"Authorization: Bearer " + reader + "\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(a.URL, "http://"))
			require.NoError(t, err)
			defer func() { require.NoError(t, conn.Close()) }()
			_, err = io.WriteString(conn, opening)
			require.NoError(t, err)
			stop := make(chan struct{})
			defer close(stop)
			go func() {
				for {
					select {
					case <-stop:
						return
					case <-time.After(50 * time.Millisecond):
						if _, err := io.WriteString(conn, "a"); err != nil {
							return
						}
					}
				}
			}()
			require.NoError(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
			_, err = io.Copy(io.Discard, conn) // ends when the server closes
			if err != nil {
				require.NotContains(t, err.Error(), "timeout")
			}
		})
	}
	require.Equal(t, 200, call(t, a.URL, reader, searchContent, `{"query": "x"}`).status)
}

func TestHeadersAreBounded(t *testing.T) {
	a := apitest.Start(t)
	got := send(t, http.MethodGet, a.URL+"/healthz", "", "X-Long", strings.Repeat("a", 64<<10))
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, got.status)
}

func TestEveryProtocolOnOnePort(t *testing.T) {
	a := apitest.Start(t)
	reader := a.Token(t, token.Reader, a.Campaign(t, "one"))
	ask := connect.NewRequest(&contentv1.ListContentRequest{})
	for name, options := range map[string][]connect.ClientOption{
		"gRPC": {connect.WithGRPC()}, "gRPC-Web": {connect.WithGRPCWeb()}, "Connect": nil,
		"JSON": {connect.WithProtoJSON()}, "gzip": {connect.WithSendGzip()}, "GET": {connect.WithHTTPGet()},
	} {
		client := contentv1connect.NewContentServiceClient(a.Client(t, reader), a.URL, options...)
		_, err := client.ListContent(t.Context(), ask)
		require.NoError(t, err, name)
	}
	get := send(t, http.MethodGet, a.URL+listContent+"?encoding=json&message="+url.QueryEscape(`{"pageSize":1}`), "", "Authorization", "Bearer "+reader)
	require.Equal(t, 200, get.status, get.body)
	// What writes cannot be done by a link.
	write := send(t, http.MethodGet, a.URL+contentv1connect.ContentServiceDeleteContentProcedure+"?encoding=json&message=%7B%7D", "", "Authorization", "Bearer "+reader)
	require.Equal(t, 405, write.status)
}

func TestPagesOfOtherOriginsMayCallOnlyWhenToldSo(t *testing.T) {
	closed := apitest.Start(t)
	preflight := []string{"Origin", "https://app.example.org", "Access-Control-Request-Method", "POST"}
	got := send(t, http.MethodOptions, closed.URL+listContent, "", preflight...)
	require.Empty(t, got.header.Get("Access-Control-Allow-Origin"))

	open := apitest.Start(t, func(c *server.Config, _ *server.Dependencies) { c.CORSOrigins = []string{"https://app.example.org"} })
	got = send(t, http.MethodOptions, open.URL+listContent, "", preflight...)
	require.Equal(t, 204, got.status)
	require.Equal(t, "https://app.example.org", got.header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, got.header.Get("Access-Control-Allow-Headers"), "Authorization")
	got = send(t, http.MethodOptions, open.URL+listContent, "", "Origin", "https://app.example.org.evil.example", "Access-Control-Request-Method", "POST")
	require.Empty(t, got.header.Get("Access-Control-Allow-Origin"))
}

func TestReadinessSaysWhatItWaitsFor(t *testing.T) {
	a := apitest.Start(t, func(_ *server.Config, d *server.Dependencies) {
		d.Checks = append(d.Checks, server.Check{Name: "migrations", Ready: func(context.Context) error {
			return fault.New(fault.Unavailable, "the schema is at phase 1, 2 is needed: run ovasabi migrate up")
		}}, server.Check{Name: "disk", Ready: func(context.Context) error { panic("no") }})
	})
	got := send(t, http.MethodGet, a.URL+"/readyz", "")
	require.Equal(t, 503, got.status)
	require.JSONEq(t, `{"ready": false, "waiting_for": [
		{"name": "migrations", "reason": "the schema is at phase 1, 2 is needed: run ovasabi migrate up"},
		{"name": "disk", "reason": "the server met an error that is not yours: tell its operator the request id"}]}`, got.body)
	health := call(t, a.URL, "", "/grpc.health.v1.Health/Check", `{}`)
	require.Contains(t, health.body, "NOT_SERVING")
	require.Equal(t, 200, send(t, http.MethodGet, a.URL+"/healthz", "").status)
}

func TestShutdownLetsCallsEndAndTellsStreams(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	told := make(chan struct{})
	a := apitest.Start(t,
		withGet(func(context.Context) error { close(begun); <-release; return nil }),
		func(_ *server.Config, d *server.Dependencies) {
			d.Routes = append(d.Routes, server.Route{Pattern: "GET /stream", Role: token.Reader, Stream: true,
				Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.WriteString(w, "here\n")
					_ = http.NewResponseController(w).Flush()
					<-drain.Started(r.Context())
					close(told)
				})})
		})
	reader := a.Token(t, token.Reader, a.Campaign(t, "one"))
	client := contentv1connect.NewContentServiceClient(a.Client(t, reader), a.URL, connect.WithGRPC())
	answered := make(chan error, 1)
	go func() {
		_, err := client.GetContent(context.WithoutCancel(t.Context()), connect.NewRequest(&contentv1.GetContentRequest{Key: &contentv1.GetContentRequest_Id{Id: 1}}))
		answered <- err
	}()
	<-begun
	stream, err := a.Client(t, reader).Get(a.URL + "/stream")
	require.NoError(t, err)
	line, err := bufio.NewReader(stream.Body).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "here\n", line)

	stopped := make(chan error, 1)
	go func() { stopped <- a.Stop() }()
	<-told
	select {
	case err := <-stopped:
		require.Fail(t, "the server ended under a call", "%v", err)
	case <-time.After(100 * time.Millisecond):
	}
	close(release)
	require.NoError(t, <-answered, "a call under way must get its answer")
	require.NoError(t, <-stopped)
	require.NoError(t, stream.Body.Close())
}

func TestShutdownCutsWhatDoesNotEnd(t *testing.T) {
	begun := make(chan struct{})
	a := apitest.Start(t,
		withGet(func(ctx context.Context) error { close(begun); <-ctx.Done(); return ctx.Err() }),
		func(c *server.Config, _ *server.Dependencies) { c.ShutdownTimeout = 200 * time.Millisecond })
	reader := a.Token(t, token.Reader, a.Campaign(t, "one"))
	client := contentv1connect.NewContentServiceClient(a.Client(t, reader), a.URL)
	answered := make(chan error, 1)
	go func() {
		_, err := client.GetContent(context.WithoutCancel(t.Context()), connect.NewRequest(&contentv1.GetContentRequest{Key: &contentv1.GetContentRequest_Id{Id: 1}}))
		answered <- err
	}()
	<-begun
	require.ErrorContains(t, a.Stop(), "were cut after 200ms")
	require.Error(t, <-answered)
}

func TestABusyPortIsNamed(t *testing.T) {
	a := apitest.Start(t)
	ring, err := token.NewRing(token.Config{Keys: mustKeys(t)}, quiet)
	require.NoError(t, err)
	c := server.DefaultConfig()
	c.Addr = strings.TrimPrefix(a.URL, "http://")
	s, err := server.New(c, server.Dependencies{Log: quiet, Registry: newRegistry(), Ring: ring, Revocations: a.Revocations})
	require.NoError(t, err)
	_, err = s.Listen(t.Context())
	require.ErrorIs(t, err, fault.Unavailable)
	require.ErrorContains(t, err, "addr: cannot listen on "+c.Addr)
	require.ErrorContains(t, err, "port 0")
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	for flag, change := range map[string]func(*server.Config){
		"addr":              func(c *server.Config) { c.Addr = "8080" },
		"tls-cert":          func(c *server.Config) { c.TLSKey = "k" },
		"max-request-bytes": func(c *server.Config) { c.MaxRequestBytes = 1 },
		"max-header-bytes":  func(c *server.Config) { c.MaxHeaderBytes = 1 },
		"header-timeout":    func(c *server.Config) { c.HeaderTimeout = 0 },
		"request-timeout":   func(c *server.Config) { c.RequestTimeout = -1 },
		"shutdown-delay":    func(c *server.Config) { c.ShutdownDelay = -1 },
		"rate-per-token":    func(c *server.Config) { c.RatePerToken = -1 },
		"rate-burst":        func(c *server.Config) { c.RateBurst = 0 },
		"cors-origin":       func(c *server.Config) { c.CORSOrigins = []string{"*"} },
	} {
		c := server.DefaultConfig()
		require.NoError(t, c.Validate())
		change(&c)
		err := c.Validate()
		require.ErrorIs(t, err, fault.Invalid)
		require.ErrorContains(t, err, flag+": must")
	}
}

// certificateFor writes a certificate of 127.0.0.1 with the serial number.
func certificateFor(t *testing.T, folder string, serial int64) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return pool
}

func TestTLS(t *testing.T) {
	folder := t.TempDir()
	pool := certificateFor(t, folder, 1)
	a := apitest.Start(t, func(c *server.Config, _ *server.Dependencies) {
		c.TLSCert, c.TLSKey = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	})
	require.True(t, strings.HasPrefix(a.URL, "https://"), a.URL)
	for _, http2 := range []bool{false, true} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: http2}
		response, err := (&http.Client{Transport: transport}).Get(a.URL + "/healthz")
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http2, response.ProtoMajor == 2, response.Proto)
		transport.CloseIdleConnections()
	}
	old := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS11}}
	_, err := (&http.Client{Transport: old}).Get(a.URL + "/healthz") //nolint:bodyclose // there is none
	require.Error(t, err)
	plain, err := http.Get("http://" + strings.TrimPrefix(a.URL, "https://") + "/healthz")
	require.NoError(t, err)
	require.NoError(t, plain.Body.Close())
	require.Equal(t, 400, plain.StatusCode)
}

func TestARenewedCertificateIsTakenUp(t *testing.T) {
	folder := t.TempDir()
	certificateFor(t, folder, 1)
	a := apitest.Start(t, func(c *server.Config, _ *server.Dependencies) {
		c.TLSCert, c.TLSKey = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	})
	serial := func() int64 {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(a.URL, "https://"), &tls.Config{InsecureSkipVerify: true})
		require.NoError(t, err)
		defer func() { require.NoError(t, conn.Close()) }()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	require.Equal(t, int64(1), serial())
	certificateFor(t, folder, 2)
	require.Eventually(t, func() bool { return serial() == 2 }, 10*time.Second, 200*time.Millisecond)
}
