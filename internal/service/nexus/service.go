package nexus

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	nexusv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/nexus/v1"
	"github.com/ovasabi/ovasabi/internal/service/wire"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/query"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// Dependencies are what the service stands on.
type Dependencies struct {
	// Scope runs the SQL inside the campaign of the context.
	Scope *campaign.Scope
	// Twins picks between plain and optimised queries; nil always takes the plain ones.
	Twins *twin.Runner
	// Cursors signs page tokens and the cursors of subscriptions.
	Cursors *query.CursorSigner
	// Bell wakes subscriptions; nil makes one that only this process's writers ring.
	Bell *Bell
	// Listen is how Run connects to hear the writers of other processes; nil leaves
	// those to be looked for.
	Listen *pgx.ConnConfig
	// Events shapes how events are gathered and written: valid, or the zero value.
	Events ProcessorConfig
	// MaxRequestBytes bounds the body of POST /events. Defaults to 8 MiB.
	MaxRequestBytes int
	// Log hears what callers are not told. Defaults to slog.Default().
	Log *slog.Logger
}

// Service holds the rules of events. Every method runs in the campaign of its
// context. It is safe for concurrent use.
type Service struct {
	repository repository
	cursors    *query.CursorSigner
	bell       *Bell
	events     *BatchEventProcessor
	listen     *pgx.ConnConfig
	log        *slog.Logger

	requestBytes  int
	subscriptions atomic.Int64
}

// NewService returns the service. The caller runs Run beside the server, and
// closes the service after the server has ended and before the pool is closed.
func NewService(d Dependencies) *Service {
	if d.Bell == nil {
		d.Bell = NewBell()
	}
	if d.Log == nil {
		d.Log = slog.Default()
	}
	if d.MaxRequestBytes == 0 {
		d.MaxRequestBytes = usualRequestBytes
	}
	return &Service{
		repository: repository{db: d.Scope, twins: d.Twins}, cursors: d.Cursors, bell: d.Bell,
		events: NewBatchEventProcessor(d.Scope, d.Bell, d.Events, d.Log), listen: d.Listen, log: d.Log,
		requestBytes: d.MaxRequestBytes,
	}
}

// Processor is what writes the events; it is a prometheus.Collector.
func (s *Service) Processor() *BatchEventProcessor { return s.events }

// Run hears what the writers of other processes tell, until ctx ends. Without it
// subscriptions find their events later, and nothing is lost.
func (s *Service) Run(ctx context.Context) {
	if s.listen == nil {
		<-ctx.Done()
		return
	}
	s.bell.Listen(ctx, s.listen, s.log)
}

// Close writes the events that are held, within DrainTimeout, and lets nobody in
// any more. An Unavailable fault says how many events could not be written; their
// senders know.
func (s *Service) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.events.config.DrainTimeout)
	defer cancel()
	return s.events.Close(ctx)
}

// Wanted says which events a list holds.
type Wanted struct {
	// Types in full; empty is all. Entity empty is any.
	Types  []string
	Entity string
	// From is in, Before is not; nil is without bound.
	From, Before *time.Time
}

// List returns a page of events, latest first, and the token of the next page.
func (s *Service) List(ctx context.Context, w Wanted, size int, token string) ([]*nexusv1.Event, string, error) {
	campaignID, err := campaign.FromContext(ctx)
	if err != nil {
		return nil, "", err
	}
	list := wire.List("nexus.list", wire.Set(w.Types), w.Entity, bound(w.From), bound(w.Before))
	at, id, err := wire.AfterNewest(ctx, s.cursors, list, token)
	if err != nil {
		return nil, "", err
	}
	f := filter{
		types: w.Types, entity: w.Entity,
		from: orInfinity(w.From, pgtype.NegativeInfinity), before: orInfinity(w.Before, pgtype.Infinity),
	}
	rows, err := s.repository.list(ctx, campaignID.Int64(), f, at, id, size+1)
	if err != nil {
		return nil, "", err
	}
	rows, more := wire.Cut(rows, size)
	next := ""
	if more {
		last := rows[len(rows)-1]
		if next, err = wire.NextPage(ctx, s.cursors, list, more, last.OccurredAt, last.ID); err != nil {
			return nil, "", err
		}
	}
	page := make([]*nexusv1.Event, len(rows))
	for i, r := range rows {
		if page[i], err = r.message(); err != nil {
			return nil, "", err
		}
	}
	return page, next, nil
}

func orInfinity(t *time.Time, infinity pgtype.InfinityModifier) pgtype.Timestamptz {
	if t == nil {
		return pgtype.Timestamptz{InfinityModifier: infinity, Valid: true}
	}
	return pgtype.Timestamptz{Time: *t, Valid: true}
}

func bound(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
