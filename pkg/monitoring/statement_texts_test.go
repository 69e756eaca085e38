package monitoring_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/monitoring"
)

// pg_stat_statements replaces constants when it meets a statement at its planning.
// One that it forgets before the end it stores as it was sent.
func TestConstantsThatTheServerKeptAreNotReported(t *testing.T) {
	db := pgtest.New(t)
	conn, err := pgx.Connect(t.Context(), db.OwnerURL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(t.Context())) })
	_, err = conn.Prepare(t.Context(), "remembered", `SELECT 'secret' AS hush, count(*), 4711 AS number FROM ovasabi.service_event AS e`)
	require.NoError(t, err)
	exec(t, db.Owner(t), `
SELECT ovasabi.pg_stat_statements_reset(dbid => (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database()))`)
	for range 100 { // among statements of few calls the server may forget it again
		_, err = conn.Exec(t.Context(), "remembered")
		require.NoError(t, err)
	}
	var kept bool
	require.NoError(t, db.Owner(t).QueryRow(t.Context(), `
SELECT EXISTS (
    SELECT
    FROM ovasabi.pg_stat_statements AS s
    WHERE s.query LIKE '%AS hush%secret%' OR s.query LIKE '%secret%AS hush%'
)`).Scan(&kept))
	require.True(t, kept, "the server stored the constant: without that this test proves nothing")
	s, err := collector(t, db.Monitor(t), monitoring.Options{}).Collect(t.Context())
	require.NoError(t, err)
	found := false
	for _, statement := range s.Statements.List {
		if strings.Contains(statement.Query, "hush, count") {
			found = true
			require.NotContains(t, statement.Query, "secret")
			require.NotContains(t, statement.Query, "4711")
		}
	}
	require.True(t, found)
}
