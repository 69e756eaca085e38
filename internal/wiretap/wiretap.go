// Package wiretap counts what goes over the wire to PostgreSQL, so that tests can
// assert round trips and bytes instead of time.
package wiretap

import (
	"context"
	"net"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
)

// Counter counts over all connections of one configuration. It is safe for concurrent use.
type Counter struct {
	trips, sent, received, connections atomic.Int64
}

// Tap makes every connection opened from config count into the returned Counter.
func Tap(config *pgx.ConnConfig) *Counter {
	c := &Counter{}
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c.connections.Add(1)
		return &tapped{Conn: conn, counter: c}, nil
	}
	return c
}

// RoundTrips counts the times that something was sent and then an answer was waited for.
func (c *Counter) RoundTrips() int64 { return c.trips.Load() }

// Sent and Received count bytes.
func (c *Counter) Sent() int64 { return c.sent.Load() }

// Received counts bytes that came from the server.
func (c *Counter) Received() int64 { return c.received.Load() }

// Connections counts the connections that were opened.
func (c *Counter) Connections() int64 { return c.connections.Load() }

type tapped struct {
	net.Conn
	counter *Counter
	asked   atomic.Bool // something was sent since the last answer
}

func (t *tapped) Write(b []byte) (int, error) {
	t.asked.Store(true)
	n, err := t.Conn.Write(b)
	t.counter.sent.Add(int64(n))
	return n, err
}

func (t *tapped) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	if n > 0 && t.asked.Swap(false) {
		t.counter.trips.Add(1)
	}
	t.counter.received.Add(int64(n))
	return n, err
}
