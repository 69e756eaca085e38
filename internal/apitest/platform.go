package apitest

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/platform"
	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/campaign"
)

// Platform is a whole serving process, as `serve` puts it together.
type Platform struct {
	URL  string
	DB   *pgtest.DB
	Keys *token.Keys
	Log  *Log
	// Stop ends it as a signal does, and returns once everything is closed.
	Stop func()
}

// PlatformConfig holds the command's defaults, a free port, and statistics that are read every 200 ms.
func PlatformConfig(t testing.TB) platform.Config {
	t.Helper()
	var config platform.Config
	parser, err := kong.New(&config)
	must(t, err)
	_, err = parser.Parse([]string{"--addr", "127.0.0.1:0", "--stats-interval", "200ms"})
	must(t, err)
	return config
}

// StartPlatform starts a platform over a database of the test's own, with
// PlatformConfig, and ends it with the test.
func StartPlatform(t testing.TB, change ...func(*platform.Config)) *Platform {
	t.Helper()
	p := &Platform{DB: pgtest.New(t), Log: &Log{}}
	log := slog.New(slog.NewJSONHandler(p.Log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	config := PlatformConfig(t)
	for _, c := range change {
		c(&config)
	}
	text, err := token.NewKeysJSON()
	must(t, err)
	ring, err := token.NewRing(token.Config{Keys: string(text)}, log)
	must(t, err)
	p.Keys = ring.Keys()
	whole, err := platform.Open(t.Context(), config, platform.Addresses{App: p.DB.AppURL, Monitor: p.DB.MonitorURL}, ring, log)
	must(t, err)
	p.URL, err = whole.Listen(t.Context())
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- whole.Run(ctx) }()
	ended := false
	p.Stop = func() {
		if ended {
			return
		}
		ended = true
		stop()
		err := <-done
		whole.Close()
		must(t, err)
	}
	t.Cleanup(p.Stop)
	p.awaitReady(t)
	return p
}

// Campaign makes a campaign as the migrations' owner and returns its id.
func (p *Platform) Campaign(t testing.TB, slug string) campaign.ID {
	t.Helper()
	return newCampaign(t, p.DB, slug)
}

func (p *Platform) awaitReady(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+"/readyz", http.NoBody)
		must(t, err)
		answer, err := http.DefaultClient.Do(request)
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-ctx.Done():
			t.Fatal("the platform was not ready within 30 s:\n", p.Log.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
