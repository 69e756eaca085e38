package pgtest

import (
	"context"
	"fmt"
	"slices"
	"testing"
)

// Example stands for a test where there is none, in a runnable example. What
// fails panics; end runs what was to be cleaned up.
func Example() (t testing.TB, end func()) {
	e := &example{}
	return e, e.end
}

type example struct {
	testing.TB
	cleanups []func()
}

func (e *example) Context() context.Context     { return context.Background() }
func (e *example) Helper()                      {}
func (e *example) Cleanup(fn func())            { e.cleanups = append(e.cleanups, fn) }
func (e *example) Fatalf(form string, a ...any) { panic(fmt.Sprintf(form, a...)) }
func (e *example) Errorf(form string, a ...any) { panic(fmt.Sprintf(form, a...)) }
func (e *example) FailNow()                     { panic("the example failed") }

func (e *example) end() {
	for _, clean := range slices.Backward(e.cleanups) {
		clean()
	}
}
