package schema_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/database"
)

type searchHit struct {
	ID      int64
	Rank    float64
	Passage string
}

const searchSQL = `SELECT found.id, found.rank, found.passage FROM ovasabi.search_content($1, $2) AS found`

func search(t *testing.T, ctx context.Context, q database.Querier, query string, statuses []string) []searchHit {
	t.Helper()
	rows, err := q.Query(ctx, searchSQL, query, statuses)
	require.NoError(t, err)
	hits, err := pgx.CollectRows(rows, pgx.RowToStructByPos[searchHit])
	require.NoError(t, err)
	return hits
}

func TestSearchFindsRanksAndStaysInItsCampaign(t *testing.T) {
	db := pgtest.New(t)
	s := scope(t, db, 2)
	for _, c := range []int64{1, 2} {
		_, err := s.Exec(in(t, c), `
INSERT INTO ovasabi.service_content_main (campaign_id, slug, title, body, tags, status) VALUES
    ($1, 'body', 'Plain', 'somewhere an elephant walks', '["zoo"]', 'published'),
    ($1, 'title', 'The elephant', 'and a mouse', '["zoo", "big"]', 'published'),
    ($1, 'tag', 'Other', 'text', '["elephants"]', 'draft'),
    ($1, 'none', 'Other', 'text', '[]', 'published')`, c)
		require.NoError(t, err)
	}
	all := search(t, in(t, 1), s, "elephant", nil)
	require.Len(t, all, 3)
	require.Equal(t, value[int64](t, db, `SELECT id FROM ovasabi.service_content_main WHERE campaign_id = 1 AND slug = 'title'`), all[0].ID, "a title counts most")
	require.Contains(t, all[0].Passage, "\x02elephant\x03")
	require.Len(t, search(t, in(t, 1), s, "elephant", []string{"published"}), 2)
	require.Len(t, search(t, in(t, 1), s, `"mouse" OR walks -other`, nil), 2)
	require.Empty(t, search(t, in(t, 1), s, "", nil))

	// Page by page gives the same hits as all at once.
	var paged []int64
	rank, at, id := "infinity", "infinity", int64(1)<<62
	for {
		var hit int64
		err := s.QueryRow(in(t, 1), `
SELECT found.id, found.rank::text, found.created_at::text
FROM ovasabi.search_content('elephant', NULL, '[]', $1::text::float8, $2::text::timestamptz, $3::bigint, 1) AS found`, rank, at, id).Scan(&hit, &rank, &at)
		if err != nil {
			break
		}
		paged, id = append(paged, hit), hit
	}
	require.Equal(t, []int64{all[0].ID, all[1].ID, all[2].ID}, paged)

	// No scope, or that of a campaign without rows: nothing.
	require.Empty(t, search(t, t.Context(), db.App(t), "elephant", nil))
	require.Empty(t, search(t, in(t, 3), s, "elephant", nil))
	// A setting that is no number is an error, not everything.
	conn := connect(t, db.AppURL)
	_, err := conn.Exec(t.Context(), `SET app.campaign_id = 'x'`)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `SELECT * FROM ovasabi.search_content('elephant')`)
	require.Error(t, err)
	// Others may not call it, nor act in its role's name.
	_, err = db.Monitor(t).Exec(t.Context(), `SELECT * FROM ovasabi.search_content('elephant')`)
	require.ErrorContains(t, err, "permission denied")
	_, err = db.App(t).Exec(t.Context(), `SET ROLE ovasabi_search`)
	require.ErrorContains(t, err, "permission denied")
	require.False(t, value[bool](t, db, `SELECT rolcanlogin OR rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = 'ovasabi_search'`))
}

// nestedPlans runs a query as the application inside a campaign and returns the
// plans of it and of what it calls, as auto_explain tells them.
func nestedPlans(t *testing.T, db *pgtest.DB, query string) string {
	t.Helper()
	config, err := pgx.ParseConfig(db.OwnerURL)
	require.NoError(t, err)
	var mu sync.Mutex
	var told []string
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, n.Message)
	}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), `
LOAD 'auto_explain';
SET auto_explain.log_min_duration = 0;
SET auto_explain.log_nested_statements = on;
SET auto_explain.log_analyze = on;
SET auto_explain.log_buffers = on;
SET auto_explain.log_timing = off;
SET auto_explain.log_level = 'notice';
SET SESSION AUTHORIZATION ovasabi_app;
SET app.campaign_id = '1'`)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), query, pgx.QueryExecModeExec)
	require.NoError(t, err)
	mu.Lock()
	defer mu.Unlock()
	return strings.Join(told, "\n")
}

// buffers adds up the pages of the first Buffers line, which is the whole plan's.
func buffers(t *testing.T, plan string) int {
	t.Helper()
	line := regexp.MustCompile(`Buffers: shared( hit=(\d+))?( read=(\d+))?`).FindStringSubmatch(plan)
	require.NotNil(t, line, plan)
	n := 0
	for _, part := range []string{line[2], line[4]} {
		var v int
		if part != "" {
			_, err := fmt.Sscan(part, &v)
			require.NoError(t, err)
		}
		n += v
	}
	return n
}

func TestTheApplicationsSearchUsesTheIndex(t *testing.T) {
	db := pgtest.New(t)
	scope(t, db, 5)
	writeContent(t, db, 5, 2000)
	plans := nestedPlans(t, db, `SELECT id, rank, passage FROM ovasabi.search_content('needle')`)
	require.Contains(t, plans, "Bitmap Index Scan on idx_content_search_stored")
	require.NotContains(t, plans, "Seq Scan")
	// 20 matches in 2,000 documents of the campaign, 10,000 in all: the index, 20 rows, 20 bodies.
	require.Less(t, buffers(t, plans), 300, plans)

	// The same condition on the table itself waits for the policy: no GIN index,
	// which is why the function is there.
	plain := nestedPlans(t, db, `SELECT count(*) FROM ovasabi.service_content_main WHERE campaign_id = 1::bigint AND search_vector_stored @@ websearch_to_tsquery('english', 'needle')`)
	require.NotContains(t, plain, "Index Cond: ((campaign_id = '1'::bigint) AND (search_vector_stored @@")
}

// A query on the virtual column uses the index on its expression, where no policy stands before it.
func TestTheVirtualVectorIsServedByTheExpressionIndex(t *testing.T) {
	db := pgtest.New(t)
	scope(t, db, 5)
	writeContent(t, db, 5, 2000)
	rows, err := db.Owner(t).Query(t.Context(), `
EXPLAIN
SELECT id
FROM ovasabi.service_content_main
WHERE campaign_id = 1::bigint
  AND search_vector_virtual @@ websearch_to_tsquery('english', 'needle')`)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Contains(t, strings.Join(lines, "\n"), "Bitmap Index Scan on idx_content_search_virtual")
}
