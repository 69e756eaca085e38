package twin_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/pgtest/plantest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// quick retries a fallen side soon, so that recovery needs no long wait.
var quick = twin.Options{RetryFirst: 20 * time.Millisecond, RetryLongest: 80 * time.Millisecond}

// words runs the shout twin and returns how many rows it had, after checking all of them.
func words(ctx context.Context, r *twin.Runner, db database.Querier, n int) error {
	rows, err := r.Query(ctx, db, shout, n)
	if err != nil {
		return err
	}
	got, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var id int
		var word string
		err := row.Scan(&id, &word)
		return fmt.Sprint(id, word), err
	})
	if err != nil {
		return err
	}
	if len(got) != n {
		return fmt.Errorf("got %d rows, want %d", len(got), n)
	}
	for i, g := range got {
		if want := fmt.Sprintf("%dWORD%d", i+1, i+1); g != want {
			return fmt.Errorf("row %d is %q, want %q", i, g, want)
		}
	}
	return nil
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// expect checks the counters of both sides.
func (b *bench) expect(t *testing.T, tw *twin.Twin, plain, optimised, fallbacks, failed uint64) {
	t.Helper()
	p, o := figures(t, b.runner, tw, twin.Plain), figures(t, b.runner, tw, twin.Optimised)
	if p.Calls != plain || o.Calls != optimised || o.Fallbacks != fallbacks || p.Errors+o.Errors != failed {
		t.Errorf("%s: %d plain and %d optimised calls, %d fallbacks, %d errors; want %d, %d, %d, %d", tw.Name(),
			p.Calls, o.Calls, o.Fallbacks, p.Errors+o.Errors, plain, optimised, fallbacks, failed)
	}
}

// turn sets a flag and waits until it is in force.
func (b *bench) turn(t *testing.T, tw *twin.Twin, percentage int) {
	t.Helper()
	set(t, b.app, twin.Flag{Twin: tw.Name(), Percentage: percentage})
	within(t, time.Second, "the flag", func() bool { return b.flags.Percentage(0, tw.Name()) == percentage })
}

// Both sides answer alike, each when its flag says so.
func TestFlagPicksTheSide(t *testing.T) {
	b := newBench(t, twin.Options{})
	check(t, words(t.Context(), b.runner, b.app, 5))
	b.turn(t, shout, 0)
	check(t, words(t.Context(), b.runner, b.app, 7))
	b.expect(t, shout, 1, 1, 0, 0)
	if p, o := figures(t, b.runner, shout, twin.Plain), figures(t, b.runner, shout, twin.Optimised); p.Rows != 7 || o.Rows != 5 {
		t.Errorf("counted %d plain and %d optimised rows, want 7 and 5", p.Rows, o.Rows)
	}
}

// ways are the kinds of Querier that a repository hands on.
func (b *bench) ways(t *testing.T) map[string]database.Querier {
	return map[string]database.Querier{
		"pool":  b.app,
		"scope": campaign.NewScope(b.app),
	}
}

// The optimised side of a pair that says so runs by its generic plan, the plain
// side as the server likes, and where there is no scope both do.
func TestTheOptimisedSideIsPlannedAsItsTwinSays(t *testing.T) {
	b := newBench(t, twin.Options{})
	app := pgtest.Pool(t, b.db.AppURL, 1, nil)
	id, err := campaign.NewID(1)
	check(t, err)
	ctx := campaign.NewContext(t.Context(), id)
	read := func(db database.Querier) {
		t.Helper()
		rows, err := b.runner.Query(ctx, db, shoutAny, []int64{1, 2})
		check(t, err)
		_, err = pgx.CollectRows(rows, pgx.RowTo[string])
		check(t, err)
	}
	plans := func(of *twin.Twin, side twin.Side) plantest.Counts { return plantest.Count(t, app, of.SQL(side)) }
	scope := campaign.NewScope(app)
	read(scope)
	read(scope)
	if got := plans(shoutAny, twin.Optimised); got != (plantest.Counts{Custom: 0, Generic: 2}) {
		t.Errorf("the optimised side had %v custom and generic plans, want 0 and 2", got)
	}
	read(app)
	if got := plans(shoutAny, twin.Optimised); got != (plantest.Counts{Custom: 1, Generic: 2}) {
		t.Errorf("on the pool the optimised side had %v custom and generic plans, want 1 and 2", got)
	}
	b.turn(t, shoutAny, 0)
	read(scope)
	if got := plans(shoutAny, twin.Plain); got != (plantest.Counts{Custom: 1, Generic: 0}) {
		t.Errorf("the plain side had %v custom and generic plans, want 1 and 0", got)
	}
	// A twin that says nothing leaves the scope as its caller has it.
	for range 7 {
		check(t, words(ctx, b.runner, scope.WithPlanMode(database.CustomPlan), 5))
	}
	if got := plans(shout, twin.Optimised); got != (plantest.Counts{Custom: 7, Generic: 0}) {
		t.Errorf("a scope that plans for the values had %v custom and generic plans, want 7 and 0", got)
	}
}

// What the schema lacks is answered by the plain side, without an error to the
// caller, whether pgx meets it while preparing or with a statement prepared before.
func TestFallsBackOnMissingSchema(t *testing.T) {
	for _, missing := range []struct{ what, code, drop, restore string }{
		{"column", "42703", dropLoud, addLoud},
		{"table", "42P01", `ALTER TABLE ovasabi.louder RENAME TO gone`, `ALTER TABLE ovasabi.gone RENAME TO louder`},
		{"function", "42883", `DROP FUNCTION ovasabi.loudly(text)`, loudly},
	} {
		for _, prepared := range []bool{false, true} {
			for _, way := range []string{"pool", "scope"} {
				t.Run(fmt.Sprintf("%s prepared=%v %s", missing.what, prepared, way), func(t *testing.T) {
					b := newBench(t, quick)
					exec(t, b.owner, louder+loudly)
					tw := map[string]*twin.Twin{"column": shoutOne, "table": louderTwin, "function": loudlyTwin}[missing.what]
					db, ctx := b.ways(t)[way], inCampaign(t, 1)
					ask := func() error {
						var word string
						if err := b.runner.QueryRow(ctx, db, tw, 3).Scan(&word); err != nil {
							return err
						}
						if word != "WORD3" {
							return fmt.Errorf("got %q", word)
						}
						return nil
					}
					calls := uint64(0)
					if prepared {
						check(t, ask())
						calls++
					}
					exec(t, b.owner, missing.drop)
					for range 5 {
						check(t, ask())
					}
					p, o := figures(t, b.runner, tw, twin.Plain), figures(t, b.runner, tw, twin.Optimised)
					if p.Calls != 5 || o.Calls != calls || o.Fallbacks != 5 || p.Errors+o.Errors != 0 {
						t.Errorf("plain %+v, optimised %+v: want 5 plain answers, each of them a fallback", p, o)
					}
					if n := b.log.count("cannot run on this schema"); n != 1 {
						t.Errorf("the fall was logged %d times, not once", n)
					}
					f := b.runner.Findings()
					if len(f) != 1 || f[0].ID != twin.FindingFallen || f[0].Object != tw.Name() {
						t.Errorf("findings: %+v", f)
					}

					exec(t, b.owner, missing.restore)
					within(t, 2*time.Second, "the optimised side runs again", func() bool {
						check(t, ask())
						return figures(t, b.runner, tw, twin.Optimised).Calls > calls
					})
					if n := b.log.count("runs again"); n != 1 {
						t.Errorf("the recovery was logged %d times, not once", n)
					}
					if f := b.runner.Findings(); len(f) != 0 {
						t.Errorf("findings after the recovery: %+v", f)
					}
				})
			}
		}
	}
}

const (
	louder = `
CREATE TABLE ovasabi.louder (id bigint PRIMARY KEY, loud text NOT NULL);
INSERT INTO ovasabi.louder SELECT id, loud FROM ovasabi.word;
GRANT SELECT ON ovasabi.louder TO ovasabi_app;`
	loudly = `
CREATE FUNCTION ovasabi.loudly(text) RETURNS text LANGUAGE sql IMMUTABLE
RETURN upper($1);`
)

var (
	louderTwin = twin.Declare("test.louder", twin.Pair{
		Plain: `
SELECT upper(word)
FROM ovasabi.word
WHERE id = $1::bigint`,
		Optimised: `
SELECT loud
FROM ovasabi.louder
WHERE id = $1::bigint`,
	})
	loudlyTwin = twin.Declare("test.loudly", twin.Pair{
		Plain: `
SELECT upper(word)
FROM ovasabi.word
WHERE id = $1::bigint`,
		Optimised: `
SELECT ovasabi.loudly(word)
FROM ovasabi.word
WHERE id = $1::bigint`,
	})
)

// Every execution mode of pgx reports a missing column at another moment; all of
// them fall back, in a transaction and outside.
func TestFallsBackInEveryMode(t *testing.T) {
	b := newBench(t, twin.Options{RetryFirst: time.Nanosecond, RetryLongest: time.Nanosecond})
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
		pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
	} {
		t.Run(mode.String(), func(t *testing.T) {
			config := b.app.Config()
			config.ConnConfig.DefaultQueryExecMode = mode
			pool, err := pgxpool.NewWithConfig(t.Context(), config)
			check(t, err)
			defer pool.Close()
			scope, in := campaign.NewScope(pool), inCampaign(t, 1)
			before, _ := figuresOf(b.runner, shout, twin.Optimised)
			all := func() {
				check(t, words(in, b.runner, pool, 3))
				check(t, words(in, b.runner, scope, 3))
				check(t, scope.InTx(in, database.TxOptions{MaxAttempts: 1}, func(ctx context.Context, tx pgx.Tx) error {
					return errors.Join(words(ctx, b.runner, tx, 3), words(ctx, b.runner, tx, 4))
				}))
			}
			all()
			exec(t, b.owner, dropLoud)
			all()
			exec(t, b.owner, addLoud)
			all()
			after := figures(t, b.runner, shout, twin.Optimised)
			if n := after.Fallbacks - before.Fallbacks; n != 4 {
				t.Errorf("%d fallbacks, want 4", n)
			}
			if n := after.Calls - before.Calls; n != 8 || after.Errors != 0 {
				t.Errorf("%d optimised calls with %d errors, want 8 and none", n, after.Errors)
			}
		})
	}
}

// Errors that are not the schema's are the caller's, from the side that was picked.
func TestOtherErrorsAreNotHidden(t *testing.T) {
	b := newBench(t, twin.Options{})
	for name, side := range map[string]int{"optimised": 100, "plain": 0} {
		t.Run(name, func(t *testing.T) {
			b.turn(t, broken, side)
			_, err := b.runner.Query(t.Context(), b.app, broken, 0)
			if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != "22012" {
				t.Errorf("got %v", err)
			}
			rows, _ := b.runner.Query(t.Context(), b.app, broken, 0) // pgx allows to look at the rows only
			if rows.Next() || rows.Err() == nil {
				t.Error("the rows of a failed query hide its error")
			}
		})
	}
	b.expect(t, broken, 2, 2, 0, 4)

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := words(cancelled, b.runner, b.app, 1); !errors.Is(err, context.Canceled) || !errors.Is(err, fault.Canceled) {
		t.Errorf("got %v", err)
	}
	var word string
	err := b.runner.QueryRow(t.Context(), b.app, shoutOne, 5000).Scan(&word)
	if !errors.Is(err, pgx.ErrNoRows) || !errors.Is(err, fault.NotFound) {
		t.Errorf("no row: got %v", err)
	}
}

var broken = twin.Declare("test.broken", twin.Pair{
	Plain:     `SELECT 1 / $1::bigint`,
	Optimised: `SELECT 2 / (2 * $1::bigint)`,
})

// An error after the first row cannot be answered otherwise any more: it is the
// caller's, and the calls after it go to the plain side.
func TestLateSchemaError(t *testing.T) {
	b := newBench(t, twin.Options{RetryFirst: time.Hour, RetryLongest: time.Hour})
	exec(t, b.owner, `
CREATE FUNCTION ovasabi.late(n bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    IF n = 3 THEN
        RETURN (SELECT count(*) FROM ovasabi.gone);
    END IF;
    RETURN n;
END
$$`)
	read := func() ([]int64, error) {
		rows, err := b.runner.Query(t.Context(), b.app, late)
		check(t, err)
		return pgx.CollectRows(rows, pgx.RowTo[int64])
	}
	if _, err := read(); err == nil {
		t.Fatal("the error of the third row is hidden")
	}
	got, err := read()
	check(t, err)
	if len(got) != 1000 {
		t.Errorf("%d rows", len(got))
	}
	b.expect(t, late, 1, 1, 1, 1)
}

var late = twin.Declare("test.late", twin.Pair{
	Plain:     `SELECT n FROM generate_series(1, 1000) AS n`,
	Optimised: `SELECT ovasabi.late(n) FROM generate_series(1, 1000) AS n`,
})

// Rows are not gathered before they are handed out: the first of a hundred
// million arrives, and the rest is never read.
func TestRowsStream(t *testing.T) {
	b := newBench(t, twin.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	rows, err := b.runner.Query(ctx, b.app, endless)
	check(t, err)
	for want := int64(1); want <= 10; want++ {
		var n int64
		if !rows.Next() {
			t.Fatal(rows.Err())
		}
		check(t, rows.Scan(&n))
		if n != want {
			t.Fatalf("row %d is %d", want, n)
		}
	}
	cancel() // instead of reading to the end
	rows.Close()
}

var endless = twin.Declare("test.endless", twin.Pair{
	// In FROM, the server itself would gather all of them first.
	Plain:     `SELECT generate_series(1, 100000000)`,
	Optimised: `SELECT generate_series(1, 100000000) AS n`,
})

// A nil runner is the plain way.
func TestNilRunnerIsPlain(t *testing.T) {
	b := newBench(t, twin.Options{})
	exec(t, b.owner, dropLoud)
	var r *twin.Runner
	check(t, words(t.Context(), r, b.app, 3))
	var word string
	check(t, r.QueryRow(t.Context(), b.app, shoutOne, 1).Scan(&word))
	_, err := r.Exec(t.Context(), b.app, rename, 1, "x")
	check(t, err)
	if r.Figures() == nil || len(r.Findings()) != 0 {
		t.Error("a nil runner has figures")
	}
}

// Columns are dropped and brought back under traffic of every kind: nobody sees an error.
func TestMigrationsUnderTraffic(t *testing.T) {
	b := newBench(t, quick)
	ctx, stop := context.WithCancel(t.Context())
	scope := campaign.NewScope(b.app)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			in := inCampaign(t, int64(i+1))
			for ctx.Err() == nil {
				var err error
				switch i % 4 {
				case 0:
					err = words(in, b.runner, b.app, 20)
				case 1:
					err = words(in, b.runner, scope, 20)
				case 2:
					var word string
					err = b.runner.QueryRow(in, b.app, shoutOne, 9).Scan(&word)
				default:
					err = scope.InTx(in, database.TxOptions{MaxAttempts: 1}, func(ctx context.Context, tx pgx.Tx) error {
						return words(ctx, b.runner, tx, 20)
					})
				}
				if err != nil {
					t.Errorf("caller %d: %v", i, err)
					return
				}
			}
		})
	}
	for range 5 {
		exec(t, b.owner, dropLoud)
		time.Sleep(60 * time.Millisecond)
		exec(t, b.owner, addLoud)
		time.Sleep(160 * time.Millisecond)
	}
	stop()
	all.Wait()
	f := figures(t, b.runner, shout, twin.Optimised)
	if f.Fallbacks == 0 || f.Calls == 0 {
		t.Errorf("the traffic met no migration: %+v", f)
	}
}
