package main

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// endsAfter ends a command once it has written a text so many times.
type endsAfter struct {
	text  string
	times int
	end   context.CancelFunc

	mu  sync.Mutex
	all bytes.Buffer
}

func (e *endsAfter) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n, err := e.all.Write(p)
	if strings.Count(e.all.String(), e.text) >= e.times {
		e.end()
	}
	return n, err
}

func TestStatsWatchesUntilItIsTold(t *testing.T) {
	db := migratedDatabase(t)
	ctx, end := context.WithCancel(t.Context())
	defer end()
	out := &endsAfter{text: "\nVACUUM\n", times: 3, end: end}
	var said bytes.Buffer
	code := run(ctx, []string{"stats", "--watch", "--interval", "100ms", "--database-url", db.MonitorURL}, terminal{strings.NewReader(""), out, &said})
	require.Equal(t, exitDone, code, said.String())
	require.NotContains(t, out.all.String(), "\x1b", "a pipe is not painted")
	require.Equal(t, 3, strings.Count(out.all.String(), "rates over"), "each look has rates")
}
