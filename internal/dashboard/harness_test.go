package dashboard_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/dashboard"
	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/server"
	"github.com/ovasabi/ovasabi/internal/service/content"
	"github.com/ovasabi/ovasabi/internal/service/nexus"
	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/monitoring"
	"github.com/ovasabi/ovasabi/pkg/query"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// site is a whole platform with the dashboard, on a free port.
type site struct {
	URL       string
	DB        *pgtest.DB
	App       *database.DB
	Scope     *campaign.Scope
	Collector *monitoring.PG18StatsCollector
	Tracer    *monitoring.Tracer
	Keys      *token.Keys
	Twins     *twin.Runner
	Content   *content.Service
	Found     atomic.Pointer[monitoring.Finding] // by another source than the statistics
	Stop      func()                             // ends the web server and the collector
}

// start starts a site that ends with the test.
func start(t *testing.T, change ...func(*dashboard.Dependencies)) *site {
	t.Helper()
	return startKept(t, "", change...)
}

// startKept is start with what an earlier process has seen, in a file of the collector's.
func startKept(t *testing.T, keepFile string, change ...func(*dashboard.Dependencies)) *site {
	t.Helper()
	s := &site{DB: pgtest.New(t), Tracer: monitoring.NewTracer(50 * time.Millisecond)}
	_, err := s.DB.Owner(t).Exec(t.Context(), `CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA ovasabi`)
	require.NoError(t, err)
	log := slog.New(slog.NewTextHandler(&testLog{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))

	config := database.Default()
	config.MaxOpenConns, config.MaxIdleConns = 10, 10
	s.App, err = database.Open(t.Context(), s.DB.AppURL, config, database.WithLogger(log), database.WithTracer(s.Tracer))
	require.NoError(t, err)
	t.Cleanup(s.App.Close)
	admission, err := campaign.NewAdmission(campaign.AdmissionConfig{Capacity: 10}, campaign.RowLimits{Pool: s.App.Pool})
	require.NoError(t, err)
	t.Cleanup(admission.Close)
	s.Scope = campaign.NewScope(s.App.Pool, campaign.WithAdmission(admission))
	flags, err := twin.NewFlags(t.Context(), s.App, twin.FlagOptions{Listen: s.App.Pool.Config().ConnConfig, Log: log})
	require.NoError(t, err)
	t.Cleanup(flags.Close)
	s.Twins, err = twin.NewRunner(flags, twin.Options{Sampling: 0.3, Enough: 20, Log: log})
	require.NoError(t, err)
	t.Cleanup(s.Twins.Close)
	s.Collector, err = monitoring.NewPG18StatsCollector(s.DB.Monitor(t), monitoring.Options{
		Interval: 500 * time.Millisecond, LockInterval: 200 * time.Millisecond, LongTransaction: time.Second,
		Client: s.Tracer, Pool: s.App.Pool, Sources: []monitoring.FindingSource{s.others()}, KeepFile: keepFile, Log: log,
	})
	require.NoError(t, err)

	key := make([]byte, 32)
	_, err = rand.Read(key)
	require.NoError(t, err)
	cursors, err := query.NewCursorSigner(key)
	require.NoError(t, err)
	d := dashboard.Dependencies{
		Log: log, Collector: s.Collector, Tracer: s.Tracer, Scope: s.Scope,
		Content: content.NewService(content.Dependencies{Scope: s.Scope, Twins: s.Twins, Cursors: cursors}),
		Events:  nexus.NewService(nexus.Dependencies{Scope: s.Scope, Twins: s.Twins, Cursors: cursors}),
		Twins:   s.Twins, Flags: s.App, Pool: s.App.Pool, Loads: admission.Loads,
	}
	s.Content = d.Content
	for _, c := range change {
		c(&d)
	}
	s.serve(t, log, dashboard.New(d))
	return s
}

func (s *site) serve(t *testing.T, log *slog.Logger, page *dashboard.Dashboard) {
	t.Helper()
	text, err := token.NewKeysJSON()
	require.NoError(t, err)
	ring, err := token.NewRing(token.Config{Keys: string(text)}, log)
	require.NoError(t, err)
	s.Keys = ring.Keys()
	revocations := token.NewRevocations(s.App, log)
	require.NoError(t, revocations.Refresh(t.Context()))
	config := server.DefaultConfig()
	config.Addr, config.ShutdownTimeout = "127.0.0.1:0", 5*time.Second
	web, err := server.New(config, server.Dependencies{
		Log: log, Registry: prometheus.NewRegistry(), Ring: ring, Revocations: revocations, Routes: page.Routes(),
	})
	require.NoError(t, err)
	s.URL, err = web.Listen(t.Context())
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- web.Run(ctx) }()
	go func() { done <- s.Collector.Run(ctx) }()
	s.Stop = sync.OnceFunc(func() {
		stop()
		require.NoError(t, <-done)
		require.NoError(t, <-done)
	})
	t.Cleanup(s.Stop)
}

// others is a source that finds what a test says, as the watch over integrity does.
func (s *site) others() monitoring.FindingSource {
	return monitoring.SourceFunc("integrity", func() ([]monitoring.Finding, time.Time) {
		if f := s.Found.Load(); f != nil {
			return []monitoring.Finding{*f}, time.Now()
		}
		return nil, time.Time{}
	})
}

// fill makes two campaigns with content and events, as the owner.
func (s *site) fill(t *testing.T) []campaign.ID {
	t.Helper()
	owner := s.DB.Owner(t)
	var ids []campaign.ID
	for i, name := range []string{"Aurora Outfitters", "Borealis Press"} {
		var id int64
		slug := strings.ToLower(strings.ReplaceAll(name, " ", "-"))
		require.NoError(t, owner.QueryRow(t.Context(), `
WITH made AS (
    INSERT INTO ovasabi.service_campaign_main (slug, name) VALUES ($1, $2) RETURNING id
), listed AS (
    INSERT INTO ovasabi.campaign_directory (slug, campaign_id) SELECT $1, id FROM made
)
SELECT id FROM made`, slug, name).Scan(&id))
		ids = append(ids, campaign.ID(id))
		_, err := owner.Exec(t.Context(), `
INSERT INTO ovasabi.service_content_main (campaign_id, slug, title, body, tags, status, created_at)
SELECT $1, 'page-' || n, (ARRAY['Packing for the fells', 'How we dye our wool', 'A winter on the ridge', 'Letters from the press'])[1 + n % 4] || ', part ' || n,
    'The lantern of part ' || n || ' shines over the harbour while the storm passes.', '["guide","winter"]',
    (ARRAY['published', 'draft'])[1 + n % 2], now() - n * interval '1 hour'
FROM generate_series(1, $2::int) AS n`, id, 40+20*i)
		require.NoError(t, err)
		_, err = owner.Exec(t.Context(), `
INSERT INTO ovasabi.service_event (campaign_id, event_id, event_type, entity_id, occurred_at)
SELECT $1, 'e' || n, 'content:publish:v1:' || (ARRAY['success', 'started'])[1 + n % 2], 'page-' || n, now() - n * interval '1 minute'
FROM generate_series(1, $2::int) AS n`, id, 300)
		require.NoError(t, err)
	}
	_, err := owner.Exec(t.Context(), `ANALYZE`)
	require.NoError(t, err)
	return ids
}

// token is an operator's, for the campaigns.
func (s *site) token(t *testing.T, role token.Role, ids ...campaign.ID) string {
	t.Helper()
	created, err := s.Keys.Create(token.Grant{Subject: "ada", Role: role, Campaigns: ids, TTL: time.Hour})
	require.NoError(t, err)
	return created.Text
}

// get asks for a path with a token and returns the status and the body.
func (s *site) get(t *testing.T, text, path string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, http.NoBody)
	require.NoError(t, err)
	r.Header.Set("Accept", "text/html")
	if text != "" {
		r.Header.Set("Authorization", "Bearer "+text)
	}
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(body)
}

// collected waits for the next figures.
func (s *site) collected(t *testing.T) *monitoring.Snapshot {
	t.Helper()
	return next(t, s.Collector.Latest, func(s *monitoring.Snapshot) time.Time { return s.At })
}

// looked waits for the next look at who waits for whom.
func (s *site) looked(t *testing.T) *monitoring.Locks {
	t.Helper()
	return next(t, s.Collector.LatestLocks, func(l *monitoring.Locks) time.Time { return l.At })
}

// next waits for what was begun after now.
func next[T any](t *testing.T, latest func() (*T, <-chan struct{}), at func(*T) time.Time) *T {
	t.Helper()
	deadline := time.After(20 * time.Second)
	since := time.Now()
	for {
		of, changed := latest()
		if of != nil && at(of).After(since) {
			return of
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatal("nothing new within 20 s")
		}
	}
}

func query1(path string, values ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(values); i += 2 {
		q.Set(values[i], values[i+1])
	}
	return fmt.Sprintf("%s?%s", path, q.Encode())
}

type testLog struct{ t *testing.T }

func (l *testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// work runs what a platform runs: lists and searches of both campaigns, and one slow statement.
func (s *site) work(t *testing.T, ids []campaign.ID, times int) {
	t.Helper()
	for i := range times {
		ctx := campaign.NewContext(t.Context(), ids[i%len(ids)])
		_, _, err := s.Content.List(ctx, nil, 20, "", false)
		require.NoError(t, err)
		if i%5 == 0 {
			_, _, err = s.Content.Search(ctx, "lantern harbour", nil, nil, 10, "")
			require.NoError(t, err)
		}
	}
	ctx := database.WithQueryName(campaign.NewContext(t.Context(), ids[0]), "report.yearly")
	_, err := s.Scope.Exec(ctx, `SELECT pg_sleep($1::float8), (SELECT count(*) FROM ovasabi.service_event AS e WHERE e.event_type <> 'secret:never:v1:shown')`, 0.12)
	require.NoError(t, err)
}

// pileUp makes one session hold a row that two others want, until the returned function is called.
func (s *site) pileUp(t *testing.T, ids []campaign.ID) (end func()) {
	t.Helper()
	const take = `UPDATE ovasabi.service_content_main SET status = 'draft' WHERE campaign_id = $1::bigint AND slug = 'page-1'`
	held, release, took := make(chan struct{}), make(chan struct{}), make(chan error, 3)
	hold := func(first bool) {
		ctx := campaign.NewContext(context.Background(), ids[0])
		took <- s.Scope.InTx(ctx, database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, take, ids[0].Int64()); err != nil {
				return err
			}
			if first {
				close(held)
				<-release
			}
			return nil
		})
	}
	go hold(true)
	<-held
	go hold(false)
	go hold(false)
	monitor := s.DB.Monitor(t)
	require.Eventually(t, func() bool {
		var waiting int
		err := monitor.QueryRow(t.Context(), `
			SELECT count(*)
			FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting)
		return err == nil && waiting == 2
	}, 20*time.Second, 10*time.Millisecond)
	return func() {
		close(release)
		for range 3 {
			require.NoError(t, <-took)
		}
	}
}
