package twin_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// The most specific flag wins, one level at a time.
func TestFlagPrecedence(t *testing.T) {
	app := pgtest.New(t).App(t)
	flags := newFlags(t, app, twin.FlagOptions{PollEvery: 10 * time.Millisecond})
	sees := func(id campaign.ID, tw *twin.Twin, want int) {
		t.Helper()
		within(t, time.Second, "the flag", func() bool { return flags.Percentage(id, tw.Name()) == want })
	}
	sees(7, shout, 100)
	for _, step := range []struct {
		flag                           twin.Flag
		shout7, rename7, shout8, name8 int
	}{
		{twin.Flag{Campaign: 0, Twin: "*", Percentage: 10}, 10, 10, 10, 10},
		{twin.Flag{Campaign: 0, Twin: shout.Name(), Percentage: 20}, 20, 10, 20, 10},
		{twin.Flag{Campaign: 7, Twin: "*", Percentage: 30}, 30, 30, 20, 10},
		{twin.Flag{Campaign: 7, Twin: shout.Name(), Percentage: 40}, 40, 30, 20, 10},
		{twin.Flag{Campaign: 7, Twin: shout.Name(), Percentage: 0}, 0, 30, 20, 10},
	} {
		set(t, app, step.flag)
		sees(7, shout, step.shout7)
		sees(7, rename, step.rename7)
		sees(8, shout, step.shout8)
		sees(8, rename, step.name8)
		sees(0, rename, 10)
	}
	// And back down again as they are cleared.
	for _, step := range []struct {
		id   campaign.ID
		name string
		want int
	}{
		{7, shout.Name(), 30}, {7, "*", 20}, {0, shout.Name(), 10}, {0, "*", 100},
	} {
		if err := twin.Clear(t.Context(), app, step.id, step.name); err != nil {
			t.Fatal(err)
		}
		sees(7, shout, step.want)
	}
}

// A change is seen within a second by LISTEN: polls are as good as off, so
// nothing else can have brought it.
func TestChangeIsHeard(t *testing.T) {
	app := pgtest.New(t).App(t)
	db := &counting{Querier: app}
	flags := newFlags(t, db, twin.FlagOptions{Listen: app.Config().ConnConfig, HeartbeatEvery: time.Hour})
	within(t, 5*time.Second, "listening", func() bool { return flags.Status().Listening })
	// A poll may have been under way when listening began.
	before := db.statements.Load()
	for _, want := range []int{0, 50, 100, 3} {
		set(t, app, twin.Flag{Twin: shout.Name(), Percentage: want, Reason: "test"})
		within(t, time.Second, "the change", func() bool { return flags.Percentage(5, shout.Name()) == want })
	}
	if n := db.statements.Load() - before; n > 1 {
		t.Errorf("%d statements went through the pool while changes were heard", n)
	}
}

// A change is heard though every connection of the pool is taken.
func TestChangeIsHeardWhileThePoolIsFull(t *testing.T) {
	db := pgtest.New(t)
	app, owner := db.App(t), db.Owner(t)
	flags := newFlags(t, app, twin.FlagOptions{Listen: app.Config().ConnConfig})
	within(t, 5*time.Second, "listening", func() bool { return flags.Status().Listening })
	for range app.Config().MaxConns {
		conn, err := app.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Release)
	}
	set(t, owner, twin.Flag{Twin: "*", Percentage: 9})
	within(t, time.Second, "the change", func() bool { return flags.Percentage(5, shout.Name()) == 9 })
}

// A change by hand, without a notification, is found by the heartbeat.
func TestHeartbeatFindsUntoldChange(t *testing.T) {
	app := pgtest.New(t).App(t)
	flags := newFlags(t, app, twin.FlagOptions{Listen: app.Config().ConnConfig, HeartbeatEvery: 30 * time.Millisecond})
	within(t, 5*time.Second, "listening", func() bool { return flags.Status().Listening })
	exec(t, app, `INSERT INTO ovasabi.twin_flag (twin, percentage) VALUES ('test.shout', 12)`)
	within(t, time.Second, "the change", func() bool { return flags.Percentage(5, shout.Name()) == 12 })
	exec(t, app, `DELETE FROM ovasabi.twin_flag`)
	within(t, time.Second, "the removal", func() bool { return flags.Percentage(5, shout.Name()) == 100 })
}

// When the listening backend is ended, changes are still seen within a second,
// and listening comes back.
func TestListenerFallsToPollingAndComesBack(t *testing.T) {
	db := pgtest.New(t)
	app := db.App(t)
	log := &logBook{}
	listen := app.Config().ConnConfig
	listen.RuntimeParams["application_name"] = "listener"
	flags := newFlags(t, app, twin.FlagOptions{Listen: listen, HeartbeatEvery: time.Hour, Log: log.logger()})
	within(t, 5*time.Second, "listening", func() bool { return flags.Status().Listening })
	for round := range 2 {
		exec(t, db.Owner(t), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'listener' AND datname = current_database()`)
		set(t, app, twin.Flag{Twin: shout.Name(), Percentage: 10 + round})
		within(t, time.Second, "the change", func() bool { return flags.Percentage(5, shout.Name()) == 10+round })
		within(t, 10*time.Second, "listening again", func() bool { return flags.Status().Listening })
	}
	if n := log.count("LISTEN cannot be had"); n != 2 {
		t.Errorf("the fall was logged %d times, not once a fall", n)
	}
}

// Where a LISTEN is accepted and nothing arrives, as behind a pooler in
// transaction mode, or no connection can be made at all, flags are polled for.
func TestPollsWhereListenCannotBeHad(t *testing.T) {
	t.Run("nothing arrives", func(t *testing.T) {
		// Notifications stay within a database: a listener in another one hears nothing.
		elsewhere := pgtest.New(t).App(t).Config().ConnConfig
		pollsOnly(t, elsewhere)
	})
	t.Run("no connection", func(t *testing.T) {
		nowhere, err := pgx.ParseConfig("postgres://ovasabi_app@127.0.0.1:1/nowhere?sslmode=disable")
		if err != nil {
			t.Fatal(err)
		}
		pollsOnly(t, nowhere)
	})
	t.Run("none wanted", func(t *testing.T) { pollsOnly(t, nil) })
}

func pollsOnly(t *testing.T, listen *pgx.ConnConfig) {
	app := pgtest.New(t).App(t)
	flags := newFlags(t, app, twin.FlagOptions{Listen: listen})
	deadline := time.Now().Add(2500 * time.Millisecond) // longer than the wait for the probe
	for want := 0; time.Now().Before(deadline); want = (want + 7) % 101 {
		set(t, app, twin.Flag{Twin: shout.Name(), Percentage: want})
		within(t, time.Second, "the change", func() bool { return flags.Percentage(5, shout.Name()) == want })
		if flags.Status().Listening {
			t.Fatal("says that it listens, and cannot hear")
		}
	}
}

// Without a database the last flags stay in force and their age is told.
func TestLastFlagsStayInForce(t *testing.T) {
	db := pgtest.New(t)
	app, owner := db.App(t), db.Owner(t)
	log := &logBook{}
	set(t, app, twin.Flag{Twin: shout.Name(), Percentage: 33})
	flags := newFlags(t, app, twin.FlagOptions{
		Listen: app.Config().ConnConfig, HeartbeatEvery: 20 * time.Millisecond,
		PollEvery: 20 * time.Millisecond, StaleAfter: 300 * time.Millisecond, Log: log.logger(),
	})
	runner := newRunner(t, flags, twin.Options{})
	within(t, 5*time.Second, "listening", func() bool { return flags.Status().Listening })

	// The owner stays connected and lets nobody else in.
	exec(t, owner, `REVOKE CONNECT ON DATABASE `+pgx.Identifier{db.Name}.Sanitize()+` FROM PUBLIC, ovasabi_app`)
	exec(t, owner, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ovasabi_app' AND datname = current_database()`)
	within(t, 5*time.Second, "stale", func() bool { return flags.Status().Stale })
	if s := flags.Status(); s.Listening || s.LastError == "" || s.Rows != 1 || s.Age < 300*time.Millisecond {
		t.Errorf("status without a database: %+v", s)
	}
	if p := flags.Percentage(5, shout.Name()); p != 33 {
		t.Errorf("without a database the percentage is %d, not the last one known", p)
	}
	if f := runner.Findings(); len(f) != 1 || f[0].ID != twin.FindingStaleFlags {
		t.Errorf("findings: %+v", f)
	}
	exec(t, owner, `GRANT CONNECT ON DATABASE `+pgx.Identifier{db.Name}.Sanitize()+` TO PUBLIC`)
	within(t, 10*time.Second, "fresh again", func() bool { s := flags.Status(); return !s.Stale && s.LastError == "" })
	set(t, app, twin.Flag{Twin: shout.Name(), Percentage: 44})
	within(t, time.Second, "the change", func() bool { return flags.Percentage(5, shout.Name()) == 44 })
	if n := log.count("twin flags cannot be read"); n != 1 {
		t.Errorf("logged %d times that flags cannot be read, not once", n)
	}
}

// Nothing is served on flags that were never read.
func TestNoFlagsWithoutTable(t *testing.T) {
	_, err := twin.NewFlags(t.Context(), pgtest.New(t, pgtest.Empty()).Owner(t), twin.FlagOptions{})
	if !errors.Is(err, fault.Unavailable) {
		t.Fatalf("got %v", err)
	}
}

func TestFlagOptionsAreChecked(t *testing.T) {
	app := pgtest.New(t).App(t)
	for _, o := range []twin.FlagOptions{{PollEvery: time.Second}, {PollEvery: -1}, {HeartbeatEvery: -1}} {
		if _, err := twin.NewFlags(t.Context(), app, o); !errors.Is(err, fault.Invalid) {
			t.Errorf("%+v: got %v", o, err)
		}
	}
	flags := newFlags(t, app, twin.FlagOptions{})
	for _, o := range []twin.Options{
		{Sampling: -0.1}, {Sampling: 1.1}, {Sampling: math.NaN()}, {Slower: -1}, {Enough: 1},
		{Window: -1}, {RetryFirst: time.Minute, RetryLongest: time.Second},
	} {
		if _, err := twin.NewRunner(flags, o); !errors.Is(err, fault.Invalid) {
			t.Errorf("%+v: got %v", o, err)
		}
	}
}

// Bad flags are refused with the field named, and good ones are listed with who and why.
func TestSetListClear(t *testing.T) {
	app := pgtest.New(t).App(t)
	for _, bad := range []struct {
		flag  twin.Flag
		field string
	}{
		{twin.Flag{Twin: "test.shuot", Percentage: 5}, "twin"},
		{twin.Flag{Twin: "", Percentage: 5}, "twin"},
		{twin.Flag{Twin: "*", Percentage: 101}, "percentage"},
		{twin.Flag{Twin: "*", Percentage: -1}, "percentage"},
		{twin.Flag{Twin: "*", Campaign: -4}, "campaign_id"},
		{twin.Flag{Twin: "*", Reason: string(make([]byte, 501))}, "reason"},
	} {
		err := twin.Set(t.Context(), app, bad.flag)
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Kind != fault.Invalid || f.Field != bad.field {
			t.Errorf("%+v: got %v, want an Invalid fault of %s", bad.flag, err, bad.field)
		}
	}
	set(t, app, twin.Flag{Twin: "*", Percentage: 5, Reason: "canary"})
	set(t, app, twin.Flag{Campaign: 3, Twin: shout.Name(), Percentage: 6})
	set(t, app, twin.Flag{Campaign: 3, Twin: shout.Name(), Percentage: 7, Reason: "more"})
	flags, err := twin.List(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	if len(flags) != 2 || flags[0].Reason != "canary" || flags[0].Campaign != 0 || flags[1].Campaign != 3 ||
		flags[1].Percentage != 7 || flags[1].Reason != "more" || flags[1].UpdatedBy != pgtest.AppRole || flags[1].UpdatedAt.IsZero() {
		t.Errorf("listed %+v", flags)
	}
	if err := twin.Clear(t.Context(), app, 4, "*"); !errors.Is(err, fault.NotFound) {
		t.Errorf("clearing what is not there: %v", err)
	}
}

// A change inside a transaction that is rolled back is neither in force nor told.
func TestRolledBackChangeIsNotSeen(t *testing.T) {
	app := pgtest.New(t).App(t)
	flags := newFlags(t, app, twin.FlagOptions{Listen: app.Config().ConnConfig, HeartbeatEvery: 20 * time.Millisecond})
	within(t, 5*time.Second, "listening", func() bool { return flags.Status().Listening })
	tx, err := app.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	set(t, tx, twin.Flag{Twin: "*", Percentage: 1})
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	set(t, app, twin.Flag{Campaign: 9, Twin: "*", Percentage: 2})
	within(t, time.Second, "the later change", func() bool { return flags.Percentage(9, shout.Name()) == 2 })
	if p := flags.Percentage(8, shout.Name()); p != 100 {
		t.Errorf("a rolled back flag is in force: %d", p)
	}
}

// A lookup asks the database nothing, and neither allocates nor locks.
func TestLookupRunsNoQuery(t *testing.T) {
	app := pgtest.New(t).App(t)
	set(t, app, twin.Flag{Campaign: 7, Twin: "*", Percentage: 50})
	db := &counting{Querier: app}
	flags := newFlags(t, db, twin.FlagOptions{Listen: app.Config().ConnConfig, HeartbeatEvery: time.Hour})
	within(t, 5*time.Second, "listening", func() bool { return flags.Status().Listening })
	within(t, 3*time.Second, "no poll under way", func() bool {
		n := db.statements.Load()
		time.Sleep(600 * time.Millisecond)
		return n == db.statements.Load()
	})
	before := db.statements.Load()
	ctx := inCampaign(t, 7)
	if n := testing.AllocsPerRun(1000, func() { flags.Choose(ctx, shout) }); n != 0 {
		t.Errorf("a lookup allocates %v times", n)
	}
	if n := db.statements.Load() - before; n != 0 {
		t.Errorf("1,000 lookups ran %d statements", n)
	}
}

// A percentage is the share of calls, and a key stays on its side.
func TestPercentageIsDrawnOrSticky(t *testing.T) {
	app := pgtest.New(t).App(t)
	flags := newFlags(t, app, twin.FlagOptions{PollEvery: 10 * time.Millisecond})
	turn := func(p int) {
		set(t, app, twin.Flag{Twin: shout.Name(), Percentage: p})
		within(t, time.Second, "the flag", func() bool { return flags.Percentage(1, shout.Name()) == p })
	}
	share := func(ctx func(i int) context.Context) float64 {
		optimised := 0
		for i := range 20_000 {
			if flags.Choose(ctx(i), shout) == twin.Optimised {
				optimised++
			}
		}
		return float64(optimised) / 20_000
	}
	base := inCampaign(t, 1)
	keyed := func(i int) context.Context {
		return twin.WithKey(base, "user-"+string(rune('a'+i%26))+time.Duration(i).String())
	}
	onAt30 := map[int]bool{}
	for _, p := range []int{0, 1, 30, 60, 99, 100} {
		turn(p)
		// Six standard deviations of 20,000 draws: fails by chance once in a billion runs.
		slack := 6 * math.Sqrt(float64(p)/100*(1-float64(p)/100)/20_000)
		if got := share(func(int) context.Context { return base }); math.Abs(got-float64(p)/100) > slack {
			t.Errorf("%d%% was drawn for %.4f of the calls", p, got)
		}
		if got := share(keyed); math.Abs(got-float64(p)/100) > 2*slack {
			t.Errorf("%d%% fell on %.4f of the keys", p, got)
		}
		for i := range 1000 {
			on := flags.Choose(keyed(i), shout) == twin.Optimised
			if p == 30 {
				onAt30[i] = on
			}
			if p > 30 && onAt30[i] && !on {
				t.Fatalf("key %d was optimised at 30%% and is not at %d%%", i, p)
			}
			if again := flags.Choose(keyed(i), shout) == twin.Optimised; again != on {
				t.Fatalf("key %d changed sides", i)
			}
		}
	}
}
