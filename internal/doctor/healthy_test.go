package doctor_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/doctor"
	"github.com/ovasabi/ovasabi/internal/embedded"
	"github.com/ovasabi/ovasabi/internal/pgtest"
)

// A server as `ovasabi up` makes it, with archiving, on which nothing is wrong.
func healthyServer(t testing.TB) *embedded.Server {
	t.Helper()
	return pgtest.Own(t, embedded.Options{Settings: map[string]string{
		"archive_mode": "on", "archive_command": "test -n %p", // takes every file
	}})
}

// archived waits until a file of write-ahead log went to the archive, which then knows of a backup.
func archived(t testing.TB, url string) {
	t.Helper()
	conn := connect(t, url)
	_, err := conn.Exec(context.Background(), `SELECT pg_catalog.pg_switch_wal()`)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		var n int
		require.NoError(t, conn.QueryRow(context.Background(), `SELECT archived_count FROM pg_catalog.pg_stat_archiver`).Scan(&n))
		return n > 0
	}, 30*time.Second, 20*time.Millisecond)
}

func TestAHealthyDatabaseHasNoFindings(t *testing.T) {
	server := healthyServer(t)
	url := server.URL(server.Superuser(), "postgres")
	migrate(t, url)
	exec(t, url,
		`INSERT INTO ovasabi.service_campaign_main (id, slug, name) VALUES (1, 'one', 'One')`,
		`INSERT INTO ovasabi.service_content_main (campaign_id, slug, title, body, tags)
		 SELECT 1, 'post-' || n, 'Title ' || n, 'Body ' || n, '["a"]' FROM generate_series(1, 2000) AS n`,
		`INSERT INTO ovasabi.service_product_main (campaign_id, sku, name, price, metadata)
		 SELECT 1, 'sku-' || n, 'Product', n, '{"tax_rate": "abc"}' FROM generate_series(1, 2000) AS n`,
		`ANALYZE`,
		`SELECT ovasabi.pg_stat_statements_reset()`,
	)
	archived(t, url)
	report := run(t, url, doctor.Options{Releases: upToDate()})
	require.Empty(t, serious(report))
	// Everything was looked at, as the owner.
	require.Empty(t, report.Checked.NotChecked)
	require.Len(t, report.Checked.Checks, len(doctor.Checks()))

	damagePage(t, server, url)
	report = run(t, url, doctor.Options{Only: []string{"server.checksum_failures"}})
	require.Equal(t, doctor.Error, about(report, "server.checksum_failures", "database postgres")[0].Severity)
}
