package schema_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// scope makes n campaigns, 1 to n, and returns the application's scope.
func scope(t testing.TB, db *pgtest.DB, n int) *campaign.Scope {
	t.Helper()
	exec(t, db, `
INSERT INTO ovasabi.service_campaign_main (id, slug, name)
SELECT n, 'c' || n, 'Campaign ' || n
FROM generate_series(1, $1::bigint) AS n`, n)
	return campaign.NewScope(db.App(t))
}

// in is a context inside a campaign.
func in(t testing.TB, id int64) context.Context {
	t.Helper()
	c, err := campaign.NewID(id)
	require.NoError(t, err)
	return campaign.NewContext(t.Context(), c)
}

// exec runs one statement as the owner.
func exec(t testing.TB, db *pgtest.DB, sql string, args ...any) {
	t.Helper()
	_, err := db.Owner(t).Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

// value reads one value as the owner.
func value[T any](t testing.TB, db *pgtest.DB, sql string, args ...any) T {
	t.Helper()
	var v T
	require.NoError(t, db.Owner(t).QueryRow(t.Context(), sql, args...).Scan(&v))
	return v
}

// connect opens one connection that the test closes.
func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	return conn
}

// writeContent writes n documents into each of the campaigns, in which the word
// "needle" stands in one of a hundred.
func writeContent(t testing.TB, db *pgtest.DB, campaigns, n int) {
	t.Helper()
	exec(t, db, `
INSERT INTO ovasabi.service_content_main (campaign_id, slug, title, body, tags, status, created_at)
SELECT
    c,
    'doc-' || n,
    'Document number ' || n,
    repeat('some words that are the same in every document ', 20) || CASE WHEN n % 100 = 0 THEN 'needle' ELSE 'hay' END,
    jsonb_build_array('tag' || n % 7),
    (ARRAY['draft', 'review', 'published', 'archived'])[1 + n % 4],
    timestamptz '2026-01-01' + n * interval '1 minute'
FROM generate_series(1, $1::int) AS c
CROSS JOIN generate_series(1, $2::int) AS n`, campaigns, n)
	exec(t, db, `VACUUM ANALYZE ovasabi.service_content_main`)
}

// writeEvents writes n events into each of the campaigns.
func writeEvents(t testing.TB, db *pgtest.DB, campaigns, n int) {
	t.Helper()
	exec(t, db, `
INSERT INTO ovasabi.service_event (campaign_id, event_id, event_type, entity_id, occurred_at, payload)
SELECT
    c,
    'event-' || n,
    (ARRAY['content:create:v1:success', 'content:update:v1:success', 'user:login:v1:failed'])[1 + n % 3],
    'entity-' || n % 50,
    timestamptz '2026-01-01' + n * interval '1 second',
    jsonb_build_object('n', n)
FROM generate_series(1, $1::int) AS c
CROSS JOIN generate_series(1, $2::int) AS n`, campaigns, n)
	exec(t, db, `VACUUM ANALYZE ovasabi.service_event`)
}
