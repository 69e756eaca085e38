package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestTheIntervalHoldsTheRatio(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(2, 30).Draw(rt, "rounds")
		costs := rapid.SliceOfN(rapid.Float64Range(0.01, 100), n, n)
		before, after := costs.Draw(rt, "before"), costs.Draw(rt, "after")
		ratio, low, high := ratioOf(before, after, 1)
		if low > high || ratio <= 0 {
			rt.Fatalf("%g in %g to %g", ratio, low, high)
		}
		again, low2, high2 := ratioOf(before, after, 1)
		if again != ratio || low2 != low || high2 != high {
			rt.Fatal("the same rounds gave another interval")
		}
	})
}

// TestTheIntervalHoldsWhatItPromises draws rounds whose true ratio is 2, with the
// noise of a busy machine, and counts how often the interval holds it.
func TestTheIntervalHoldsWhatItPromises(t *testing.T) {
	draw := rand.New(rand.NewPCG(8, 8))
	for _, rounds := range []int{6, 10, 20} {
		const trials = 400
		held := 0
		for trial := range trials {
			before, after := make([]float64, rounds), make([]float64, rounds)
			for i := range rounds {
				shared := math.Exp(0.2 * draw.NormFloat64()) // what disturbs a round disturbs both
				before[i] = 2 * shared * math.Exp(0.15*draw.NormFloat64())
				after[i] = shared * math.Exp(0.15*draw.NormFloat64())
			}
			if _, low, high := ratioOf(before, after, uint64(trial)); low <= 2 && 2 <= high {
				held++
			}
		}
		if share := float64(held) / trials; share < 0.92 {
			t.Errorf("%d rounds: the interval holds the ratio in %.1f%% of the trials, not in 95%%", rounds, 100*share)
		}
	}
}

func TestStudentsT(t *testing.T) {
	for freedom, want := range map[float64]float64{3: 3.182, 5: 2.571, 9: 2.262, 19: 2.093, 99: 1.984} {
		if got := studentT(freedom); math.Abs(got-want) > 0.04 {
			t.Errorf("t with %g degrees of freedom is %g, want %g", freedom, got, want)
		}
	}
}

func TestARatioWithoutNoiseHasNoWidth(t *testing.T) {
	ratio, low, high := ratioOf([]float64{4, 8, 2}, []float64{2, 4, 1}, 7)
	if ratio != 2 || low != 2 || high != 2 {
		t.Errorf("%g, %g to %g: rounds that are disturbed alike must not widen the interval", ratio, low, high)
	}
}

func TestQuantilesAreMeasuredTimes(t *testing.T) {
	list := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	for q, want := range map[float64]float64{0: 1, 0.5: 5, 0.95: 10, 0.99: 10, 1: 10} {
		if got := quantile(list, q); got != want {
			t.Errorf("quantile %g is %g, want %g", q, got, want)
		}
	}
}

func TestTheSameSeedMakesTheSameRows(t *testing.T) {
	p := population{campaigns: 5, skew: 1.1, content: 50, users: 50, products: 50, events: 50, bodyWords: 5}
	rows := func(seed uint64) (all []string) {
		for _, table := range p.tables() {
			g := newGenerator(p, seed, table.table)
			for i := range table.n {
				text, err := json.Marshal(table.row(g, i, table.n))
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, string(text))
			}
		}
		return all
	}
	if !slices.Equal(rows(1), rows(1)) || slices.Equal(rows(1), rows(2)) {
		t.Error("a seed must make the same rows each time, and another seed others")
	}
}

func TestEachCampaignGetsItsSize(t *testing.T) {
	sizes := []int{10, 100, 1000}
	got := make([]int, 3)
	for i := range 1110 {
		got[ownerOf(sizes, i, 1110)-1]++
	}
	if !slices.Equal(got, sizes) {
		t.Errorf("%v, want %v", got, sizes)
	}
}

func TestARegressionIsFoundByRatiosAndByCounts(t *testing.T) {
	report := func(ratio, trips float64) *Report {
		f := Figures{Before: "before", After: "after", Ratio: ratio, RatioLow: ratio * 0.95, RatioHigh: ratio * 1.05, Variants: map[string]Variant{"after": {RoundTrips: &trips}}}
		return &Report{Scenarios: []Scenario{{Name: "query_response", Figures: f}}}
	}
	for _, c := range []struct {
		ratio, trips float64
		want         string
	}{{3, 1, "same"}, {2.9, 1, "same"}, {2, 1, "worse"}, {4, 1, "better"}, {4, 4, "worse"}} {
		found, err := Compare(report(3, 1), report(c.ratio, c.trips), 0.1)
		if err != nil || len(found.Changes) != 1 || found.Changes[0].Verdict != c.want {
			t.Errorf("ratio %g, %g trips: %+v (%v), want %s", c.ratio, c.trips, found, err, c.want)
		}
	}
	if _, err := Compare(&Report{Short: true}, report(1, 1), 0.1); err == nil {
		t.Error("a short run was compared")
	}
}

func TestWhatWasNotMetIsNotCalledMet(t *testing.T) {
	for _, ratio := range []float64{1.2, 1.9} {
		s := Scenario{Name: "query_response", Figures: Figures{Unit: "ms", Order: []string{"before"}, Variants: map[string]Variant{"before": {Mean: 1, P95: 2}}, Ratio: ratio, RatioLow: ratio, RatioHigh: ratio}}
		s.promise(1.5)
		r := &Report{Scenarios: []Scenario{s}}
		var md, html bytes.Buffer
		if err := errors.Join(r.WriteMarkdown(&md), r.WriteHTML(&html)); err != nil {
			t.Fatal(err)
		}
		want := ratio < 1.5
		if got := strings.Contains(md.String(), "**not met**"); got != want {
			t.Errorf("ratio %g: markdown says not met: %v", ratio, got)
		}
		if got := strings.Contains(html.String(), "not met</span>"); got != want {
			t.Errorf("ratio %g: the page says not met: %v", ratio, got)
		}
	}
}
