package schema_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/schema"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// rolledBack are twins whose optimised sides need what `down` takes away, and the
// answers that both sides give.
var rolledBack = []struct {
	twin *twin.Twin
	want string
}{
	{
		twin.Declare("schema_test.search", twin.Pair{
			Plain: `
SELECT string_agg(c.slug, ',' ORDER BY c.slug)
FROM ovasabi.service_content_main AS c
WHERE c.campaign_id = 1::bigint
  AND to_tsvector('english', c.title || ' ' || c.body) @@ websearch_to_tsquery('english', 'needle')`,
			Optimised: `
SELECT string_agg(c.slug, ',' ORDER BY c.slug)
FROM ovasabi.search_content('needle') AS found
JOIN ovasabi.service_content_main AS c ON c.campaign_id = 1::bigint AND c.id = found.id`,
		}),
		"doc-100,doc-200,doc-300",
	},
	{
		twin.Declare("schema_test.vector", twin.Pair{
			Plain: `
SELECT count(*)::text
FROM ovasabi.service_content_main AS c
WHERE c.campaign_id = 1::bigint
  AND c.id % 10 = 0
  AND to_tsvector('english', c.body) @@ websearch_to_tsquery('english', 'words')`,
			Optimised: `
SELECT count(*)::text
FROM ovasabi.service_content_main AS c
WHERE c.campaign_id = 1::bigint
  AND c.id % 10 = 0
  AND c.search_vector_virtual @@ websearch_to_tsquery('english', 'words')`,
		}),
		"30",
	},
	{
		twin.Declare("schema_test.name", twin.Pair{
			Plain:     `SELECT u.first_name || ' ' || u.last_name FROM ovasabi.service_user_main AS u WHERE u.campaign_id = 1::bigint`,
			Optimised: `SELECT u.display_name_computed FROM ovasabi.service_user_main AS u WHERE u.campaign_id = 1::bigint`,
		}),
		"Ada Lovelace",
	},
	{
		twin.Declare("schema_test.price", twin.Pair{
			Plain:     `SELECT round(p.price * 1.19, 2)::text FROM ovasabi.service_product_main AS p WHERE p.campaign_id = 1::bigint`,
			Optimised: `SELECT p.price_with_tax_virtual::text FROM ovasabi.service_product_main AS p WHERE p.campaign_id = 1::bigint`,
		}),
		"119.00",
	},
}

// docs/rollback.md as a test: the schema goes back and comes again while services
// read through their twins and write, and no request hears of it.
func TestServicesAnswerThroughARollback(t *testing.T) {
	db := pgtest.New(t)
	scope(t, db, 3)
	writeContent(t, db, 1, 300)
	writeEvents(t, db, 2, 500)
	exec(t, db, `INSERT INTO ovasabi.service_user_main (campaign_id, email, first_name, last_name) VALUES (1, 'a@b', 'Ada', 'Lovelace')`)
	exec(t, db, `INSERT INTO ovasabi.service_product_main (campaign_id, sku, name, price, metadata) VALUES (1, 'p', 'p', 100, '{"tax_rate": 0.19}')`)
	rows := checksum(t, db)

	quiet := slog.New(slog.DiscardHandler)
	flags, err := twin.NewFlags(t.Context(), db.App(t), twin.FlagOptions{Log: quiet})
	require.NoError(t, err)
	defer flags.Close()
	runner, err := twin.NewRunner(flags, twin.Options{RetryFirst: 20 * time.Millisecond, RetryLongest: 200 * time.Millisecond, Log: quiet})
	require.NoError(t, err)
	defer runner.Close()

	writers := startTraffic(t, db, 2, 2)
	s := campaign.NewScope(db.App(t))
	ctx, stop := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	var failed sync.Map
	for _, r := range rolledBack {
		readers.Go(func() {
			inside := in(t, 1) // not ctx: a request under way is answered to its end
			for ctx.Err() == nil {
				var got string
				err := runner.QueryRow(inside, s, r.twin).Scan(&got)
				if err != nil || got != r.want {
					failed.Store(r.twin.Name(), fmt.Sprintf("%q instead of %q, %v", got, r.want, err))
					return
				}
			}
		})
	}
	figures := func(side string) (calls, fallbacks uint64) {
		for _, f := range runner.Figures() {
			if f.Side == side {
				calls, fallbacks = calls+f.Calls, fallbacks+f.Fallbacks
			}
		}
		return calls, fallbacks
	}
	optimised := func() uint64 { calls, _ := figures("optimised"); return calls }
	answered := func(beyond uint64) func() bool { return func() bool { return optimised() > beyond } }
	require.Eventually(t, answered(10), 30*time.Second, time.Millisecond)

	m := migrator(t, db.OwnerURL, partitions(2))
	require.NoError(t, m.Down(t.Context(), schema.Foundation))
	plain, _ := figures("plain")
	require.Eventually(t, func() bool { now, _ := figures("plain"); return now > plain+10 }, 30*time.Second, time.Millisecond)
	_, fallbacks := figures("optimised")
	require.Positive(t, fallbacks)

	require.NoError(t, m.Up(t.Context(), schema.Latest()))
	require.Eventually(t, answered(optimised()+10), 30*time.Second, time.Millisecond, "the optimised sides answer again")
	stop()
	readers.Wait()
	failed.Range(func(name, what any) bool {
		t.Errorf("%s answered %s", name, what)
		return true
	})
	writers.stopTraffic(t, db)
	exec(t, db, `DELETE FROM ovasabi.service_event WHERE event_id LIKE 'client%'`)
	require.Equal(t, rows, checksum(t, db), "no row was lost")
}
