package nexus

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	nexusv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/nexus/v1"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// BatchEventProcessor gathers events of many callers and writes those of one
// campaign together, in one round trip and one transaction. Every caller is
// answered after the commit of its own events.
//
// What it holds is bounded in events and in bytes; when it is full, callers wait.
// Nothing that it took is dropped: an event is written, found to be there, or its
// caller is told why not. Campaigns take turns. The events of one call, and of one
// stream, are written in the order in which they came, by one flush of the campaign
// at a time; those that callers sent one by one, and wait for, are written by
// several beside one another: one works while another waits for the disk.
//
// It is safe for concurrent use. The caller closes it.
type BatchEventProcessor struct {
	repository   repository
	bell         *Bell
	log          *slog.Logger
	config       ProcessorConfig
	batchSize    int
	flushTimeout time.Duration
	together     int // flushes of one campaign beside one another
	figures      *processorFigures

	mu      sync.Mutex
	buffer  buffer
	flights int // flushes under way
	slow    int // those of them that lent their place
	closed  bool
	emptied chan struct{} // closed once the buffer is empty after closed was set

	life    context.Context //nolint:containedctx // flushes outlive the calls whose events they hold
	end     context.CancelFunc
	flushes sync.WaitGroup
}

// lendAfter is how long a flush may take before another one gets its place, and
// mostFlights how many of them there may be for each writer.
const (
	lendAfter   = time.Second
	mostFlights = 8
)

// NewBatchEventProcessor returns a processor that writes through the scope and
// rings the bell after a commit; scope is a campaign.Scope. Bell and log may be
// nil. Config is valid or the zero value.
func NewBatchEventProcessor(scope database.Querier, bell *Bell, config ProcessorConfig, log *slog.Logger) *BatchEventProcessor {
	if bell == nil {
		bell = NewBell()
	}
	if log == nil {
		log = slog.Default()
	}
	config = config.withDefaults()
	p := &BatchEventProcessor{
		repository: repository{db: scope}, bell: bell, log: log, config: config,
		batchSize: config.BatchSize, flushTimeout: config.FlushTimeout,
		together: max(1, config.Writers/2), // so that one campaign leaves places to others
		buffer:   newBuffer(config.BufferEvents, config.BufferBytes),
		emptied:  make(chan struct{}),
	}
	p.figures = newProcessorFigures(p)
	p.life, p.end = context.WithCancel(context.Background())
	return p
}

// ProcessEvents writes events and returns once each of them is committed, was
// there before, or cannot be written. Events that name no campaign belong to that
// of the context; those that name one are taken at their word, so whoever calls
// has judged them.
//
// Each event is judged by itself: the error is about the first one that was not
// written, and others may have been. It is an Invalid fault naming the field for an
// event that breaks a rule, and Unavailable or Limited where the same call may
// succeed later. When the context ends first, events may have been written: sending
// them again is safe as long as they have an id.
func (p *BatchEventProcessor) ProcessEvents(ctx context.Context, events []*nexusv1.EventRequest) error {
	receipts, err := p.process(ctx, draftsOf(ctx, events))
	if err != nil {
		return err
	}
	for i, a := range receipts.answers {
		if a.err != nil {
			return within(fmt.Sprintf("events[%d]", i), a.err)
		}
	}
	return nil
}

func draftsOf(ctx context.Context, events []*nexusv1.EventRequest) []draft {
	inside, missing := campaign.FromContext(ctx)
	drafts := make([]draft, len(events))
	for i, r := range events {
		id := campaign.ID(r.GetCampaignId())
		if id == 0 {
			id = inside
		}
		d := judge(r)
		d.campaign = id
		switch {
		case d.err != nil:
		case id == 0:
			d.err = missing
		case !id.Valid():
			d.err = fault.Field("campaign_id", "must be a positive whole number")
		}
		drafts[i] = d
	}
	return drafts
}

// process hands drafts over and waits for their answers.
func (p *BatchEventProcessor) process(ctx context.Context, drafts []draft) (*call, error) {
	began := time.Now()
	c := &call{drafts: drafts}
	if err := p.take(c); err != nil {
		return nil, err
	}
	select {
	case <-c.done:
		p.figures.answers.Observe(time.Since(began).Seconds())
		return c, nil
	case <-ctx.Done():
		p.giveUp(c)
		return nil, fault.FromPostgres(ctx.Err())
	}
}

// take takes a call over without waiting for room: placed is closed when all of
// its events are in the buffer, done when all are answered. An Unavailable fault
// says that the processor is closed, a Limited one that too many callers wait; then
// nothing was taken.
func (p *BatchEventProcessor) take(c *call) error {
	c.answers = make([]answer, len(c.drafts))
	c.done, c.placed = make(chan struct{}), make(chan struct{})
	c.pending.Store(int64(len(c.drafts)))
	parts, bad := map[campaign.ID]*waiter{}, 0
	var order []*waiter
	bytes := 0
	for i := range c.drafts {
		d := &c.drafts[i]
		if d.err != nil {
			c.answers[i] = rejected(d.err)
			bad++
			continue
		}
		w := parts[d.campaign]
		if w == nil {
			w = &waiter{}
			parts[d.campaign] = w
			order = append(order, w)
			c.waiters = append(c.waiters, w)
		}
		s := &sent{Event: d.event, call: c, index: i, size: sizeOf(&d.event), alone: len(c.drafts) == 1 && !c.inOrder}
		w.items = append(w.items, s)
		w.bytes += s.size
		bytes += s.size
	}
	p.figures.refused(bad)
	if err := p.enter(c, order, bytes, len(c.drafts)-bad); err != nil {
		return err
	}
	if bad > 0 || len(c.drafts) == 0 {
		c.settle(bad)
	}
	return nil
}

// enter puts a call's parts behind those that wait, and lets in what there is room for.
func (p *BatchEventProcessor) enter(c *call, parts []*waiter, bytes, events int) error {
	if events == 0 {
		close(c.placed)
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return &fault.Error{Kind: fault.Unavailable, RetryAfter: time.Second, Message: "this server is ending: send the events to another one, or again"}
	}
	if p.buffer.waitBytes > 0 && p.buffer.waitBytes+bytes > 4*p.config.BufferBytes {
		p.figures.turnedAway.Add(float64(events))
		return &fault.Error{Kind: fault.Limited, RetryAfter: time.Second, Message: "too many events wait to be written: send them again later"}
	}
	c.unplaced = events
	for _, w := range parts {
		w.queue = p.buffer.queueOf(c.drafts[w.items[0].index].campaign)
		p.buffer.wait(w)
	}
	p.buffer.place(p.consider)
	p.dispatch()
	if c.unplaced > 0 {
		p.figures.full.Inc()
	}
	return nil
}

// giveUp takes a call's events out that are not in the buffer yet. The others are written all the same.
func (p *BatchEventProcessor) giveUp(c *call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range c.waiters {
		p.buffer.leave(w)
	}
	p.buffer.place(p.consider) // it may have stood before others
	p.dispatch()
	p.checkEmptied()
}

// Close lets nobody in any more, writes what is held and ends. Callers that wait
// are answered. When ctx ends first, the rest is given up: those callers are told
// to send again, and the error says how many events it were.
func (p *BatchEventProcessor) Close(ctx context.Context) error {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		for _, q := range p.buffer.queues {
			p.consider(q)
		}
		p.dispatch()
		p.checkEmptied()
	}
	p.mu.Unlock()
	var err error
	select {
	case <-p.emptied:
	case <-ctx.Done():
		p.mu.Lock()
		left := p.buffer.events
		p.mu.Unlock()
		err = fault.New(fault.Unavailable, "%d events could not be written before the end: their senders were told to send them again", left)
	}
	p.end()
	<-p.emptied // flushes fail at once now
	p.flushes.Wait()
	return err
}

// checkEmptied is called with p.mu held, wherever the buffer may have become empty.
func (p *BatchEventProcessor) checkEmptied() {
	if !p.closed || p.buffer.events > 0 || p.buffer.waiting > 0 {
		return
	}
	select {
	case <-p.emptied:
	default:
		close(p.emptied)
	}
}
