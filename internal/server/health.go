package server

import (
	"context"
	"net/http"
	"sync"
	"time"

	"connectrpc.com/grpchealth"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Check is one thing that must hold before the server is ready.
type Check struct {
	// Name is shown by /readyz. Example: "database".
	Name string
	// Ready returns nil, or a fault that says what is waited for. It is given two
	// seconds and asked at most once a second.
	Ready func(ctx context.Context) error
}

const (
	checkTimeout = 2 * time.Second
	// checkFor keeps an answer, so that nobody without a token can keep the database busy.
	checkFor = time.Second
)

// readiness answers whether all checks hold.
type readiness struct {
	checks []Check

	mu       sync.Mutex
	asked    time.Time
	waiting  []Waiting
	draining bool
}

// Waiting is one thing that /readyz waits for.
type Waiting struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// ask runs all checks at once, or returns the answer of a moment ago.
func (r *readiness) ask(ctx context.Context) []Waiting {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.draining {
		return []Waiting{{Name: "shutdown", Reason: "the server is shutting down"}}
	}
	if time.Since(r.asked) < checkFor {
		return r.waiting
	}
	// The answer is everybody's: a caller that goes away must not spoil it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	reasons := make([]string, len(r.checks))
	var all sync.WaitGroup
	for i, check := range r.checks {
		all.Go(func() {
			if err := caught(func() error { return check.Ready(ctx) }); err != nil {
				reasons[i] = shownError(ctx, err).Message()
			}
		})
	}
	all.Wait()
	r.waiting = nil
	for i, reason := range reasons {
		if reason != "" {
			r.waiting = append(r.waiting, Waiting{r.checks[i].Name, reason})
		}
	}
	r.asked = time.Now()
	return r.waiting
}

func (r *readiness) drain() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.draining = true
}

// alive answers /healthz: the process runs, whatever it waits for.
func alive(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, struct {
		Alive bool `json:"alive"`
	}{true})
}

// ready answers /readyz.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	waiting := s.readiness.ask(r.Context())
	status := http.StatusOK
	if len(waiting) > 0 {
		status = http.StatusServiceUnavailable
	} else {
		waiting = []Waiting{}
	}
	writeJSON(w, status, struct {
		Ready      bool      `json:"ready"`
		WaitingFor []Waiting `json:"waiting_for"`
	}{len(waiting) == 0, waiting})
}

// grpcHealth answers gRPC's health service as /readyz does; "" stands for the whole server.
type grpcHealth struct{ server *Server }

// Check answers for the whole server or for one service by its full name.
func (h grpcHealth) Check(ctx context.Context, r *grpchealth.CheckRequest) (*grpchealth.CheckResponse, error) {
	known := r.Service == ""
	for _, service := range h.server.services {
		known = known || service.Name == r.Service
	}
	if !known {
		return nil, rpcError(ctx, fault.New(fault.NotFound, "there is no such service here"))
	}
	status := grpchealth.StatusServing
	if len(h.server.readiness.ask(ctx)) > 0 {
		status = grpchealth.StatusNotServing
	}
	return &grpchealth.CheckResponse{Status: status}, nil
}
