package schema_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
)

// traffic is clients of the application that write and read events and content
// while the schema changes beneath them. Each knows what its rows must hold.
type traffic struct {
	pool    *pgxpool.Pool
	scope   *campaign.Scope
	pause   time.Duration // of each client between two requests
	stop    chan struct{}
	done    sync.WaitGroup
	clients []*client

	requests, slowest atomic.Int64
	mu                sync.Mutex
	failures          []string
}

// client writes keys of its own in one campaign.
type client struct {
	campaign int64
	name     string
	events   map[string]int // event_id to the payload's n
	content  map[string]string
}

// startTraffic starts n clients in the campaigns 1 to campaigns; stopTraffic ends them.
func startTraffic(t testing.TB, db *pgtest.DB, n, campaigns int) *traffic {
	t.Helper()
	return startPaced(t, db, n, campaigns, 0)
}

func startPaced(t testing.TB, db *pgtest.DB, n, campaigns int, pause time.Duration) *traffic {
	t.Helper()
	pool := pgtest.Pool(t, db.AppURL, int32(n), func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["search_path"] = "" })
	tr := &traffic{pool: pool, scope: campaign.NewScope(pool), pause: pause, stop: make(chan struct{})}
	for i := range n {
		c := &client{campaign: int64(1 + i%campaigns), name: fmt.Sprintf("client-%d", i), events: map[string]int{}, content: map[string]string{}}
		tr.clients = append(tr.clients, c)
		id, err := campaign.NewID(c.campaign)
		require.NoError(t, err)
		ctx := campaign.NewContext(context.Background(), id)
		tr.done.Go(func() { tr.run(ctx, c) })
	}
	return tr
}

func (tr *traffic) run(ctx context.Context, c *client) {
	random := rand.New(rand.NewPCG(1, uint64(c.campaign)))
	for n := 0; ; n++ {
		select {
		case <-tr.stop:
			return
		case <-time.After(tr.pause):
		}
		begun := time.Now()
		err := c.request(ctx, tr.scope, random, n)
		took := time.Since(begun).Nanoseconds()
		tr.requests.Add(1)
		for {
			slowest := tr.slowest.Load()
			if took <= slowest || tr.slowest.CompareAndSwap(slowest, took) {
				break
			}
		}
		if err != nil {
			tr.mu.Lock()
			tr.failures = append(tr.failures, fmt.Sprintf("%s, request %d: %v (%v)", c.name, n, err, errors.Unwrap(err)))
			tr.mu.Unlock()
			return
		}
	}
}

// request is one call: insert, update, delete or read of a row of the client's own.
func (c *client) request(ctx context.Context, s *campaign.Scope, random *rand.Rand, n int) error {
	id := fmt.Sprintf("%s-%d", c.name, random.IntN(50))
	switch n % 8 {
	case 0, 1: // write, or write over
		_, err := s.Exec(ctx, `
INSERT INTO ovasabi.service_event (campaign_id, event_id, event_type, payload)
VALUES ($1::bigint, $2, 'test:write:v1:success', jsonb_build_object('n', $3::int))
ON CONFLICT (campaign_id, event_id) DO UPDATE
SET payload = excluded.payload`, c.campaign, id, n)
		if err == nil {
			c.events[id] = n
		}
		return err
	case 2:
		tag, err := s.Exec(ctx, `
UPDATE ovasabi.service_event
SET payload = jsonb_build_object('n', $3::int)
WHERE campaign_id = $1::bigint
  AND event_id = $2`, c.campaign, id, n)
		if _, has := c.events[id]; err == nil && has != (tag.RowsAffected() == 1) {
			return fmt.Errorf("updated %d rows of event %s", tag.RowsAffected(), id)
		}
		if err == nil && tag.RowsAffected() == 1 {
			c.events[id] = n
		}
		return err
	case 3:
		tag, err := s.Exec(ctx, `DELETE FROM ovasabi.service_event WHERE campaign_id = $1::bigint AND event_id = $2`, c.campaign, id)
		if _, has := c.events[id]; err == nil && has != (tag.RowsAffected() == 1) {
			return fmt.Errorf("deleted %d rows of event %s", tag.RowsAffected(), id)
		}
		if err == nil {
			delete(c.events, id)
		}
		return err
	case 4:
		var got int
		err := s.QueryRow(ctx, `SELECT (payload ->> 'n')::int FROM ovasabi.service_event WHERE campaign_id = $1::bigint AND event_id = $2`, c.campaign, id).Scan(&got)
		want, has := c.events[id]
		if errors.Is(err, pgx.ErrNoRows) && !has {
			return nil
		}
		if err == nil && (!has || got != want) {
			return fmt.Errorf("event %s reads %d, not %d", id, got, want)
		}
		return err
	case 5, 6:
		title := fmt.Sprintf("title %d", n)
		_, err := s.Exec(ctx, `
INSERT INTO ovasabi.service_content_main (campaign_id, slug, title, body)
VALUES ($1::bigint, $2, $3, 'some body')
ON CONFLICT (campaign_id, slug) DO UPDATE
SET title = excluded.title`, c.campaign, id, title)
		if err == nil {
			c.content[id] = title
		}
		return err
	default:
		_, err := s.Exec(ctx, `DELETE FROM ovasabi.service_content_main WHERE campaign_id = $1::bigint AND slug = $2`, c.campaign, id)
		if err == nil {
			delete(c.content, id)
		}
		return err
	}
}

// stopTraffic ends the clients, and fails where a request did or where a row is
// not as its client left it.
func (tr *traffic) stopTraffic(t testing.TB, db *pgtest.DB) {
	t.Helper()
	close(tr.stop)
	tr.done.Wait()
	tr.pool.Close()
	require.Empty(t, tr.failures)
	for _, c := range tr.clients {
		events, content := map[string]int{}, map[string]string{}
		rows, err := db.Owner(t).Query(t.Context(), `
SELECT event_id, payload ->> 'n', ''
FROM ovasabi.service_event
WHERE campaign_id = $1 AND event_id LIKE $2
UNION ALL
SELECT slug, '', title
FROM ovasabi.service_content_main
WHERE campaign_id = $1 AND slug LIKE $2`, c.campaign, c.name+"-%")
		require.NoError(t, err)
		var id, n, title string
		_, err = pgx.ForEachRow(rows, []any{&id, &n, &title}, func() error {
			if title != "" {
				content[id] = title
				return nil
			}
			var number int
			_, err := fmt.Sscan(n, &number)
			events[id] = number
			return err
		})
		require.NoError(t, err)
		require.Equal(t, c.events, events)
		require.Equal(t, c.content, content)
	}
	require.Positive(t, tr.requests.Load())
	t.Logf("%d requests, the slowest took %s", tr.requests.Load(), time.Duration(tr.slowest.Load()))
}

// lines keeps a migrator's progress for a failed test.
func lines(t testing.TB) func(string) {
	return func(line string) {
		if !strings.Contains(line, "trying again") {
			t.Log(line)
		}
	}
}
