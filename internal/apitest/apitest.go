// Package apitest runs the real server for a test: every service, on a free
// port, over a database of the test's own as the application's role.
package apitest

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/server"
	campaignservice "github.com/ovasabi/ovasabi/internal/service/campaign"
	"github.com/ovasabi/ovasabi/internal/service/content"
	"github.com/ovasabi/ovasabi/internal/service/nexus"
	"github.com/ovasabi/ovasabi/internal/service/product"
	"github.com/ovasabi/ovasabi/internal/service/user"
	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/query"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// API is a server under test.
type API struct {
	URL         string
	DB          *pgtest.DB
	Scope       *campaign.Scope
	Reads       *campaign.Pipeline
	Twins       *twin.Runner
	Keys        *token.Keys
	Revocations *token.Revocations
	Registry    *prometheus.Registry
	Log         *Log
	// Events takes events in; it is closed after the server.
	Events *nexus.Service

	stop context.CancelFunc
	done chan error
}

// Option changes the server before it starts.
type Option func(*server.Config, *server.Dependencies)

// Start starts a server, over the newest schema, that ends with the test.
func Start(t testing.TB, options ...Option) *API {
	t.Helper()
	return StartOn(t, pgtest.New(t), options...)
}

// StartOn starts a server over the given database.
func StartOn(t testing.TB, db *pgtest.DB, options ...Option) *API {
	t.Helper()
	pool := db.App(t)
	a := &API{DB: db, Registry: prometheus.NewRegistry(), Log: &Log{}, done: make(chan error, 1)}
	log := slog.New(server.LogHandler(slog.NewJSONHandler(a.Log, &slog.HandlerOptions{Level: slog.LevelDebug})))

	text, err := token.NewKeysJSON()
	must(t, err)
	ring, err := token.NewRing(token.Config{Keys: string(text)}, log)
	must(t, err)
	a.Keys = ring.Keys()
	a.Revocations = token.NewRevocations(pool, log)
	must(t, a.Revocations.Refresh(t.Context()))

	admission, err := campaign.NewAdmission(campaign.AdmissionConfig{Capacity: 20}, campaign.RowLimits{Pool: pool})
	must(t, err)
	t.Cleanup(admission.Close)
	a.Scope = campaign.NewScope(pool, campaign.WithAdmission(admission))
	a.Reads, err = campaign.NewPipeline(a.Scope, campaign.PipelineOptions{})
	must(t, err)
	t.Cleanup(a.Reads.Close)
	flags, err := twin.NewFlags(t.Context(), pool, twin.FlagOptions{Log: log})
	must(t, err)
	t.Cleanup(flags.Close)
	a.Twins, err = twin.NewRunner(flags, twin.Options{Log: log})
	must(t, err)
	t.Cleanup(a.Twins.Close)
	key := make([]byte, 32)
	_, err = rand.Read(key)
	must(t, err)
	cursors, err := query.NewCursorSigner(key)
	must(t, err)

	a.Events = nexus.NewService(nexus.Dependencies{Scope: a.Scope, Twins: a.Twins, Cursors: cursors, Log: log})
	t.Cleanup(func() { must(t, a.Events.Close()) })
	config := server.DefaultConfig()
	config.Addr = "127.0.0.1:0"
	config.ShutdownTimeout = 5 * time.Second
	dependencies := server.Dependencies{
		Log: log, Registry: a.Registry, Ring: ring, Revocations: a.Revocations,
		Services: []server.Service{
			campaignservice.NewService(campaignservice.Dependencies{Scope: a.Scope, Pool: pool, Loads: admission.Loads, Capacity: 20}).RPC(),
			content.NewService(content.Dependencies{Scope: a.Scope, Twins: a.Twins, Cursors: cursors, Reads: a.Reads}).RPC(),
			user.NewService(user.Dependencies{Scope: a.Scope, Twins: a.Twins, Cursors: cursors, Reads: a.Reads}).RPC(),
			product.NewService(product.Dependencies{Scope: a.Scope, Twins: a.Twins, Cursors: cursors, Reads: a.Reads}).RPC(),
			a.Events.RPC(),
		},
		Routes: a.Events.Routes(),
		Checks: []server.Check{{Name: "database", Ready: pool.Ping}},
	}
	for _, option := range options {
		option(&config, &dependencies)
	}
	s, err := server.New(config, dependencies)
	must(t, err)
	a.URL, err = s.Listen(t.Context())
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	a.stop = stop
	go func() { a.done <- s.Run(ctx) }()
	t.Cleanup(func() { _ = a.Stop() })
	return a
}

// Stop ends the server and returns what Run returned. A second call returns nil.
func (a *API) Stop() error {
	a.stop()
	err, open := <-a.done
	if open {
		close(a.done)
	}
	return err
}

// Campaign makes a campaign as the migrations' owner and returns its id.
func (a *API) Campaign(t testing.TB, slug string) campaign.ID {
	t.Helper()
	return newCampaign(t, a.DB, slug)
}

func newCampaign(t testing.TB, db *pgtest.DB, slug string) campaign.ID {
	t.Helper()
	var id int64
	err := db.Owner(t).QueryRow(t.Context(), `
WITH made AS (
    INSERT INTO ovasabi.service_campaign_main (slug, name)
    VALUES ($1, $1)
    RETURNING id
), listed AS (
    INSERT INTO ovasabi.campaign_directory (slug, campaign_id)
    SELECT $1, id FROM made
)
SELECT id FROM made`, slug).Scan(&id)
	must(t, err)
	return campaign.ID(id)
}

// Token returns a token of the role for the campaigns.
func (a *API) Token(t testing.TB, role token.Role, campaigns ...campaign.ID) string {
	t.Helper()
	created, err := a.Keys.Create(token.Grant{Subject: "test " + role.String(), Role: role, Campaigns: campaigns, TTL: time.Hour})
	must(t, err)
	return created.Text
}

// Client returns a client that sends the token with every request, by unencrypted HTTP/2.
func (a *API) Client(t testing.TB, text string) *http.Client {
	t.Helper()
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: bearer{transport, text}}
}

type bearer struct {
	next http.RoundTripper
	text string
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if b.text != "" {
		r.Header.Set("Authorization", "Bearer "+b.text)
	}
	return b.next.RoundTrip(r)
}

// Log keeps what was logged.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write keeps one line.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns all lines.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
