package repository_test

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/repository"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

var (
	findEvent = repository.Declare("event.find", `
		SELECT id, event_id
		FROM ovasabi.service_event
		WHERE campaign_id = $1::bigint AND event_id = $2`)
	allEvents = repository.Declare("event.all", `
		SELECT id, event_id
		FROM ovasabi.service_event
		WHERE campaign_id = $1::bigint
		ORDER BY id`)
	renameEvents = repository.Declare("event.rename", `
		UPDATE ovasabi.service_event
		SET entity_id = $2
		WHERE campaign_id = $1::bigint`)
	countEvents = repository.DeclareTwin(twin.Declare("repository_test.count_events", twin.Pair{
		Plain:     `SELECT count(*), 'plain' FROM ovasabi.service_event WHERE campaign_id = $1::bigint`,
		Optimised: `SELECT count(*), 'optimised' FROM ovasabi.service_event WHERE campaign_id = $1::bigint`,
	}))
)

type storedEvent struct {
	ID      int64
	EventID string
}

// The two kinds of repository keep the same promises: a service moves by changing one line.
func TestRepositoriesKeepTheSamePromises(t *testing.T) {
	kinds := map[string]func(t *testing.T, f *fixture) repository.Repository{
		"base": func(_ *testing.T, f *fixture) repository.Repository { return repository.NewBaseRepository(f.scope) },
		"enhanced": func(t *testing.T, f *fixture) repository.Repository {
			statements, pool := openWatched(t, f, 4)
			metrics, err := repository.NewRepositoryMetrics()
			require.NoError(t, err)
			return repository.NewEnhancedBaseRepository(campaign.NewScope(pool), repository.Enhancements{Statements: statements, Metrics: metrics})
		},
		"enhanced with nothing": func(_ *testing.T, f *fixture) repository.Repository {
			return repository.NewEnhancedBaseRepository(f.scope, repository.Enhancements{})
		},
	}
	for name, build := range kinds {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			keepsPromises(t, f, build(t, f))
		})
	}
}

func keepsPromises(t *testing.T, f *fixture, r repository.Repository) {
	batch, err := r.NewBatch(events)
	require.NoError(t, err)
	addEvents(t, batch, 0, 10)
	require.NoError(t, batch.Execute(f.one))

	var event storedEvent
	require.NoError(t, r.QueryRow(f.one, findEvent, 1, named(3)).Scan(&event.ID, &event.EventID))
	require.Equal(t, batch.GetInsertedIDs()[3], event.ID)
	require.ErrorIs(t, r.QueryRow(f.one, findEvent, 1, "missing").Scan(&event.ID, &event.EventID), fault.NotFound)
	require.ErrorIs(t, r.QueryRow(f.two, findEvent, 1, named(3)).Scan(&event.ID, &event.EventID), fault.NotFound, "another campaign's row")
	require.ErrorIs(t, r.QueryRow(t.Context(), findEvent, 1, named(3)).Scan(&event.ID, &event.EventID), fault.NoCampaign)

	rows, err := r.Query(f.one, allEvents, 1)
	require.NoError(t, err)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[storedEvent])
	require.NoError(t, err)
	require.Len(t, list, 10)

	tag, err := r.Exec(f.one, renameEvents, 1, "renamed")
	require.NoError(t, err)
	require.EqualValues(t, 10, tag.RowsAffected())

	var n int64
	var side string
	require.NoError(t, r.QueryRow(f.one, countEvents, 1).Scan(&n, &side))
	require.EqualValues(t, 10, n)
	require.Equal(t, "plain", side)

	wrong := repository.Declare("event.wrong", `SELECT nothing FROM ovasabi.service_event WHERE campaign_id = $1::bigint`)
	_, err = r.Exec(f.one, wrong, 1)
	require.ErrorIs(t, err, fault.Internal)
	require.Equal(t, fault.CodeUndefinedColumn, func() *fault.Error {
		target := &fault.Error{}
		_ = errors.As(err, &target)
		return target
	}().Code)

	stop := errors.New("stop")
	err = r.InTx(f.one, txOptions, func(ctx context.Context, r repository.Repository) error {
		if _, err := r.Exec(ctx, renameEvents, 1, "undone"); err != nil {
			return err
		}
		return stop
	})
	require.ErrorIs(t, err, stop)
	require.EqualValues(t, 10, f.count(t, `SELECT count(*) FROM ovasabi.service_event WHERE entity_id = 'renamed'`))
	err = r.InTx(f.one, txOptions, func(ctx context.Context, r repository.Repository) error {
		_, err := r.Exec(ctx, renameEvents, 1, "kept")
		return err
	})
	require.NoError(t, err)
	require.EqualValues(t, 10, f.count(t, `SELECT count(*) FROM ovasabi.service_event WHERE entity_id = 'kept'`))

	seen := 0
	for event, err := range repository.Stream[storedEvent](f.one, r, allEvents, 1) {
		require.NoError(t, err)
		require.Equal(t, named(seen), event.EventID)
		if seen++; seen == 4 {
			break
		}
	}
	require.Equal(t, 4, seen)
	failures := 0
	for _, err := range repository.StreamFunc(f.one, r, pgx.RowTo[int64], allEvents, 1) { // two columns
		require.Error(t, err)
		failures++
	}
	require.Equal(t, 1, failures)
}

// A bare pool knows nothing of stale plans, so both kinds of repository must.
func TestRepositoriesPlanAnewAfterAMigration(t *testing.T) {
	f := newFixture(t)
	f.exec(t, `CREATE TABLE ovasabi.moving (v integer); INSERT INTO ovasabi.moving VALUES (7); GRANT SELECT ON ovasabi.moving TO ovasabi_app`)
	moving := repository.Declare("moving.read", `SELECT v FROM ovasabi.moving`)
	pool := pgtest.Pool(t, f.AppURL, 1, nil)
	kinds := map[string]repository.Repository{
		"base":     repository.NewBaseRepository(pool),
		"enhanced": repository.NewEnhancedBaseRepository(pool, repository.Enhancements{}),
	}
	ways := map[string]func(r repository.Repository) error{
		"QueryRow": func(r repository.Repository) error { return r.QueryRow(f.one, moving).Scan(new(any)) },
		"Query": func(r repository.Repository) error {
			rows, err := r.Query(f.one, moving)
			if err == nil {
				_, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[any])
			}
			return err
		},
		"Exec": func(r repository.Repository) error {
			_, err := r.Exec(f.one, moving)
			return err
		},
		"InTx": func(r repository.Repository) error {
			return r.InTx(f.one, txOptions, func(ctx context.Context, r repository.Repository) error {
				return r.QueryRow(ctx, moving).Scan(new(any))
			})
		},
	}
	for kind, r := range kinds {
		for way, read := range ways {
			require.NoError(t, read(r))
			for _, to := range []string{"bigint", "integer"} {
				f.exec(t, `ALTER TABLE ovasabi.moving ALTER COLUMN v TYPE `+to)
				require.NoError(t, read(r), "%s: %s after %s", kind, way, to)
			}
		}
	}
}

func TestEnhancedRepositoryAsksTheTwins(t *testing.T) {
	f := newFixture(t)
	f.exec(t, `INSERT INTO ovasabi.twin_flag (campaign_id, twin, percentage) VALUES (1, 'repository_test.count_events', 0), (2, 'repository_test.count_events', 100)`)
	flags, err := twin.NewFlags(f.one, f.app, twin.FlagOptions{})
	require.NoError(t, err)
	defer flags.Close()
	runner, err := twin.NewRunner(flags, twin.Options{})
	require.NoError(t, err)
	defer runner.Close()
	metrics, err := repository.NewRepositoryMetrics()
	require.NoError(t, err)
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics)
	r := repository.NewEnhancedBaseRepository(f.scope, repository.Enhancements{Twins: runner, Metrics: metrics})
	for ctx, want := range map[context.Context]string{f.one: "plain", f.two: "optimised"} {
		var n int64
		var side string
		require.NoError(t, r.QueryRow(ctx, countEvents, 1).Scan(&n, &side))
		require.Equal(t, want, side)
	}
	require.EqualValues(t, 2, samples(t, registry, "db_client_operation_duration_seconds", "repository_test.count_events", "ok"))
}

func TestStreamHoldsOneRow(t *testing.T) {
	f := newFixture(t)
	const rows = 200_000
	wide := repository.Declare("stream.wide", `SELECT i AS id, repeat('x', 500) || i AS event_id FROM generate_series(1, $1::integer) AS i`)
	for name, r := range map[string]repository.Repository{
		"base":     repository.NewBaseRepository(f.scope),
		"enhanced": repository.NewEnhancedBaseRepository(f.scope, repository.Enhancements{}),
	} {
		t.Run(name, func(t *testing.T) {
			heap := func() uint64 {
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				return m.HeapAlloc
			}
			before, most, n := heap(), uint64(0), int64(0)
			for event, err := range repository.Stream[storedEvent](f.one, r, wide, rows) {
				require.NoError(t, err)
				if n++; n != event.ID {
					t.Fatalf("row %d came as number %d", event.ID, n)
				}
				if n%20_000 == 0 {
					most = max(most, heap())
				}
			}
			require.EqualValues(t, rows, n)
			// All rows together are 100 MB.
			require.Less(t, int64(most)-int64(before), int64(4<<20))
		})
	}
}

func TestMetricsCarryNamesOutcomesAndNoSQL(t *testing.T) {
	f := newFixture(t)
	metrics, err := repository.NewRepositoryMetrics()
	require.NoError(t, err)
	statements, pool := openWatched(t, f, 3)
	metrics.WatchPool("app", pool)
	metrics.WatchStatements(statements)
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(metrics))
	r := repository.NewEnhancedBaseRepository(campaign.NewScope(pool), repository.Enhancements{Statements: statements, Metrics: metrics})

	batch, err := r.NewBatch(events, repository.OnConflict(repository.Skip))
	require.NoError(t, err)
	addEvents(t, batch, 0, 5)
	addEvents(t, batch, 4, 5)
	require.NoError(t, batch.Execute(f.one))
	var e storedEvent
	for range 3 {
		require.NoError(t, r.QueryRow(f.one, findEvent, 1, named(1)).Scan(&e.ID, &e.EventID))
	}
	_, err = r.Exec(f.one, repository.Declare("event.break", `UPDATE ovasabi.service_event SET event_type = $1`), "no event type")
	require.ErrorIs(t, err, fault.Invalid)
	rows, err := r.QueryWithMetrics(database.WithQueryName(f.one, "event.adhoc"), `SELECT event_id FROM ovasabi.service_event WHERE entity_id <> $1`, "")
	require.NoError(t, err)
	rows.Close()

	require.EqualValues(t, 3, samples(t, registry, "db_client_operation_duration_seconds", "event.find", "SELECT", "ok"))
	require.EqualValues(t, 1, samples(t, registry, "db_client_operation_duration_seconds", "event.break", "UPDATE", "invalid"))
	require.EqualValues(t, 1, samples(t, registry, "db_client_operation_duration_seconds", "event.adhoc", "SELECT", "ok"))
	require.EqualValues(t, 3, samples(t, registry, "db_client_response_returned_rows_total", "event.find"))
	require.EqualValues(t, 1, samples(t, registry, "ovasabi_batch_operations_total", "service_event", "skip", "ok"))
	require.EqualValues(t, 5, samples(t, registry, "ovasabi_batch_rows_total", "service_event", "inserted"))
	require.EqualValues(t, 1, samples(t, registry, "ovasabi_batch_rows_total", "service_event", "skipped"))
	require.EqualValues(t, 6, samples(t, registry, "ovasabi_campaign_operations_total", "1"))
	require.EqualValues(t, statements.Stats().Hits, samples(t, registry, "ovasabi_prepared_statements_total", "hit"))
	require.Positive(t, statements.Stats().Hits)
	require.EqualValues(t, 3, samples(t, registry, "db_client_connection_max", "app"))
	require.Zero(t, samples(t, registry, "db_client_connection_count", "app", "used"))

	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				require.NotContains(t, l.GetValue(), "ovasabi.service_event", "SQL in label %s of %s", l.GetName(), family.GetName())
			}
		}
	}
	problems, err := testutil.GatherAndLint(registry)
	require.NoError(t, err)
	for _, p := range problems {
		// OpenTelemetry's own name for a gauge.
		require.Equal(t, "db_client_connection_count", p.Metric, p.Text)
	}
}

// samples returns a counter's or gauge's value, or a histogram's count, for label values in any order.
func samples(t *testing.T, registry *prometheus.Registry, name string, labels ...string) float64 {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
	metrics:
		for _, m := range family.GetMetric() {
			has := map[string]bool{}
			for _, l := range m.GetLabel() {
				has[l.GetValue()] = true
			}
			for _, l := range labels {
				if !has[l] {
					continue metrics
				}
			}
			switch {
			case m.GetHistogram() != nil:
				return float64(m.GetHistogram().GetSampleCount())
			case m.GetGauge() != nil:
				return m.GetGauge().GetValue()
			default:
				return m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("no metric %s with labels %v", name, labels)
	return 0
}

func TestMetricsShowWhoWaitsForAConnection(t *testing.T) {
	f := newFixture(t)
	metrics, err := repository.NewRepositoryMetrics()
	require.NoError(t, err)
	pool := pgtest.Pool(t, f.AppURL, 1, func(c *pgxpool.Config) { c.ConnConfig.Tracer = metrics })
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics)
	metrics.WatchPool("small", pool)
	held, err := pool.Acquire(f.one)
	require.NoError(t, err)
	const waiting = 3
	done := make(chan error, waiting)
	for range waiting {
		go func() { done <- pool.Ping(f.one) }()
	}
	require.Eventually(t, func() bool { return samples(t, registry, "db_client_connection_pending_requests") == waiting }, waitLimit, waitTick)
	require.EqualValues(t, 1, samples(t, registry, "db_client_connection_count", "small", "used"))
	held.Release()
	for range waiting {
		require.NoError(t, <-done)
	}
	require.Zero(t, samples(t, registry, "db_client_connection_pending_requests"))
	require.EqualValues(t, waiting, samples(t, registry, "db_client_connection_waits_total", "small")-1)
}
