package schema_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/schema"
)

// size reads how many rows a benchmark takes from the environment:
// OVASABI_BENCH_CONTENT and OVASABI_BENCH_EVENTS. Without them it takes few, and its
// figures say little. Run them with -benchtime 1x and a -timeout of hours.
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

const (
	benchCampaigns = 100
	benchClients   = 32
)

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

// timed migrates and prints the lines of progress with the time since the beginning.
func timed(b *testing.B, db *pgtest.DB, partitions int, run func(ctx context.Context, m *schema.Migrator) error) time.Duration {
	b.Helper()
	begun := time.Now()
	m, err := schema.Open(db.OwnerURL, schema.Options{Partitions: &partitions, Progress: func(line string) {
		if !strings.Contains(line, "%") && !strings.Contains(line, "trying again") {
			fmt.Fprintf(os.Stderr, "%7.1fs %s\n", time.Since(begun).Seconds(), line) // of b.Log only ten lines are shown
		}
	}})
	require.NoError(b, err)
	require.NoError(b, run(b.Context(), m))
	require.NoError(b, m.Close())
	return time.Since(begun)
}

// From phase 1 to 4 and back with 32 clients reading and writing. What must be seen:
// no request that fails, none that waits for a lock for a second, and every row as
// it was. Each client pauses for OVASABI_BENCH_PAUSE_MS between two requests: with 0
// they take all of the machine, and the migrator has what is left.
func BenchmarkUpAndDownUnderTraffic(b *testing.B) {
	content, events := size(b, "OVASABI_BENCH_CONTENT", 5_000), size(b, "OVASABI_BENCH_EVENTS", 25_000)
	db := large(b, schema.Foundation, content, events)
	checksums := func() string { return checksum(b, db) + " " + contentChecksum(b, db) }
	rows := checksums()
	for b.Loop() {
		tr := startPaced(b, db, benchClients, benchCampaigns/2, time.Duration(size(b, "OVASABI_BENCH_PAUSE_MS", 50))*time.Millisecond)
		begun := time.Now()
		waits := watchWaits(b, db)
		up := timed(b, db, 16, func(ctx context.Context, m *schema.Migrator) error { return m.Up(ctx, schema.Latest()) })
		down := timed(b, db, 16, func(ctx context.Context, m *schema.Migrator) error { return m.Down(ctx, schema.Foundation) })
		longest := waits()
		tr.stopTraffic(b, db)
		b.ReportMetric(up.Seconds(), "up-s")
		b.ReportMetric(down.Seconds(), "down-s")
		b.ReportMetric(float64(tr.requests.Load())/time.Since(begun).Seconds(), "requests/s")
		b.ReportMetric(float64(tr.slowest.Load())/1e6, "slowest-request-ms")
		b.ReportMetric(float64(longest.Milliseconds()), "longest-lock-wait-ms")
		require.Less(b, longest, time.Second)
	}
	exec(b, db, `DELETE FROM ovasabi.service_event WHERE event_id LIKE 'client%'`)
	exec(b, db, `DELETE FROM ovasabi.service_content_main WHERE slug LIKE 'client%'`)
	require.Equal(b, rows, checksums(), "a row was lost, doubled or changed")
}

// contentChecksum is the number of documents and a digest of what they hold.
func contentChecksum(t testing.TB, db *pgtest.DB) string {
	t.Helper()
	return value[string](t, db, `
SELECT count(*) || ' ' || coalesce(sum(hashtextextended(concat_ws('|', campaign_id, id, slug, title, body, tags, status, created_at), 0)), 0)
FROM ovasabi.service_content_main`)
}

// watchWaits looks a hundred times a second how long a request of the application
// has been waiting for a lock; the function that it returns ends that, and tells the longest.
func watchWaits(b *testing.B, db *pgtest.DB) func() time.Duration {
	b.Helper()
	conn := connect(b, db.OwnerURL)
	ctx, stop := context.WithCancel(b.Context())
	longest := make(chan time.Duration, 1)
	go func() {
		var most float64
		for ctx.Err() == nil {
			var seconds float64
			err := conn.QueryRow(b.Context(), `
SELECT coalesce(max(extract(epoch FROM clock_timestamp() - l.waitstart)), 0)::float8
FROM pg_catalog.pg_locks AS l
JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
WHERE NOT l.granted
  AND a.usename = 'ovasabi_app'
  AND a.datname = current_database()`).Scan(&seconds)
			if err != nil {
				b.Error(err)
				break
			}
			most = max(most, seconds)
			time.Sleep(10 * time.Millisecond)
		}
		longest <- time.Duration(most * float64(time.Second))
	}()
	return func() time.Duration {
		stop()
		return <-longest
	}
}

// Into 16 partitions and out of them, alone on the machine.
func BenchmarkPartitioning(b *testing.B) {
	events := size(b, "OVASABI_BENCH_EVENTS", 100_000)
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

// What the two kinds of a generated vector cost when they are added, written, kept,
// indexed and read, beside a table without either. They take turns, and the medians
// are told: docs/generated-columns.md prints them.
func BenchmarkGeneratedColumns(b *testing.B) {
	content := size(b, "OVASABI_BENCH_CONTENT", 5_000)
	expression := value[string](b, pgtest.New(b), `
SELECT pg_get_expr(d.adbin, d.adrelid)
FROM pg_attrdef AS d
JOIN pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
WHERE d.adrelid = 'ovasabi.service_content_main'::regclass
  AND a.attname = 'search_vector_virtual'`)
	db := large(b, schema.Foundation, content, 0)
	kinds := []string{"plain", "virtual", "stored"}
	each := func(kinds []string, sql string) {
		for _, kind := range kinds {
			exec(b, db, strings.ReplaceAll(sql, "KIND", kind))
		}
	}
	exec(b, db, `CREATE SCHEMA trial; CREATE EXTENSION btree_gin WITH SCHEMA trial`)
	each(kinds, `CREATE TABLE trial.KIND AS SELECT campaign_id, id, title, body, tags FROM ovasabi.service_content_main`)
	each(kinds, `ALTER TABLE trial.KIND ADD PRIMARY KEY (campaign_id, id)`)
	each(kinds, `VACUUM ANALYZE trial.KIND`)
	exec(b, db, `CHECKPOINT`)
	conn, took := connect(b, db.OwnerURL), map[string][]time.Duration{}
	run := func(what, kind, sql string) {
		begun := time.Now()
		_, err := conn.Exec(b.Context(), strings.ReplaceAll(sql, "KIND", kind), pgx.QueryExecModeExec)
		require.NoError(b, err)
		took[what+"-"+kind] = append(took[what+"-"+kind], time.Since(begun))
	}
	for b.Loop() {
		for _, kind := range kinds[1:] {
			run("add", kind, `ALTER TABLE trial.KIND ADD COLUMN vector tsvector GENERATED ALWAYS AS (`+expression+`) KIND`)
		}
		each(kinds, `VACUUM ANALYZE trial.KIND`)
		for _, kind := range kinds {
			b.ReportMetric(value[float64](b, db, `SELECT pg_table_size('trial.`+kind+`') / 1e6`), "MB-table-"+kind)
		}
		insert := func(what string, kinds []string) {
			for range 5 {
				for _, kind := range kinds {
					run(what, kind, `INSERT INTO trial.KIND (campaign_id, id, title, body, tags) SELECT 1000, id, title, body, tags FROM ovasabi.service_content_main WHERE id <= 2000`)
				}
				each(kinds, `DELETE FROM trial.KIND WHERE campaign_id = 1000`)
				each(kinds, `VACUUM trial.KIND`)
			}
		}
		insert("insert-2000", kinds)
		run("index", "virtual", `CREATE INDEX KIND_vector ON trial.KIND USING gin (campaign_id, (`+expression+`))`)
		run("index", "stored", `CREATE INDEX KIND_vector ON trial.KIND USING gin (campaign_id, vector)`)
		each(kinds[1:], `VACUUM ANALYZE trial.KIND`)
		for _, kind := range kinds[1:] {
			b.ReportMetric(value[float64](b, db, `SELECT pg_relation_size('trial.`+kind+`_vector') / 1e6`), "MB-index-"+kind)
		}
		insert("insert-2000-indexed", kinds[1:])
		for range 5 {
			for _, kind := range kinds[1:] {
				for name, words := range map[string]string{"rare": "word77", "common": "tag3"} {
					match := `FROM trial.KIND WHERE campaign_id = 7::bigint AND vector @@ websearch_to_tsquery('english', '` + words + `')`
					run("match-"+name, kind, `SELECT count(*) `+match)
					run("rank-"+name, kind, `SELECT id, ts_rank(vector, websearch_to_tsquery('english', '`+words+`')) AS rank `+match+` ORDER BY rank DESC LIMIT 20`)
				}
				run("read-20", kind, `SELECT sum(length(vector)) FROM (SELECT vector FROM trial.KIND WHERE campaign_id = 8::bigint LIMIT 20) AS page`)
			}
		}
		for name, words := range map[string]string{"rare": "word77", "common": "tag3"} {
			b.ReportMetric(value[float64](b, db, `SELECT count(*) FROM trial.stored WHERE campaign_id = 7::bigint AND vector @@ websearch_to_tsquery('english', '`+words+`')`), "matches-"+name)
		}
	}
	for what, times := range took {
		slices.Sort(times)
		b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "ms-"+what)
	}
}

// `migrate status` in a database of a thousand tables, and in a schema of as many.
func BenchmarkStatus(b *testing.B) {
	for _, where := range []string{"others", "ovasabi"} {
		b.Run("1000 tables in "+where, func(b *testing.B) {
			db := pgtest.New(b)
			exec(b, db, `CREATE SCHEMA IF NOT EXISTS `+where)
			for i := range 1000 {
				exec(b, db, fmt.Sprintf(`CREATE TABLE %[1]s.t%[2]d (campaign_id bigint, id bigint, words text, PRIMARY KEY (campaign_id, id), UNIQUE (campaign_id, words))`, where, i))
			}
			m, err := schema.Open(db.OwnerURL, schema.Options{})
			require.NoError(b, err)
			defer m.Close()
			for b.Loop() {
				_, err := m.Status(b.Context())
				require.NoError(b, err)
			}
		})
	}
}
