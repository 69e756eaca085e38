package pgtest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ovasabi/ovasabi/internal/pgtest"
)

// A oneTest is a testing.TB that ends when its owner says so.
type oneTest struct {
	testing.TB
	cleanups []func()
	failed   *strings.Builder // what Errorf said
}

func (t *oneTest) Cleanup(f func()) { t.cleanups = append(t.cleanups, f) }

func (t *oneTest) Errorf(format string, args ...any) { fmt.Fprintf(t.failed, format+"\n", args...) }

func (t *oneTest) end() {
	for _, f := range slices.Backward(t.cleanups) {
		f()
	}
}

// BenchmarkNew prints what a test pays for its database: the medians of making it
// and of dropping it.
func BenchmarkNew(b *testing.B) {
	pgtest.New(b) // the server and the template
	var made, dropped []time.Duration
	failed := new(strings.Builder)
	for b.Loop() {
		one := &oneTest{TB: b, failed: failed}
		start := time.Now()
		pgtest.New(one)
		middle := time.Now()
		one.end()
		made, dropped = append(made, middle.Sub(start)), append(dropped, time.Since(middle))
	}
	if failed.Len() > 0 {
		b.Fatal(failed)
	}
	b.ReportMetric(median(made), "ms-new")
	b.ReportMetric(median(dropped), "ms-drop")
}

func median(d []time.Duration) float64 {
	slices.Sort(d)
	return float64(d[len(d)/2].Microseconds()) / 1000
}
