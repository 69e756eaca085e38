package schema_test

import (
	"context"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/schema"
)

// size reads how many rows a benchmark takes from the environment:
// OVASABI_BENCH_CONTENT and OVASABI_BENCH_EVENTS. Run them with -benchtime 1x.
func size(b *testing.B, name string, otherwise int) int {
	b.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(b, err)
	return n
}

const benchCampaigns = 100

// large fills a database of a phase with documents of about 1 kB and with events, in a hundred campaigns.
func large(b *testing.B, phase schema.Phase, content, events int) *pgtest.DB {
	b.Helper()
	db := pgtest.New(b, pgtest.Phase(int(phase)))
	scope(b, db, benchCampaigns)
	for _, table := range []string{"service_content_main", "service_event"} {
		exec(b, db, `ALTER TABLE ovasabi.`+table+` SET (autovacuum_enabled = off)`)
	}
	const portion = 250_000
	for from := 0; from < content; from += portion {
		exec(b, db, `
INSERT INTO ovasabi.service_content_main (campaign_id, slug, title, body, tags, status, created_at)
SELECT
    1 + n % $3::int,
    'doc-' || n,
    'Document about ' || (n % 9973),
    (SELECT string_agg('word' || ((n * 31 + w * w * 7) % 20011), ' ') FROM generate_series(1, 110) AS w),
    jsonb_build_array('tag' || n % 7, 'tag' || n % 11),
    (ARRAY['draft', 'review', 'published', 'archived'])[1 + n % 4],
    timestamptz '2026-01-01' + n * interval '1 second'
FROM generate_series($1::int, $2::int) AS n`, from+1, min(from+portion, content), benchCampaigns)
	}
	for from := 0; from < events; from += portion {
		exec(b, db, `
INSERT INTO ovasabi.service_event (campaign_id, event_id, event_type, entity_id, occurred_at, payload)
SELECT
    1 + n % $3::int,
    md5(n::text),
    (ARRAY['content:create:v1:success', 'content:update:v1:success', 'user:login:v1:failed'])[1 + n % 3],
    'entity-' || n % 5000,
    timestamptz '2026-01-01' + n * interval '1 second',
    jsonb_build_object('n', n, 'note', 'a payload of some words')
FROM generate_series($1::int, $2::int) AS n`, from+1, min(from+portion, events), benchCampaigns)
	}
	for _, table := range []string{"service_content_main", "service_event"} {
		exec(b, db, `ALTER TABLE ovasabi.`+table+` RESET (autovacuum_enabled)`)
		exec(b, db, `VACUUM ANALYZE ovasabi.`+table)
	}
	exec(b, db, `CHECKPOINT`)
	return db
}

// timed migrates and logs every line of progress with the time since the beginning.
func timed(b *testing.B, db *pgtest.DB, partitions int, run func(ctx context.Context, m *schema.Migrator) error) time.Duration {
	b.Helper()
	begun := time.Now()
	m, err := schema.Open(db.OwnerURL, schema.Options{Partitions: &partitions, Progress: func(line string) {
		b.Logf("%7.1fs %s", time.Since(begun).Seconds(), line)
	}})
	require.NoError(b, err)
	require.NoError(b, run(b.Context(), m))
	require.NoError(b, m.Close())
	return time.Since(begun)
}

// From phase 1 to 4 and back with 32 clients reading and writing.
func BenchmarkUpAndDownUnderTraffic(b *testing.B) {
	content, events := size(b, "OVASABI_BENCH_CONTENT", 1_000_000), size(b, "OVASABI_BENCH_EVENTS", 5_000_000)
	db := large(b, schema.Foundation, content, events)
	before := checksum(b, db)
	for b.Loop() {
		tr := startTraffic(b, db, 32, benchCampaigns/2)
		up := timed(b, db, 16, func(ctx context.Context, m *schema.Migrator) error { return m.Up(ctx, schema.Latest()) })
		down := timed(b, db, 16, func(ctx context.Context, m *schema.Migrator) error { return m.Down(ctx, schema.Foundation) })
		tr.stopTraffic(b, db)
		b.ReportMetric(up.Seconds(), "up-s")
		b.ReportMetric(down.Seconds(), "down-s")
		b.ReportMetric(float64(tr.requests.Load()), "requests")
		b.ReportMetric(float64(tr.slowest.Load())/1e6, "slowest-ms")
	}
	exec(b, db, `DELETE FROM ovasabi.service_event WHERE event_id LIKE 'client%'`)
	require.Equal(b, before, checksum(b, db))
}

// Into 16 partitions and out of them, alone on the machine.
func BenchmarkPartitioning(b *testing.B) {
	events := size(b, "OVASABI_BENCH_EVENTS", 5_000_000)
	db := large(b, schema.Latest(), 0, events)
	before := checksum(b, db)
	for b.Loop() {
		for _, n := range []int{16, 0} {
			took := timed(b, db, n, func(ctx context.Context, m *schema.Migrator) error { return m.Up(ctx, schema.Latest()) })
			b.ReportMetric(float64(events)/took.Seconds(), "rows/s-to-"+strconv.Itoa(n))
		}
	}
	require.Equal(b, before, checksum(b, db))
}

// What a generated column costs when it is added, read, written and kept.
func BenchmarkGeneratedColumns(b *testing.B) {
	content := size(b, "OVASABI_BENCH_CONTENT", 200_000)
	db := large(b, schema.Foundation, content, 0)
	conn := connect(b, db.OwnerURL)
	run := func(unit, sql string, args ...any) {
		begun := time.Now()
		_, err := conn.Exec(b.Context(), sql, append([]any{pgx.QueryExecModeExec}, args...)...)
		require.NoError(b, err)
		b.ReportMetric(float64(time.Since(begun).Microseconds())/1000, unit)
	}
	sizes := func(kind string) {
		b.ReportMetric(value[float64](b, db, `SELECT pg_table_size('ovasabi.service_content_main') / 1e6`), "MB-table-"+kind)
	}
	const insert = `
INSERT INTO ovasabi.service_content_main (campaign_id, slug, title, body)
SELECT 1, $1 || n, 'Document', (SELECT string_agg('word' || ((n * 31 + w * w * 7) % 20011), ' ') FROM generate_series(1, 110) AS w)
FROM generate_series(1, 5000) AS n`
	for b.Loop() {
		sizes("plain")
		run("ms-insert-5000-plain", insert, "a-")
		steps := func(to schema.Phase) {
			timed(b, db, 0, func(ctx context.Context, m *schema.Migrator) error { return m.Up(ctx, to) })
		}
		vector := `(setweight(to_tsvector('english', coalesce(title, '')), 'A') || setweight(to_tsvector('english', left(body, 100000)), 'B'))`
		run("ms-add-virtual", `ALTER TABLE ovasabi.service_content_main ADD COLUMN trial tsvector GENERATED ALWAYS AS (`+vector+`) VIRTUAL`)
		run("ms-drop-virtual", `ALTER TABLE ovasabi.service_content_main DROP COLUMN trial`)
		run("ms-add-stored-rewriting", `ALTER TABLE ovasabi.service_content_main ADD COLUMN trial tsvector GENERATED ALWAYS AS (`+vector+`) STORED`)
		run("ms-drop-stored", `ALTER TABLE ovasabi.service_content_main DROP COLUMN trial`)
		exec(b, db, `VACUUM FULL ovasabi.service_content_main`)
		steps(schema.GeneratedColumns)
		exec(b, db, `VACUUM ANALYZE ovasabi.service_content_main`)
		sizes("stored")
		for _, index := range []string{"idx_content_search_virtual", "idx_content_search_stored"} {
			b.ReportMetric(value[float64](b, db, `SELECT pg_relation_size($1::text::regclass) / 1e6`, "ovasabi."+index), "MB-"+index)
		}
		run("ms-insert-5000-all", insert, "b-")
		exec(b, db, `VACUUM ANALYZE ovasabi.service_content_main`)
		for _, kind := range []string{"virtual", "stored"} {
			column := "search_vector_" + kind
			match := `FROM ovasabi.service_content_main WHERE campaign_id = 7::bigint AND ` + column + ` @@ websearch_to_tsquery('english', 'word77')`
			run("ms-match-"+kind, `SELECT count(*) `+match)
			run("ms-ranked-"+kind, `SELECT id, ts_rank(`+column+`, websearch_to_tsquery('english', 'word77')) AS rank `+match+` ORDER BY rank DESC LIMIT 20`)
			run("ms-read-1000-"+kind, `SELECT sum(length(`+column+`)) FROM (SELECT `+column+` FROM ovasabi.service_content_main WHERE campaign_id = 8::bigint LIMIT 1000) AS some`)
		}
		b.ReportMetric(value[float64](b, db, `SELECT count(*) FROM ovasabi.service_content_main WHERE campaign_id = 7::bigint AND search_vector_stored @@ websearch_to_tsquery('english', 'word77')`), "matches")
	}
}
