package database

import "context"

type queryNameKey struct{}

// named is a context of its own kind, because context.WithValue would allocate
// for the string as well as for the context, at every query.
type named struct {
	context.Context //nolint:containedctx // it is a context
	name            string
}

// Value answers for the name and leaves every other key to the parent.
func (n *named) Value(key any) any {
	if key == (queryNameKey{}) {
		return n
	}
	return n.Context.Value(key)
}

// WithQueryName returns a context in which statements go by this name in
// metrics, traces and statistics, such as "content.find_by_slug". A name is a
// label: it is written in the program, one of few, and never made from input.
// Declared queries and twins have their names without it. An empty name takes
// the name away.
func WithQueryName(ctx context.Context, name string) context.Context {
	return &named{Context: ctx, name: name}
}

// QueryName returns the name that the context gives its statements, or "".
func QueryName(ctx context.Context) string {
	if n, ok := ctx.Value(queryNameKey{}).(*named); ok {
		return n.name
	}
	return ""
}

// WithQueryNames is WithQueryName for a batch of several callers' statements: name
// says whose result is read from here on. It belongs to the goroutine that reads
// the batch, as the tracers that ask for the name do.
func WithQueryNames(ctx context.Context) (_ context.Context, name func(string)) {
	n := &named{Context: ctx}
	return n, func(s string) { n.name = s }
}
