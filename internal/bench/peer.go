package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Peer is another library on the same work, in the same run: the newest schema,
// the services' role and row-level security, and the campaign entered as its users
// would, in a transaction. Peers are brought by the program that links them
// (bench/peers), so that they are no dependency of the product.
type Peer struct {
	// Name is its variant's in the report.
	Name string
	Open func(ctx context.Context, at PeerAddress) (*Session, error)
}

// PeerAddress is where a peer works.
type PeerAddress struct {
	// App and Owner are URLs of one database, as the services' role and as the schema's owner.
	App, Owner string
	// Conns is the size of its pool.
	Conns int
}

// Session is an open peer. A nil function is work that the peer is not made for.
type Session struct {
	// Document reads a document by its key.
	Document func(ctx context.Context, campaign, id int64) (Document, error)
	// Events reads the newest events of an entity.
	Events func(ctx context.Context, campaign int64, entity string, limit int) ([]Event, error)
	// Insert writes new events in one transaction and returns their ids in their order.
	Insert func(ctx context.Context, campaign int64, events []Event) ([]int64, error)
	// Stored counts and hashes what Insert stored, as storedEventsSQL does, and Empty
	// removes it, where that is not in ovasabi.service_event. Both are run as the owner.
	Stored, Empty string
	Close         func() error
}

// Document is a row of ovasabi.service_content_main.
type Document struct {
	CampaignID, ID                            int64
	Slug, Title, Body, Tags, Status, Metadata string
	Version                                   int64
	CreatedAt, UpdatedAt                      time.Time
}

// Event is a row of ovasabi.service_event. ID is 0 before it is written.
type Event struct {
	CampaignID, ID               int64
	EventID, EventType, EntityID string
	OccurredAt                   time.Time
	Metadata, Payload            string
}

// shown are the rows as show writes those that a driver read.
func (d Document) shown() string {
	return show([]any{
		number8(d.CampaignID), number8(d.ID), words(d.Slug), words(d.Title), words(d.Body), jsonText(d.Tags), words(d.Status), jsonText(d.Metadata),
		number8(d.Version), instant(d.CreatedAt), instant(d.UpdatedAt),
	})
}

func (e Event) shown() string {
	return show([]any{
		number8(e.CampaignID), number8(e.ID), words(e.EventID), words(e.EventType), words(e.EntityID), instant(e.OccurredAt), jsonText(e.Metadata), jsonText(e.Payload),
	})
}

func number8(n int64) *pgtype.Int8            { return &pgtype.Int8{Int64: n, Valid: true} }
func words(s string) *pgtype.Text             { return &pgtype.Text{String: s, Valid: true} }
func jsonText(s string) *[]byte               { return new([]byte(s)) }
func instant(t time.Time) *pgtype.Timestamptz { return &pgtype.Timestamptz{Time: t, Valid: true} }

// openPeer is a peer that is open.
type openPeer struct {
	*Session
	name string
}

// openPeers opens those that have the work, in the order in which they were given.
func (s *stage) openPeers(ctx context.Context, at address, conns int, has func(*Session) bool) (_ []openPeer, closeAll func() error, err error) {
	var open []openPeer
	closeAll = func() error {
		var all error
		for _, p := range slices.Backward(open) {
			all = errors.Join(all, p.Close())
		}
		return all
	}
	for _, p := range s.o.Peers {
		session, err := p.Open(ctx, PeerAddress{App: at.app, Owner: at.owner, Conns: conns})
		if err != nil {
			return nil, nil, errors.Join(fmt.Errorf("peer %s: %w", p.Name, err), closeAll())
		}
		if !has(session) {
			if err := session.Close(); err != nil {
				return nil, nil, errors.Join(err, closeAll())
			}
			continue
		}
		open = append(open, openPeer{session, p.Name})
	}
	return open, closeAll, nil
}

// reading is the work of a read in the campaign of a call. What was read is shown
// only where it is compared.
type reading func(ctx context.Context, p openPeer, c call) (shown func() []string, err error)

func readDocument(ctx context.Context, p openPeer, c call) (func() []string, error) {
	d, err := p.Document(ctx, c.id, c.args[1].(int64))
	return func() []string { return []string{d.shown()} }, err
}

func readEvents(ctx context.Context, p openPeer, c call) (func() []string, error) {
	events, err := p.Events(ctx, c.id, c.args[1].(string), entityPage)
	return func() []string {
		all := make([]string, len(events))
		for i, e := range events {
			all[i] = e.shown()
		}
		return all
	}, err
}

// comparePeers fails at the first read for which a peer returns other rows than after.
func comparePeers(ctx context.Context, f *fullSide, peers []openPeer, calls []call, read reading) error {
	for _, c := range calls {
		var want []string
		dest := row(c.read.fields)
		if err := f.read(ctx, c.id, c.read.declared, c.args, dest, func() { want = append(want, show(dest)) }); err != nil {
			return err
		}
		for _, p := range peers {
			shown, err := read(ctx, p, c)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", c.read.name, p.name, err)
			}
			got := shown()
			if !slices.Equal(want, got) {
				return fault.New(fault.Conflict, "%s returns other rows for %s (%d and %d, campaign %d): a comparison of times would mean nothing", p.name, c.read.name, len(got), len(want), c.id)
			}
		}
	}
	return nil
}
