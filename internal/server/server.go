package server

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/ovasabi/ovasabi/internal/drain"
	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Dependencies are what a server stands on. All are the caller's to close, after Run has returned.
type Dependencies struct {
	// Log takes every line; its handler should be LogHandler's. Required.
	Log *slog.Logger
	// Registry gets the server's figures and is what /metrics shows. Required.
	Registry *prometheus.Registry
	// Ring and Revocations judge tokens; Run follows both. Required.
	Ring        *token.Ring
	Revocations *token.Revocations
	// Traces makes a span of every call; nil makes none.
	Traces trace.TracerProvider
	// Services are the Connect services.
	Services []Service
	// Routes are further paths, such as the dashboard's.
	Routes []Route
	// Checks must hold before /readyz says ready. That revocations can be read is always checked.
	Checks []Check
}

// Server is one listening port. Make it with New, then call Listen and Run once.
type Server struct {
	config      Config
	log         *slog.Logger
	registry    *prometheus.Registry
	ring        *token.Ring
	revocations *token.Revocations
	tokens      *token.Verifier
	services    []Service
	limits      *limits
	tracing     connect.Interceptor // nil without traces
	validator   validator
	figures     *figures
	metricsDoor metricsDoor
	certificate *certificate
	readiness   *readiness
	http        *http.Server
	listener    net.Listener
	draining    chan struct{}
	underWay    sync.WaitGroup
}

// New returns a server that does not listen yet. An Invalid fault names the flag that is wrong.
func New(c Config, d Dependencies) (*Server, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s := &Server{
		config: c, log: d.Log, registry: d.Registry,
		ring: d.Ring, revocations: d.Revocations, tokens: token.NewVerifier(d.Ring, d.Revocations),
		services: d.Services, limits: newLimits(c), draining: make(chan struct{}),
		readiness: &readiness{checks: append([]Check{{Name: "revoked tokens", Ready: d.Revocations.Ready}}, d.Checks...)},
	}
	var err error
	if s.validator, err = newValidator(); err != nil {
		return nil, err
	}
	if s.figures, err = newFigures(d.Registry); err != nil {
		return nil, fault.New(fault.Internal, "the server's figures are registered twice: %w", err)
	}
	if s.tracing, err = newTracing(d.Traces); err != nil {
		return nil, err
	}
	if s.metricsDoor, err = newMetricsDoor(c); err != nil {
		return nil, err
	}
	if c.TLSCert != "" {
		if s.certificate, err = newCertificate(c, d.Log); err != nil {
			return nil, err
		}
	}
	handler, err := s.routes(d.Routes)
	if err != nil {
		return nil, err
	}
	s.http = s.httpServer(handler)
	return s, nil
}

func (s *Server) httpServer(handler http.Handler) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(s.certificate == nil)
	h := &http.Server{
		Handler:           handler,
		Protocols:         protocols,
		ReadHeaderTimeout: s.config.HeaderTimeout,
		IdleTimeout:       s.config.IdleTimeout,
		MaxHeaderBytes:    s.config.MaxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: 1000,
			// A client that vanished without a word is noticed.
			SendPingTimeout: 30 * time.Second,
			PingTimeout:     15 * time.Second,
		},
	}
	if s.certificate != nil {
		h.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.certificate.get}
	}
	return h
}

// Listen takes the port and returns the address that a client uses, such as
// "http://127.0.0.1:8080". Nothing answers until Run.
func (s *Server) Listen(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.config.Addr)
	if err != nil {
		return "", &fault.Error{Kind: fault.Unavailable, Field: "addr", Err: err,
			Message: "cannot listen on " + s.config.Addr + " (another program may have it): choose another with --addr, port 0 takes a free one"}
	}
	s.listener = l
	return s.URL(), nil
}

// URL is the address that a client on this machine uses, once Listen has returned.
func (s *Server) URL() string {
	scheme := "http"
	if s.certificate != nil {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(s.listener.Addr().String())
	if err != nil {
		return scheme + "://" + s.listener.Addr().String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// Run answers until ctx ends, then drains: /readyz says no, streams are told,
// calls under way may finish within the shutdown timeout, and what is left is
// cut. It returns nil after a clean end, and otherwise an error that says what was cut.
func (s *Server) Run(ctx context.Context) error {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	var followers sync.WaitGroup
	followers.Go(func() { s.ring.Run(life) })
	followers.Go(func() { s.revocations.Run(life) })
	defer followers.Wait()
	defer end()

	s.http.BaseContext = func(net.Listener) context.Context { return drain.NewContext(life, s.draining) }
	served := make(chan error, 1)
	go func() {
		if s.certificate != nil {
			served <- s.http.ServeTLS(s.listener, "", "")
			return
		}
		served <- s.http.Serve(s.listener)
	}()
	select {
	case err := <-served:
		return fault.New(fault.Unavailable, "the server stopped answering: %w", err)
	case <-ctx.Done():
	}
	return s.shutDown(served)
}

func (s *Server) shutDown(served <-chan error) error {
	s.readiness.drain()
	<-time.After(s.config.ShutdownDelay) // bounded, and asked for: a load balancer looks away first
	close(s.draining)
	ctx, cancel := context.WithTimeout(context.Background(), s.config.ShutdownTimeout)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err == nil {
		// Shutdown leaves connections of unencrypted HTTP/2 to themselves.
		err = s.waitForCalls(ctx)
	}
	closed := s.http.Close()
	if serveErr := <-served; !errors.Is(serveErr, http.ErrServerClosed) {
		closed = errors.Join(closed, serveErr)
	}
	if err != nil {
		return fault.New(fault.Unavailable, "calls under way were cut after %s: %w", s.config.ShutdownTimeout, err)
	}
	return closed
}

func (s *Server) waitForCalls(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		s.underWay.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// counted keeps the end of the server waiting for calls under way.
func (s *Server) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.underWay.Add(1)
		defer s.underWay.Done()
		next.ServeHTTP(w, r)
	})
}
