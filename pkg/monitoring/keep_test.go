package monitoring_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/monitoring"
)

// run runs a collector until the returned function is called, as a process would.
func run(t *testing.T, c *monitoring.PG18StatsCollector) (end func()) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	return func() {
		stop()
		require.NoError(t, <-done)
	}
}

// What was seen at night is there in the morning, though the process was restarted.
func TestWhatWasSeenSurvivesARestart(t *testing.T) {
	db := pgtest.New(t)
	pool, scope, tracer := client(t, db, 10*time.Millisecond)
	ctx := newCampaign(t, db, "a")
	file := filepath.Join(t.TempDir(), "state", "monitoring.json.gz")
	options := monitoring.Options{
		Interval: 100 * time.Millisecond, LockInterval: 100 * time.Millisecond,
		Client: tracer, Pool: pool.Pool, KeepFile: file,
	}
	night := collector(t, db.Monitor(t), options)
	end := run(t, night)
	_, err := scope.Exec(database.WithQueryName(ctx, "report.sleep"), `SELECT pg_sleep(0.05), 'hush'`)
	require.NoError(t, err)
	pileUpOnce(ctx, t, scope, night)
	require.Eventually(t, func() bool { return len(night.History()) >= 3 }, 20*time.Second, 20*time.Millisecond)
	end()
	points, piles, slow := night.History(), night.PileUps(), tracer.SlowQueries()

	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "for its owner's eyes")

	_, _, tracer = client(t, db, time.Hour)
	options.Client = tracer
	morning := collector(t, db.Monitor(t), options)
	require.Len(t, morning.History(), len(points))
	require.InDelta(t, points[len(points)-1].Values[monitoring.SeriesPoolUsed], morning.History()[len(points)-1].Values[monitoring.SeriesPoolUsed], 0)
	require.True(t, points[0].At.Equal(morning.History()[0].At))
	require.Len(t, morning.PileUps(), len(piles))
	require.Equal(t, piles[0].Longest, morning.PileUps()[0].Longest)
	require.True(t, morning.PileUps()[0].Over, "what went on when the process ended was not seen to its end")
	require.Equal(t, piles[0].Peak.Tree()[0].PID, morning.PileUps()[0].Peak.Tree()[0].PID)
	names := map[string]monitoring.SlowQuery{}
	for _, q := range tracer.SlowQueries() {
		names[q.Name] = q
	}
	require.Len(t, names, len(slow))
	require.EqualValues(t, 1, names["report.sleep"].Count)
	require.NotContains(t, names["report.sleep"].SQL, "hush")

	// The plan of a query of last night is not asked for: its text was not kept.
	require.NoError(t, tracer.Explain(t.Context(), pool.Pool))
	// A setting that was changed meanwhile is seen.
	exec(t, db.Owner(t), `ALTER ROLE ovasabi_monitor IN DATABASE `+pgx.Identifier{db.Name}.Sanitize()+` SET work_mem = '5MB'`)
	reader := db.Monitor(t)
	reader.Reset()
	again := collector(t, reader, options)
	s, err := again.Collect(t.Context())
	require.NoError(t, err)
	require.Nil(t, s.Database.CommitsPerS, "rates need two looks of one process")
	require.NotEmpty(t, s.SettingChanges)
	require.Equal(t, "work_mem", s.SettingChanges[0].Name)
}

// pileUpOnce makes one session wait for another until it was seen.
func pileUpOnce(ctx context.Context, t *testing.T, scope *campaign.Scope, c *monitoring.PG18StatsCollector) {
	t.Helper()
	const take = `UPDATE ovasabi.service_campaign_main SET name = 'x' WHERE id = $1::bigint`
	held, release := make(chan struct{}), make(chan struct{})
	done := make(chan error, 2)
	go func() {
		done <- scope.InTx(ctx, database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, take, 1)
			close(held)
			<-release
			return err
		})
	}()
	<-held
	go func() {
		_, err := scope.Exec(ctx, take, 1)
		done <- err
	}()
	require.Eventually(t, func() bool { return len(c.PileUps()) > 0 }, 20*time.Second, 20*time.Millisecond)
	close(release)
	require.NoError(t, errors.Join(<-done, <-done))
}

// A file that is broken is put aside and said; the collector starts all the same.
func TestABrokenFileIsPutAside(t *testing.T) {
	file := filepath.Join(t.TempDir(), "monitoring.json.gz")
	for _, text := range []string{"", "no gzip", "\x1f\x8b\x08"} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		c := collector(t, nil, monitoring.Options{KeepFile: file})
		require.Empty(t, c.History())
		require.NoFileExists(t, file)
		aside, err := os.ReadFile(file + ".unreadable")
		require.NoError(t, err)
		require.Equal(t, text, string(aside))
	}
}
