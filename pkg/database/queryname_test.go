package database_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/ovasabi/ovasabi/pkg/database"
)

type otherKey struct{}

func TestQueryNameIsTheInnermost(t *testing.T) {
	ctx := context.WithValue(context.Background(), otherKey{}, "kept")
	if name := database.QueryName(ctx); name != "" {
		t.Fatalf("a context without a name has %q", name)
	}
	outer := database.WithQueryName(ctx, "content.get")
	inner := context.WithValue(database.WithQueryName(outer, "content.list"), otherKey{}, "inner")
	for want, ctx := range map[string]context.Context{"content.get": outer, "content.list": inner, "": database.WithQueryName(inner, "")} {
		if got := database.QueryName(ctx); got != want {
			t.Errorf("QueryName = %q, want %q", got, want)
		}
	}
	if got := outer.Value(otherKey{}); got != "kept" {
		t.Errorf("another value became %v", got)
	}
}

// A context of a kind of its own must not cost those that derive from it a goroutine each.
func TestAQueryNameLetsCancelAndDeadlineThrough(t *testing.T) {
	parent, cancel := context.WithCancelCause(context.Background())
	before := runtime.NumGoroutine()
	child, stop := context.WithTimeout(database.WithQueryName(parent, "content.get"), time.Hour)
	defer stop()
	if now := runtime.NumGoroutine(); now != before {
		t.Errorf("deriving started %d goroutines", now-before)
	}
	if _, ok := child.Deadline(); !ok {
		t.Error("the deadline is gone")
	}
	cancel(context.Canceled)
	<-child.Done()
	if !errors.Is(context.Cause(child), context.Canceled) {
		t.Errorf("cause %v", context.Cause(child))
	}
}

func TestAQueryNameCostsOneAllocation(t *testing.T) {
	ctx := context.WithValue(context.Background(), otherKey{}, "kept")
	var last context.Context                         // what escapes is not kept on the stack
	keep := func(ctx context.Context) { last = ctx } //nolint:fatcontext // it does not grow: each call replaces it
	if n := testing.AllocsPerRun(100, func() { keep(database.WithQueryName(ctx, "content.get")) }); n > 1 {
		t.Errorf("%v allocations, want 1", n)
	}
	name := ""
	if n := testing.AllocsPerRun(100, func() { name = database.QueryName(last) }); n != 0 || name != "content.get" {
		t.Errorf("reading %q allocates %v times", name, n)
	}
}
