package monitoring_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/monitoring"
)

// large is a database of 1,000 tables with 5,000 statements remembered.
func large(b *testing.B) *pgtest.DB {
	b.Helper()
	db := pgtest.New(b)
	withStatements(b, db)
	owner := db.Owner(b)
	exec(b, owner, `DO $$ BEGIN FOR i IN 1..1000 LOOP
    EXECUTE format('CREATE TABLE ovasabi.t%s (id int PRIMARY KEY, v int)', i);
    EXECUTE format('INSERT INTO ovasabi.t%s SELECT n, n FROM generate_series(1, 10) AS n', i);
END LOOP; END $$`)
	exec(b, owner, `SELECT ovasabi.pg_stat_statements_reset()`)
	for table := 1; table <= 1000; table++ {
		var text strings.Builder
		for _, shape := range []string{"SELECT id", "SELECT v", "SELECT count(*)", "SELECT max(v)", "SELECT id + v"} {
			fmt.Fprintf(&text, "%s FROM ovasabi.t%d;", shape, table)
		}
		_, err := owner.Exec(b.Context(), text.String(), pgx.QueryExecModeSimpleProtocol)
		require.NoError(b, err)
	}
	exec(b, owner, `ANALYZE`)
	return db
}

func BenchmarkCollect(b *testing.B) {
	db := large(b)
	c := collector(b, db.Monitor(b), monitoring.Options{})
	var statements int
	require.NoError(b, db.Owner(b).QueryRow(b.Context(), `SELECT count(*) FROM ovasabi.pg_stat_statements(false)`).Scan(&statements))
	for range 20 { // texts are read 200 at a time, the first time
		_, err := c.Collect(b.Context())
		require.NoError(b, err)
	}
	owner := db.Owner(b)
	const spent = `
SELECT coalesce(sum(s.total_exec_time + s.total_plan_time), 0)
FROM ovasabi.pg_stat_statements(false) AS s
JOIN pg_catalog.pg_roles AS r ON r.oid = s.userid
WHERE r.rolname = 'ovasabi_monitor'`
	var before, after float64
	require.NoError(b, owner.QueryRow(b.Context(), spent).Scan(&before))
	collections := 0
	for b.Loop() {
		_, err := c.Collect(b.Context())
		require.NoError(b, err)
		collections++
	}
	b.StopTimer()
	require.NoError(b, owner.QueryRow(b.Context(), spent).Scan(&after))
	b.ReportMetric((after-before)/float64(collections), "server-ms/op")
	b.ReportMetric(float64(statements), "statements")
}

func BenchmarkMetrics(b *testing.B) {
	db := large(b)
	c := collector(b, db.Monitor(b), monitoring.Options{})
	_, err := c.Collect(b.Context())
	require.NoError(b, err)
	registry := prometheus.NewRegistry()
	require.NoError(b, registry.Register(monitoring.NewExporter(c)))
	handler := promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	var size int
	for b.Loop() {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
		size = w.Body.Len()
	}
	b.ReportMetric(float64(size), "bytes")
}

// BenchmarkTracer is what measuring costs one statement.
func BenchmarkTracer(b *testing.B) {
	db := pgtest.New(b)
	_, scope, _ := client(b, db, time.Second)
	ctx := newCampaign(b, db, "a")
	plain := campaign.NewScope(db.App(b))
	for name, s := range map[string]*campaign.Scope{"measured": scope, "plain": plain} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := s.Exec(ctx, `SELECT 1`)
				require.NoError(b, err)
			}
		})
	}
}
