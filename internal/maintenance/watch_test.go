package maintenance_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/maintenance"
	"github.com/ovasabi/ovasabi/internal/pgtest"
)

func watch(t *testing.T, db *pgtest.DB, portion time.Duration) *maintenance.Watch {
	t.Helper()
	w, err := maintenance.NewWatch(db.OwnerURL, maintenance.Integrity{Every: time.Hour, Portion: portion, Share: 1}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	return w
}

// The watch goes through everything in portions, goes on after restarts, and tells
// the page and Prometheus what it found.
func TestTheWatchGoesOnOverRestartsAndTellsWhatItFound(t *testing.T) {
	db := filled(t, 4)
	execute(t, db, `UPDATE ovasabi.service_product_main SET metadata = '{"tax_rate": "abc"}' WHERE sku = '7'`)
	rounds := `SELECT count(*) FROM ovasabi.integrity_round`
	var w *maintenance.Watch
	portions := 0
	for ; value[int](t, db, rounds) == 0; portions++ {
		require.Less(t, portions, 500)
		if portions%3 == 0 {
			w = watch(t, db, 10*time.Millisecond) // a new process
		}
		m := open(t, db.OwnerURL, config(), maintenance.Options{Integrity: w})
		require.NoError(t, maintenance.Portion(t.Context(), m))
	}
	require.Greater(t, portions, 3)
	require.Equal(t, int64(4000+2000+500+6000+3+3), value[int64](t, db, `SELECT (checked ->> 'rows')::bigint FROM ovasabi.integrity_round`))
	found, looked := w.Findings()
	require.WithinDuration(t, time.Now(), looked, time.Minute)
	require.Len(t, found, 1)
	require.Equal(t, "integrity.product_tax_rate", found[0].ID)
	require.Equal(t, "warning", found[0].Severity)

	// After another restart it knows, and the next round is not due.
	w = watch(t, db, 10*time.Millisecond)
	m := open(t, db.OwnerURL, config(), maintenance.Options{Integrity: w})
	require.NoError(t, maintenance.Portion(t.Context(), m))
	again, _ := w.Findings()
	require.Equal(t, found, again)
	require.Equal(t, 1, value[int](t, db, rounds))
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(m))
	require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP ovasabi_integrity_findings Findings of the watch over integrity, by check and severity.
# TYPE ovasabi_integrity_findings gauge
ovasabi_integrity_findings{check="integrity.product_tax_rate",severity="warning"} 1
`), "ovasabi_integrity_findings"))
	n, err := testutil.GatherAndCount(registry, "ovasabi_integrity_last_round_timestamp_seconds", "ovasabi_integrity_checked")
	require.NoError(t, err)
	require.Greater(t, n, 5)

	// A round later what was mended is no longer told.
	execute(t, db, `UPDATE ovasabi.service_product_main SET metadata = '{}' WHERE sku = '7'`, `UPDATE ovasabi.integrity_round SET started_at = started_at - interval '2 hours'`)
	w = watch(t, db, 10*time.Millisecond)
	m = open(t, db.OwnerURL, config(), maintenance.Options{Integrity: w})
	for portions = 0; value[int](t, db, rounds) == 1; portions++ {
		require.Less(t, portions, 500)
		require.NoError(t, maintenance.Portion(t.Context(), m))
	}
	found, _ = w.Findings()
	require.Empty(t, found)
}

// Serve does rounds and portions, and ends when it is told to.
func TestServeMaintainsAndWatches(t *testing.T) {
	db := filled(t, 0)
	dead(t, db)
	c := config()
	c.Interval = 20 * time.Millisecond
	m := open(t, db.OwnerURL, c, maintenance.Options{Integrity: watch(t, db, time.Minute)})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Serve(ctx) }()
	settled(t, func() bool {
		return value[bool](t, db, `SELECT EXISTS (SELECT FROM ovasabi.maintenance_log WHERE outcome = 'done') AND EXISTS (SELECT FROM ovasabi.integrity_round)`)
	})
	cancel()
	require.NoError(t, <-ended)
	require.Zero(t, value[int](t, db, `SELECT count(*) FROM ovasabi.maintenance_lease`))
	n, err := testutil.GatherAndCount(registered(t, m), "ovasabi_maintenance_tasks_total", "ovasabi_maintenance_leading")
	require.NoError(t, err)
	require.GreaterOrEqual(t, n, 2)
}

func registered(t *testing.T, c prometheus.Collector) *prometheus.Registry {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(c))
	return registry
}
