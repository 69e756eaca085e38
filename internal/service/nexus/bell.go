package nexus

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Channel is the NOTIFY channel on which writers of events ring for a campaign,
// with its id as payload: SELECT pg_notify('ovasabi_event', '7').
const Channel = "ovasabi_event"

// Bell wakes subscriptions when events were written. A ring that is missed costs
// time and nothing else: subscriptions also look by themselves. It is safe for
// concurrent use.
type Bell struct {
	mu    sync.Mutex
	hears map[campaign.ID]map[chan struct{}]struct{}
}

// NewBell returns a bell that nobody hears yet.
func NewBell() *Bell { return &Bell{hears: map[campaign.ID]map[chan struct{}]struct{}{}} }

// Ring wakes the campaign's subscriptions in this process. It never waits.
func (b *Bell) Ring(id campaign.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for rings := range b.hears[id] {
		wake(rings)
	}
}

// ringAll wakes everybody, after rings may have been missed.
func (b *Bell) ringAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, all := range b.hears {
		for rings := range all {
			wake(rings)
		}
	}
}

func wake(rings chan struct{}) {
	select {
	case rings <- struct{}{}:
	default: // it is awake already
	}
}

// hear returns a channel on which rings for the campaign arrive, until stop is called.
func (b *Bell) hear(id campaign.ID) (rings <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.hears[id] == nil {
		b.hears[id] = map[chan struct{}]struct{}{}
	}
	b.hears[id][c] = struct{}{}
	return c, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.hears[id], c)
		if len(b.hears[id]) == 0 {
			delete(b.hears, id)
		}
	}
}

const (
	shortestReconnect = time.Second
	longestReconnect  = 30 * time.Second
	// proveEvery is how often the listening connection is proven to be alive.
	proveEvery   = 10 * time.Second
	proveTimeout = 5 * time.Second
)

// Listen rings for what writers in other processes tell, until ctx ends. It needs
// a direct connection of its own: through PgBouncer in transaction mode LISTEN hears nothing.
func (b *Bell) Listen(ctx context.Context, config *pgx.ConnConfig, log *slog.Logger) {
	pause := shortestReconnect
	failing := false
	for {
		heard, err := b.listenOnce(ctx, config)
		if ctx.Err() != nil {
			return
		}
		if heard {
			pause, failing = shortestReconnect, false
		}
		if !failing {
			log.Warn("events of other processes are looked for instead of listened to", slog.String("error", fault.FromPostgres(err).Error()))
		}
		failing = true
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, longestReconnect)
	}
}

func (b *Bell) listenOnce(ctx context.Context, config *pgx.ConnConfig) (heard bool, err error) {
	connecting, cancel := context.WithTimeout(ctx, proveTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(connecting, config.Copy())
	if err != nil {
		return false, err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), proveTimeout)
		defer cancel()
		_ = conn.Close(closing) // it may be broken, which is why we are here
	}()
	if _, err := conn.Exec(connecting, "LISTEN "+pgx.Identifier{Channel}.Sanitize()); err != nil {
		return false, err
	}
	b.ringAll()
	for {
		if err := b.next(ctx, conn); err != nil {
			return true, err
		}
	}
}

// next waits for one ring, or proves that the connection is alive after a silence.
func (b *Bell) next(ctx context.Context, conn *pgx.Conn) error {
	waiting, cancel := context.WithTimeout(ctx, proveEvery)
	defer cancel()
	n, err := conn.WaitForNotification(waiting)
	if err == nil {
		if id, err := campaign.ParseID(n.Payload); err == nil { // anybody may notify anything
			b.Ring(id)
		}
		return nil
	}
	if ctx.Err() != nil || waiting.Err() == nil {
		return err
	}
	proving, cancel := context.WithTimeout(ctx, proveTimeout)
	defer cancel()
	return conn.Ping(proving)
}
