package pgtest

import (
	"context"
	"errors"
	"net"
	"sync"
)

// ErrKilled is what a message to the server meets once its Life is over.
var ErrKilled = errors.New("killed")

// A Life is that of a process that works on a database: it ends after so many
// messages to the server, and with it, at once and without a word, all of its
// connections. What the server was doing it goes on doing. Safe for concurrent use.
type Life struct {
	mu    sync.Mutex
	left  int
	conns []net.Conn
}

// NewLife returns one of so many messages.
func NewLife(messages int) *Life { return &Life{left: messages} }

// Dial opens a connection that ends with the life; it is a pgconn.DialFunc.
func (l *Life) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, conn)
	return &mortal{Conn: conn, life: l}, nil
}

// Over reports whether the life has ended.
func (l *Life) Over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.left < 0
}

type mortal struct {
	net.Conn

	life *Life
}

func (m *mortal) Write(b []byte) (int, error) {
	l := m.life
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left--; l.left < 0 {
		for _, conn := range l.conns {
			_ = conn.Close()
		}
		return 0, ErrKilled
	}
	return m.Conn.Write(b)
}
