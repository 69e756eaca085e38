package campaign_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/wiretap"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
)

// junction is a pipeline with one campaign, whose reads the test lets gather.
type junction struct {
	*campaign.Pipeline

	db    *pgtest.DB
	scope *campaign.Scope
	pool  *pgxpool.Pool
	wire  *wiretap.Counter
	id    campaign.ID
	ctx   context.Context
}

// queryNames is a tracer that keeps under which names statements of batches ran.
type queryNames struct {
	mu   sync.Mutex
	seen []string
}

func (q *queryNames) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

func (q *queryNames) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (q *queryNames) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	type own struct{}
	return context.WithValue(ctx, own{}, q) // as tracers do
}

func (q *queryNames) TraceBatchQuery(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if data.SQL == titleOf {
		q.seen = append(q.seen, database.QueryName(ctx))
	}
}

func (q *queryNames) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// newJunction makes a pipeline in which one read of a campaign is under way at a
// time and the next waits for it, for as long as the test likes, if the options do
// not say otherwise, and the documents n0 to n9 in its campaign.
func newJunction(t *testing.T, o campaign.PipelineOptions, options ...campaign.ScopeOption) *junction {
	t.Helper()
	return newTracedJunction(t, nil, o, options...)
}

// newTracedJunction is newJunction with a tracer. Where there is one, pgx has a
// panic of its own in the place of one of an argument's.
func newTracedJunction(t *testing.T, tracer pgx.QueryTracer, o campaign.PipelineOptions, options ...campaign.ScopeOption) *junction {
	t.Helper()
	db := pgtest.New(t)
	j := &junction{db: db}
	j.pool = pgtest.Pool(t, db.AppURL, 4, func(c *pgxpool.Config) {
		j.wire = wiretap.Tap(c.ConnConfig)
		c.ConnConfig.Tracer = tracer
	})
	j.scope = campaign.NewScope(j.pool, options...)
	if o.Apart == 0 {
		o.Apart = 1
	}
	if o.Hold == 0 {
		o.Hold, o.MaxWait = time.Hour, time.Minute
	}
	var err error
	j.Pipeline, err = campaign.NewPipeline(j.scope, o)
	require.NoError(t, err)
	t.Cleanup(j.Close)
	j.id = newCampaign(t, j.scope, "a")
	j.ctx = campaign.NewContext(t.Context(), j.id)
	for n := range 10 {
		var row int64
		require.NoError(t, j.scope.QueryRow(j.ctx, insertContent, j.id.Int64(), slug(n)).Scan(&row))
	}
	return j
}

func slug(n int) string { return fmt.Sprintf("n%d", n) }

// hold begins a read; what comes meanwhile gathers until the function that it returns is called.
func (j *junction) hold(t *testing.T) (goOn func()) {
	t.Helper()
	rows, err := j.Query(j.ctx, `SELECT c.slug FROM ovasabi.service_content_main AS c`)
	require.NoError(t, err)
	t.Cleanup(rows.Close) // so that a test that fails ends
	return rows.Close
}

// settled waits until nothing is under way. A trip ends after its readers have their answers.
func (j *junction) settled(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return j.Lanes() == 0 }, 10*time.Second, time.Millisecond)
}

// gather begins the reads while the lane is held, in their order, lets them go
// and waits for all of them.
func (j *junction) gather(t *testing.T, reads ...func()) {
	t.Helper()
	goOn := j.hold(t)
	var all sync.WaitGroup
	for _, read := range reads {
		before := j.Waiting(j.id)
		all.Go(read)
		require.Eventually(t, func() bool { return j.Waiting(j.id) == before+1 }, 10*time.Second, time.Millisecond)
	}
	goOn()
	all.Wait()
}

const titleOf = `SELECT c.title FROM ovasabi.service_content_main AS c WHERE c.campaign_id = $1 AND c.slug = $2`

// title reads one document and checks that it is the right one.
func (j *junction) title(t *testing.T, n int) func() {
	return func() {
		var title string
		if err := j.QueryRow(j.ctx, titleOf, j.id.Int64(), slug(n)).Scan(&title); err != nil || title != slug(n) {
			t.Errorf("%s: read %q, %v", slug(n), title, err)
		}
	}
}
