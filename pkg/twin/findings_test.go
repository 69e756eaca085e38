package twin_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// sleepy is a twin whose optimised side is the slower one by far.
var sleepy = twin.Declare("test.sleepy", twin.Pair{
	Plain:     `SELECT 1`,
	Optimised: `SELECT 1 FROM pg_sleep(0.004)`,
})

func (b *bench) nap(t *testing.T, times int) {
	t.Helper()
	for range times {
		var one int
		check(t, b.runner.QueryRow(t.Context(), b.app, sleepy).Scan(&one))
	}
}

func (b *bench) finding(id string) *twin.Finding {
	for _, f := range b.runner.Findings() {
		if f.ID == id {
			return &f
		}
	}
	return nil
}

// The optimised side is found slower once there is evidence, and reverted for
// every campaign where that is asked for; turned on again, it is judged anew.
func TestSlowerSideIsFoundAndReverted(t *testing.T) {
	b := newBench(t, twin.Options{Sampling: 0.5, Enough: 20})
	for _, fl := range []twin.Flag{
		{Campaign: 3, Twin: "*", Percentage: 100},
		{Campaign: 4, Twin: sleepy.Name(), Percentage: 60},
		{Campaign: 5, Twin: shout.Name(), Percentage: 70},
		{Campaign: 6, Twin: "*", Percentage: 0},
	} {
		set(t, b.app, fl)
	}
	within(t, time.Second, "the flags", func() bool { return b.flags.Status().Rows == 4 })
	if reverted, err := b.runner.RevertSlower(t.Context(), b.app); err != nil || len(reverted) != 0 {
		t.Fatalf("reverted %+v without a call: %v", reverted, err)
	}
	for calls := 0; b.finding(twin.FindingSlower) == nil; calls += 10 {
		if calls > 400 {
			t.Fatalf("not found in %d calls: %+v", calls, b.runner.Compare())
		}
		b.nap(t, 10)
	}
	f := b.finding(twin.FindingSlower)
	if f.Object != sleepy.Name() || f.Severity != "warning" || !strings.Contains(f.Evidence, "times the plain side's mean") || f.Remedy == "" {
		t.Errorf("finding %+v", f)
	}

	ctx, stop := context.WithCancel(t.Context())
	var watch sync.WaitGroup
	watch.Go(func() { b.runner.Watch(ctx, b.app, 10*time.Millisecond) })
	for _, id := range []campaign.ID{0, 3, 4, 5, 6} {
		within(t, 3*time.Second, "the revert", func() bool { return b.flags.Percentage(id, sleepy.Name()) == 0 })
	}
	stop()
	watch.Wait()
	if p := b.flags.Percentage(3, shout.Name()); p != 100 {
		t.Errorf("another twin was reverted too: %d", p)
	}
	if p := b.flags.Percentage(5, shout.Name()); p != 70 {
		t.Errorf("another twin was reverted too: %d", p)
	}
	flags, err := twin.List(t.Context(), b.app)
	check(t, err)
	if flags[0].Twin != sleepy.Name() || !strings.Contains(flags[0].Reason, "slower") {
		t.Errorf("no reason: %+v", flags[0])
	}
	if n := b.log.count("a twin was reverted"); n != 1 {
		t.Errorf("the revert was logged %d times, not once", n)
	}

	b.turn(t, sleepy, 100)
	if reverted, err := b.runner.RevertSlower(t.Context(), b.app); err != nil || len(reverted) != 0 {
		t.Errorf("turned on again, it was reverted on old evidence: %+v %v", reverted, err)
	}
}

// What was measured under other flags says nothing under these: it is forgotten
// when the twin's flag changes, whoever changed it, and kept when another's does.
func TestEvidenceGoesWithTheFlag(t *testing.T) {
	b := newBench(t, twin.Options{Enough: 5})
	b.turn(t, sleepy, 50)
	b.nap(t, 40)
	drawn := func() uint64 { c := b.runner.Compare()[0]; return c.Plain.Calls + c.Optimised.Calls }
	b.turn(t, shout, 50)
	if n := drawn(); n != 40 {
		t.Errorf("%d calls are left after another twin's flag changed", n)
	}
	b.turn(t, sleepy, 60)
	within(t, time.Second, "the evidence is forgotten", func() bool { return drawn() == 0 })
	if f := figures(t, b.runner, sleepy, twin.Plain); f.Calls == 0 {
		t.Error("the counters were forgotten too")
	}
}

// Without sampling there is nothing to compare, and that is said.
func TestMissingEvidenceIsSaid(t *testing.T) {
	b := newBench(t, twin.Options{Enough: 5})
	b.nap(t, 10)
	b.turn(t, sleepy, 0)
	b.nap(t, 10)
	c := b.runner.Compare()
	if len(c) != 1 || c[0].Verdict != twin.Unknown || !strings.Contains(c[0].Text, "not enough evidence") {
		t.Errorf("compared calls of which none was drawn: %+v", c)
	}
	if f := b.runner.Findings(); len(f) != 0 {
		t.Errorf("findings: %+v", f)
	}
}

// Sampling sends its share of the calls to the plain side where the flag says 100, and only there.
func TestSampling(t *testing.T) {
	b := newBench(t, twin.Options{Sampling: 1})
	b.nap(t, 5)
	b.expect(t, sleepy, 5, 0, 0, 0)
	b.turn(t, sleepy, 50)
	b.nap(t, 100) // a percentage below 100 is drawn as it says, not sampled
	if f := figures(t, b.runner, sleepy, twin.Optimised); f.Calls < 10 || f.Calls > 90 {
		t.Errorf("%d of 100 calls were optimised at 50%%", f.Calls)
	}
	none := newBench(t, twin.Options{Sampling: 0})
	none.nap(t, 5)
	none.expect(t, sleepy, 0, 5, 0, 0)
}

// The exporter gives every figure, with the twin and the side as its only labels.
func TestCollector(t *testing.T) {
	b := newBench(t, twin.Options{RetryFirst: time.Hour, RetryLongest: time.Hour})
	check(t, words(t.Context(), b.runner, b.app, 3))
	exec(t, b.owner, dropLoud)
	check(t, words(t.Context(), b.runner, b.app, 4))
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(twin.NewCollector(b.runner))
	want := `
# HELP ovasabi_twin_calls_total Calls that this side of the twin answered, failed ones included.
# TYPE ovasabi_twin_calls_total counter
ovasabi_twin_calls_total{side="optimised",twin="test.shout"} 1
ovasabi_twin_calls_total{side="plain",twin="test.shout"} 1
# HELP ovasabi_twin_errors_total Calls that this side of the twin answered with an error.
# TYPE ovasabi_twin_errors_total counter
ovasabi_twin_errors_total{side="optimised",twin="test.shout"} 0
ovasabi_twin_errors_total{side="plain",twin="test.shout"} 0
# HELP ovasabi_twin_fallbacks_total Calls that the plain side answered because the optimised one cannot run on the schema.
# TYPE ovasabi_twin_fallbacks_total counter
ovasabi_twin_fallbacks_total{twin="test.shout"} 1
# HELP ovasabi_twin_fallen 1 while the optimised side cannot run on the schema.
# TYPE ovasabi_twin_fallen gauge
ovasabi_twin_fallen{twin="test.shout"} 1
# HELP ovasabi_twin_flags_listening 1 while changes of flags arrive by LISTEN, 0 while they are polled for.
# TYPE ovasabi_twin_flags_listening gauge
ovasabi_twin_flags_listening 0
# HELP ovasabi_twin_rows_total Rows that this side of the twin returned or touched.
# TYPE ovasabi_twin_rows_total counter
ovasabi_twin_rows_total{side="optimised",twin="test.shout"} 3
ovasabi_twin_rows_total{side="plain",twin="test.shout"} 4
`
	names := []string{
		"ovasabi_twin_calls_total", "ovasabi_twin_errors_total", "ovasabi_twin_fallbacks_total",
		"ovasabi_twin_fallen", "ovasabi_twin_flags_listening", "ovasabi_twin_rows_total",
	}
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
	families, err := registry.Gather()
	check(t, err)
	seen := map[string]uint64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if s := m.GetSummary(); s != nil {
				seen[fmt.Sprint(f.GetName(), m.GetLabel())] = s.GetSampleCount()
				if s.GetSampleSum() <= 0 || s.GetQuantile()[0].GetValue() <= 0 {
					t.Errorf("%s: %v", f.GetName(), s)
				}
			}
		}
	}
	if len(seen) != 2 {
		t.Errorf("durations: %v", seen)
	}
}
