// Package drain tells long calls that the server is about to end, before their
// context does: a stream then stops taking in, finishes what it has, and returns.
package drain

import "context"

type contextKey struct{}

// NewContext returns a context whose Started is the channel.
func NewContext(ctx context.Context, started <-chan struct{}) context.Context {
	return context.WithValue(ctx, contextKey{}, started)
}

// Started is closed when the server begins to drain. Outside a server it is nil and never closed.
func Started(ctx context.Context) <-chan struct{} {
	started, _ := ctx.Value(contextKey{}).(<-chan struct{})
	return started
}
