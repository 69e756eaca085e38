package twin

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Every duration falls into the bucket whose range holds it, and the ranges
// leave no gap.
func TestBuckets(t *testing.T) {
	end := 0.0
	for b := range buckets {
		low, high := bucketRange(b)
		if low != end || high <= low {
			t.Fatalf("bucket %d is from %g to %g, the one before ends at %g", b, low, high, end)
		}
		if wide := (high - low) / 2 / (low + (high-low)/2); b > 8 && wide > 0.0626 {
			t.Errorf("bucket %d is %.3f wide", b, wide)
		}
		end = high
	}
	if end < float64(2*time.Minute) {
		t.Errorf("the last bucket ends at %s", time.Duration(end))
	}
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(0, int64(end)-1).Draw(t, "ns"))
		if low, high := bucketRange(bucketOf(d)); float64(d) < low || float64(d) >= high {
			t.Fatalf("%d lies in the bucket from %g to %g", d, low, high)
		}
	})
	for _, d := range []time.Duration{-1, math.MinInt64, math.MaxInt64} {
		if b := bucketOf(d); b < 0 || b >= buckets {
			t.Errorf("%d lies in bucket %d", d, b)
		}
	}
}

// The mean is exact and the p95 within 6.3% of the true one.
func TestMeanAndQuantile(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 20, 1000, 50_000} {
		h := newHistogram(time.Now())
		var all []time.Duration
		var sum time.Duration
		for i := range n {
			d := time.Duration(math.Exp(random.NormFloat64())*float64(time.Millisecond)) + 10*time.Microsecond
			h.record(i%shardCount, d)
			all = append(all, d)
			sum += d
		}
		var got tally
		got.add(h)
		if got.mean() != sum/time.Duration(n) {
			t.Errorf("%d durations: mean %s, want %s", n, got.mean(), sum/time.Duration(n))
		}
		slices.Sort(all)
		want := all[int(math.Ceil(0.95*float64(n)))-1]
		if off := math.Abs(float64(got.p95())/float64(want) - 1); off > 0.063 {
			t.Errorf("%d durations: p95 %s, want %s", n, got.p95(), want)
		}
	}
}

// Old durations go once enough newer ones stand in their place, and not before.
func TestRecentForgets(t *testing.T) {
	var r recent
	at := time.Now()
	read := func() (out tally) { r.addTo(&out); return }
	record := func(n int, d time.Duration) {
		for range n {
			r.record(0, d, at, time.Minute, 10)
		}
	}
	record(100, time.Second)
	at = at.Add(time.Hour)
	record(9, time.Millisecond) // they still share the histogram with the old ones
	if got := read(); got.n != 109 {
		t.Fatalf("%d durations, want all 109", got.n)
	}
	at = at.Add(time.Hour)
	record(10, time.Millisecond)
	at = at.Add(time.Hour)
	record(10, time.Millisecond)
	if got := read(); got.mean() != time.Millisecond || got.n < 10 || got.n > 20 {
		t.Errorf("%d durations of mean %s, want the 10 to 20 newest of 1ms", got.n, got.mean())
	}
	at = at.Add(time.Hour)
	record(3, time.Millisecond)
	if got := read(); got.n < 10 {
		t.Errorf("%d durations: too few are left", got.n)
	}
	r.forget()
	if got := read(); got.n != 0 {
		t.Errorf("%d durations were not forgotten", got.n)
	}
}

// Nothing is lost when many record at once, while others read and forget nothing.
func TestRecordsFromMany(t *testing.T) {
	f := newFigures()
	at := time.Now()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 5000 {
				f.record(outcome{duration: time.Millisecond, rows: 2, failed: i%10 == 0, drawn: i%2 == 0}, at, time.Hour, 10)
				if i%1000 == 0 {
					f.read(&Twin{}, Plain)
				}
			}
		})
	}
	all.Wait()
	got := f.read(&Twin{}, Plain)
	if got.Calls != 40_000 || got.Errors != 4000 || got.Rows != 72_000 || got.Recent != 36_000 ||
		got.Mean != time.Millisecond || math.Abs(got.Seconds-36) > 1e-6 {
		t.Errorf("%+v", got)
	}
}

// The verdict follows the drawn calls of both sides, and nothing else.
func TestVerdicts(t *testing.T) {
	const ms = time.Millisecond
	spread := func(mean time.Duration, n int) (list []time.Duration) {
		for i := range n { // from half the mean to one and a half
			list = append(list, mean/2+mean*time.Duration(i)/time.Duration(n-1))
		}
		return list
	}
	for name, c := range map[string]struct {
		plain, optimised []time.Duration
		want             Verdict
	}{
		"ten times slower":         {spread(ms, 300), spread(10*ms, 300), Slower},
		"half as slow again":       {spread(10*ms, 300), spread(15*ms, 300), Slower},
		"a tenth slower":           {spread(10*ms, 3000), spread(11*ms, 3000), Even},
		"the same":                 {spread(10*ms, 300), spread(10*ms, 300), Even},
		"four times faster":        {spread(8*ms, 300), spread(2*ms, 300), Faster},
		"slower by chance":         {spread(10*ms, 200), append(spread(10*ms, 200), 3000*ms), Even},
		"too few plain calls":      {spread(ms, 199), spread(10*ms, 5000), Unknown},
		"too few optimised calls":  {spread(ms, 5000), spread(10*ms, 199), Unknown},
		"no calls":                 {nil, nil, Unknown},
		"plain calls by rule only": {nil, spread(10*ms, 300), Unknown},
	} {
		o := Options{}
		if err := o.fill(); err != nil {
			t.Fatal(err)
		}
		r := &Runner{options: o}
		st := &state{twin: &Twin{name: "test.verdict"}, sides: [2]*figures{newFigures(), newFigures()}}
		at := time.Now()
		for side, list := range [2][]time.Duration{c.plain, c.optimised} {
			for _, d := range list {
				st.sides[side].record(outcome{duration: d, drawn: true}, at, time.Hour, 10)
			}
			for range 1000 { // calls by rule, which would turn every verdict
				st.sides[side].record(outcome{duration: time.Duration(1-side) * time.Second}, at, time.Hour, 10)
			}
		}
		if got := r.compare(st); got.Verdict != c.want || got.Text == "" {
			t.Errorf("%s: %s (%s), want %s", name, got.Verdict, got.Text, c.want)
		}
		slower, noEvidence := 0, 0
		for _, f := range r.findingsOf(st) {
			switch f.ID {
			case FindingSlower:
				slower++
			case FindingNoEvidence:
				noEvidence++
			}
		}
		if (slower == 1) != (c.want == Slower) {
			t.Errorf("%s: %d findings of a slower side", name, slower)
		}
		if (noEvidence == 1) != (c.want == Unknown && len(c.optimised) >= 200) {
			t.Errorf("%s: %d findings of missing evidence", name, noEvidence)
		}
	}
}
