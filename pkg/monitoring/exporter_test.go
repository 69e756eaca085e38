package monitoring_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/monitoring"
)

// figuresOf gathers what Prometheus would see: the number of series, and their text by name.
func figuresOf(t testing.TB, c *monitoring.PG18StatsCollector, e *monitoring.Exporter) map[string]int {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(e))
	families, err := registry.Gather()
	require.NoError(t, err)
	series := map[string]int{}
	for _, f := range families {
		series[f.GetName()] = len(f.GetMetric())
	}
	return series
}

func TestMetricsAreThoseOfTheSnapshot(t *testing.T) {
	db := pgtest.New(t)
	withStatements(t, db)
	pool, scope, tracer := client(t, db, time.Second)
	ctx := newCampaign(t, db, "a")
	_, err := scope.Exec(ctx, `SELECT 1`)
	require.NoError(t, err)
	c := collector(t, db.Monitor(t), monitoring.Options{Client: tracer, Pool: pool.Pool})
	e := monitoring.NewExporter(c)
	require.Equal(t, map[string]int{"ovasabi_pg_up": 1}, figuresOf(t, c, e), "before the first look there is nothing but that it is not up")
	_, err = c.CollectLocks(t.Context())
	require.NoError(t, err)
	s, err := c.Collect(t.Context())
	require.NoError(t, err)
	outside := int64(0) // opening the pool looks at the server
	for _, u := range s.Campaigns {
		if u.Campaign == 0 {
			outside = u.Calls
		}
	}
	series := figuresOf(t, c, e)
	known := map[string]bool{}
	for _, name := range monitoring.MetricNames() {
		known[name] = true
	}
	for name := range series {
		require.True(t, known[name], name)
	}
	for _, name := range []string{
		"ovasabi_pg_io_bytes_total", "ovasabi_pg_wal_bytes_total", "ovasabi_pg_table_dead_rows", "ovasabi_pg_maintenance_seconds_total",
		"ovasabi_pool_connections", "ovasabi_campaign_calls_total", "ovasabi_query_seconds_total", "ovasabi_pg_statement_seconds_total",
		"ovasabi_pg_lock_waiting", "ovasabi_pg_oldest_xid_age", "ovasabi_findings",
	} {
		require.Positive(t, series[name], name)
	}
	require.NoError(t, testutil.CollectAndCompare(e, strings.NewReader(fmt.Sprintf(`
# HELP ovasabi_campaign_calls_total Statements, by campaign; 0 is outside any, -1 those for which there was no room.
# TYPE ovasabi_campaign_calls_total counter
ovasabi_campaign_calls_total{campaign_id="0"} %d
ovasabi_campaign_calls_total{campaign_id="1"} 1
`, outside)), "ovasabi_campaign_calls_total"))
	problems, err := testutil.CollectAndLint(e)
	require.NoError(t, err)
	require.Empty(t, problems)
}

// Whatever the data holds, the number of series is bounded, and what is left out is said.
func TestLabelsAreBounded(t *testing.T) {
	db := pgtest.New(t)
	owner := db.Owner(t)
	for i := range 260 {
		exec(t, owner, fmt.Sprintf(`CREATE TABLE ovasabi.t%d (id int PRIMARY KEY)`, i))
	}
	pool, _, tracer := client(t, db, time.Second)
	for i := range 1200 {
		_, err := pool.Exec(campaign.NewContext(context.Background(), campaign.ID(i+1)), `SELECT 1`)
		require.NoError(t, err)
	}
	c := collector(t, db.Monitor(t), monitoring.Options{Client: tracer})
	e := monitoring.NewExporter(c)
	s, err := c.Collect(t.Context())
	require.NoError(t, err)
	require.LessOrEqual(t, len(s.Campaigns), 1002)
	calls := int64(0)
	for _, u := range s.Campaigns {
		calls += u.Calls
	}
	require.GreaterOrEqual(t, calls, int64(1200), "those without room are counted together, not lost")
	series := figuresOf(t, c, e)
	require.Equal(t, 200, series["ovasabi_campaign_calls_total"])
	require.Equal(t, 100, series["ovasabi_pg_table_bytes"])
	require.Positive(t, series["ovasabi_monitor_left_out"])
	total := 0
	for _, n := range series {
		total += n
	}
	require.Less(t, total, 8000)
}

func TestStatsAreText(t *testing.T) {
	db := pgtest.New(t)
	withStatements(t, db)
	pool, scope, tracer := client(t, db, time.Second)
	ctx := newCampaign(t, db, "a")
	c := collector(t, db.Monitor(t), monitoring.Options{Client: tracer, Pool: pool.Pool})
	s, err := c.Collect(t.Context())
	require.NoError(t, err)
	var text bytes.Buffer
	require.NoError(t, monitoring.WriteStats(&text, s))
	require.Contains(t, text.String(), "no rates yet")
	_, err = scope.Exec(ctx, `SELECT 1`)
	require.NoError(t, err)
	s, err = c.Collect(t.Context())
	require.NoError(t, err)
	text.Reset()
	require.NoError(t, monitoring.WriteStats(&text, s))
	for _, want := range []string{"SERVER", "PostgreSQL " + s.Server.Version, "I/O", "client backend", "WRITE-AHEAD LOG", "POOL", "CAMPAIGNS", "STATEMENTS", "VACUUM", "ovasabi.", "FINDINGS"} {
		require.Contains(t, text.String(), want)
	}
	t.Log("\n" + text.String())
}
