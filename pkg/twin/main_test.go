package twin_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The twins of these tests read ovasabi.word, whose column "loud" stands for what
// a later phase adds.
var (
	shout = twin.Declare("test.shout", twin.Pair{
		Plain: `
SELECT id, upper(word) AS loud
FROM ovasabi.word
WHERE id <= $1::bigint
ORDER BY id`,
		Optimised: `
SELECT id, loud
FROM ovasabi.word
WHERE id <= $1::bigint
ORDER BY id`,
	})
	shoutOne = twin.Declare("test.shout_one", twin.Pair{
		Plain: `
SELECT upper(word) AS loud
FROM ovasabi.word
WHERE id = $1::bigint`,
		Optimised: `
SELECT loud
FROM ovasabi.word
WHERE id = $1::bigint`,
	})
	shoutAny = twin.Declare("test.shout_any", twin.Pair{
		Plain: `
SELECT upper(word) AS loud
FROM ovasabi.word
WHERE id = ANY ($1::bigint[])`,
		Optimised: `
SELECT loud
FROM ovasabi.word
WHERE id = ANY ($1::bigint[])`,
		PlanMode: database.GenericPlan,
	})
	rename = twin.Declare("test.rename", twin.Pair{
		Plain: `
UPDATE ovasabi.word
SET word = $2::text
WHERE id = $1::bigint`,
		Optimised: `
UPDATE ovasabi.word
SET word = $2::text
WHERE id = $1::bigint
  AND loud IS DISTINCT FROM $2::text`,
	})
)

const loudTable = `
CREATE TABLE ovasabi.word (
    id   bigint PRIMARY KEY,
    word text NOT NULL,
    loud text GENERATED ALWAYS AS (upper(word)) STORED
);
INSERT INTO ovasabi.word (id, word)
SELECT n, 'word' || n
FROM generate_series(1, 1000) AS n;
GRANT SELECT, INSERT, UPDATE ON ovasabi.word TO ovasabi_app;`

const (
	dropLoud = `ALTER TABLE ovasabi.word DROP COLUMN loud`
	addLoud  = `ALTER TABLE ovasabi.word ADD COLUMN loud text GENERATED ALWAYS AS (upper(word)) STORED`
)

// bench is one database with flags and a runner on it.
type bench struct {
	db     *pgtest.DB
	owner  *pgxpool.Pool
	app    *pgxpool.Pool
	flags  *twin.Flags
	runner *twin.Runner
	log    *logBook
}

func newBench(t testing.TB, o twin.Options) *bench {
	t.Helper()
	db := pgtest.New(t)
	b := &bench{db: db, owner: db.Owner(t), app: db.App(t), log: &logBook{}}
	exec(t, b.owner, loudTable)
	b.flags = newFlags(t, b.app, twin.FlagOptions{Log: b.log.logger()})
	o.Log = b.log.logger()
	b.runner = newRunner(t, b.flags, o)
	return b
}

func newFlags(t testing.TB, db database.Querier, o twin.FlagOptions) *twin.Flags {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	flags, err := twin.NewFlags(t.Context(), db, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(flags.Close)
	return flags
}

func newRunner(t testing.TB, flags *twin.Flags, o twin.Options) *twin.Runner {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	runner, err := twin.NewRunner(flags, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(runner.Close)
	return runner
}

func exec(t testing.TB, db database.Querier, sql string, args ...any) {
	t.Helper()
	if pool, ok := db.(*pgxpool.Pool); ok && len(args) == 0 {
		// Several statements in one text need the simple protocol.
		if _, err := pool.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatal(err)
		}
		return
	}
	if _, err := db.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func set(t testing.TB, db database.Querier, fl twin.Flag) {
	t.Helper()
	if err := twin.Set(t.Context(), db, fl); err != nil {
		t.Fatal(err)
	}
}

// within waits until the condition holds and fails the test when it does not by the deadline.
func within(t testing.TB, d time.Duration, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(d); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", d, what)
		}
	}
}

// inCampaign returns a context of campaign n.
func inCampaign(t testing.TB, n int64) context.Context {
	t.Helper()
	id, err := campaign.NewID(n)
	if err != nil {
		t.Fatal(err)
	}
	return campaign.NewContext(t.Context(), id)
}

// figures returns what the runner knows of one side.
func figures(t testing.TB, r *twin.Runner, tw *twin.Twin, s twin.Side) twin.Figures {
	t.Helper()
	f, called := figuresOf(r, tw, s)
	if !called {
		t.Fatalf("%s has not been called", tw.Name())
	}
	return f
}

func figuresOf(r *twin.Runner, tw *twin.Twin, s twin.Side) (f twin.Figures, called bool) {
	for _, f := range r.Figures() {
		if f.Twin == tw.Name() && f.Side == s.String() {
			return f, true
		}
	}
	return f, false
}

// counting counts the statements that go through a Querier.
type counting struct {
	database.Querier
	statements atomic.Int64
}

func (c *counting) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	c.statements.Add(1)
	return c.Querier.Query(ctx, sql, args...)
}

func (c *counting) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	c.statements.Add(1)
	return c.Querier.QueryRow(ctx, sql, args...)
}

func (c *counting) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	c.statements.Add(1)
	return c.Querier.Exec(ctx, sql, args...)
}

// logBook keeps log lines for the tests to count.
type logBook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBook) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *logBook) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Count(l.buf.Bytes(), []byte(text))
}
