package nexus

import (
	"context"
	"errors"
	"strings"
	"time"

	nexusv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/nexus/v1"
	"github.com/ovasabi/ovasabi/internal/drain"
	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

const (
	// lookEvery is how often a subscription looks for events that nobody rang for, and
	// lookSeldom how often when nothing has come for a while.
	lookEvery  = 250 * time.Millisecond
	lookSeldom = 2 * time.Second
	// usualHeartbeat is the longest silence where the request does not say; the contract names it too.
	usualHeartbeat = 15 * time.Second
	// maxSubscriptions bounds the subscriptions of one process.
	maxSubscriptions = 1000
	// subscriptionList names the list to which a subscription's cursors belong.
	subscriptionList = "nexus.subscribe"
)

// Following says what a subscription follows, and from where.
type Following struct {
	// Patterns of types, as the contract writes them; empty is all.
	Patterns []string
	// Cursor is where to go on; empty begins now, or at the oldest event with FromStart.
	Cursor    string
	FromStart bool
	// Heartbeat is the longest silence; 0 takes 15s.
	Heartbeat time.Duration
}

// Subscribe sends the events of the context's campaign until the context ends,
// the server drains (then it returns nil), the caller's token ends, or send fails.
func (s *Service) Subscribe(ctx context.Context, w Following, send func(*nexusv1.SubscribeEventsResponse) error) error {
	id, err := campaign.FromContext(ctx)
	if err != nil {
		return err
	}
	if s.subscriptions.Add(1) > maxSubscriptions {
		s.subscriptions.Add(-1)
		return &fault.Error{Kind: fault.Limited, RetryAfter: time.Second, Message: "this server has as many subscriptions as it takes: try again, or another server"}
	}
	defer s.subscriptions.Add(-1)

	f := &follower{repository: s.repository, campaign: id, patterns: likes(w.Patterns)}
	after, err := s.after(id, w.Cursor)
	if err != nil {
		return err
	}
	rings, stop := s.bell.hear(id) // before the first look, so that nothing is missed between
	defer stop()
	if err := f.begin(ctx, after, w.Cursor == "" && !w.FromStart); err != nil {
		return err
	}
	return s.keepSending(ctx, f, rings, w.Heartbeat, send)
}

func (s *Service) keepSending(ctx context.Context, f *follower, rings <-chan struct{}, heartbeat time.Duration, send func(*nexusv1.SubscribeEventsResponse) error) error {
	if heartbeat <= 0 {
		heartbeat = usualHeartbeat
	}
	out := &sender{service: s, campaign: f.campaign, send: send}
	// The first message says that the subscription stands, and from where.
	if err := out.heartbeat(f.position); err != nil {
		return err
	}
	pause := lookEvery
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		before := out.last
		if err := stillValid(ctx); err != nil {
			return err
		}
		if err := f.step(ctx, out.event); err != nil && !passing(err) {
			return err
		}
		if pause *= 2; f.marked || !out.last.Equal(before) {
			pause = lookEvery
		}
		if time.Since(out.last) >= heartbeat {
			if err := out.heartbeat(f.position); err != nil {
				return err
			}
		}
		pause = min(pause, lookSeldom)
		timer.Reset(min(pause, heartbeat-time.Since(out.last)))
		select {
		case <-ctx.Done():
			return fault.FromPostgres(ctx.Err())
		case <-drain.Started(ctx):
			return out.heartbeat(f.position)
		case <-rings:
			pause = lookEvery
		case <-timer.C:
		}
	}
}

// passing reports whether a subscription outlives the error: a database that
// cannot answer now, or a campaign that is over its share for the moment.
func passing(err error) bool {
	return errors.Is(err, fault.Unavailable) || errors.Is(err, fault.Limited)
}

// stillValid ends a subscription whose token has ended meanwhile.
func stillValid(ctx context.Context) error {
	identity, err := token.FromContext(ctx)
	if err != nil {
		return err
	}
	return identity.StillValid()
}

// sender writes messages with their cursors.
type sender struct {
	service  *Service
	campaign campaign.ID
	send     func(*nexusv1.SubscribeEventsResponse) error
	last     time.Time
	position int64
	cursor   string
}

func (o *sender) event(r row, position int64) error {
	m, err := r.message()
	if err != nil {
		return err
	}
	return o.write(&nexusv1.SubscribeEventsResponse{Event: m}, position)
}

func (o *sender) heartbeat(position int64) error {
	return o.write(&nexusv1.SubscribeEventsResponse{}, position)
}

func (o *sender) write(m *nexusv1.SubscribeEventsResponse, position int64) error {
	if o.cursor == "" || o.position != position {
		cursor, err := o.service.cursors.Sign(o.campaign, subscriptionList, position)
		if err != nil {
			return err
		}
		o.cursor, o.position = cursor, position
	}
	m.Cursor = o.cursor
	o.last = time.Now()
	return o.send(m)
}

// after returns the id after which a cursor goes on; 0 without one.
func (s *Service) after(id campaign.ID, cursor string) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	values, err := s.cursors.Open(id, subscriptionList, cursor)
	if err == nil && len(values) == 1 {
		if after, ok := values[0].(int64); ok {
			return after, nil
		}
	}
	return 0, fault.Field("cursor", "does not belong to a subscription to this campaign: send the last one, or none")
}

// likes writes patterns of types for LIKE. A part cannot hold a colon, and a type
// has four, so that a % stands for whole parts only.
func likes(patterns []string) []string {
	texts := make([]string, len(patterns))
	for i, p := range patterns {
		p = strings.ReplaceAll(p, "_", `\_`)
		texts[i] = strings.ReplaceAll(p, "*", "%")
	}
	return texts
}
