package nexus

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	nexusv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/nexus/v1"
	"github.com/ovasabi/ovasabi/internal/drain"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

const (
	// ingestWindow bounds the events of one stream that are not answered: a sender
	// that does not read its answers, or that is faster than the database, waits.
	ingestWindow = 8192
	// mostReceipts bounds the receipts of one answer.
	mostReceipts = 2000
	// checkEvery is how often a stream looks whether its token still holds.
	checkEvery = time.Second
)

// Ingest takes in what receive returns until it returns io.EOF, and answers each
// piece by send after its commit. The answers of one piece come together.
//
// It ends early, after it has answered what it took, when the server drains (with
// an Unavailable fault), when the caller's token ends, and when receive or send fails.
func (s *Service) Ingest(ctx context.Context, receive func() (*nexusv1.IngestEventsRequest, error), send func(*nexusv1.IngestEventsResponse) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in := &intake{events: s.events, changed: make(chan struct{}, 1)}
	// It ends with the stream: receive returns when the handler has.
	go in.read(ctx, receive)
	return in.answer(ctx, send)
}

// intake is one stream. One goroutine reads it, another answers.
type intake struct {
	events  *BatchEventProcessor
	changed chan struct{} // gets a value when one of the following changes

	mu         sync.Mutex
	first      int64   // index of the next event
	unanswered int     // events
	open       int     // pieces that were taken and are not finished
	finished   []piece // answered by the processor, and not sent yet
	roomy      chan struct{}
	stopped    bool  // no more is to be taken
	ended      bool  // no more will be
	err        error // why; nil at the end of the sender's side
}

// piece is one message of the stream.
type piece struct {
	call  *call
	first int64
}

func (in *intake) read(ctx context.Context, receive func() (*nexusv1.IngestEventsRequest, error)) {
	err := in.readAll(ctx, receive)
	in.mu.Lock()
	in.ended, in.err = true, err
	in.mu.Unlock()
	in.wake()
}

func (in *intake) readAll(ctx context.Context, receive func() (*nexusv1.IngestEventsRequest, error)) (err error) {
	defer func() {
		if recover() != nil {
			err = fault.New(fault.Internal, "the reading of a stream of events panicked")
		}
	}()
	for {
		m, err := receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := in.take(ctx, m); err != nil {
			return err
		}
	}
}

// take hands a message over and returns once its events are in the buffer and
// there is room in the window: until then nothing more is read, and the sender is
// made to wait by the flow control of HTTP/2.
func (in *intake) take(ctx context.Context, m *nexusv1.IngestEventsRequest) error {
	all, err := drafts(ctx, m.GetCampaignId(), m.GetEvents())
	if err != nil {
		return err
	}
	c := &call{drafts: all, inOrder: true}
	in.mu.Lock()
	if in.stopped {
		in.mu.Unlock()
		return errServerEnds()
	}
	p := piece{c, in.first}
	in.first += int64(len(all))
	in.unanswered += len(all)
	in.open++
	in.mu.Unlock()
	began := time.Now()
	c.whenDone = func() {
		in.events.figures.answers.Observe(time.Since(began).Seconds())
		in.finish(p)
	}
	if err := in.events.take(c); err != nil {
		for i := range c.answers {
			c.answers[i] = failed(err)
		}
		in.finish(p)
		return err
	}
	select {
	case <-c.placed:
	case <-ctx.Done():
		in.events.giveUp(c)
		return fault.FromPostgres(ctx.Err())
	}
	return in.waitForRoom(ctx)
}

func (in *intake) waitForRoom(ctx context.Context) error {
	for {
		in.mu.Lock()
		if in.unanswered < ingestWindow {
			in.mu.Unlock()
			return nil
		}
		roomy := make(chan struct{})
		in.roomy = roomy
		in.mu.Unlock()
		select {
		case <-roomy:
		case <-ctx.Done():
			return fault.FromPostgres(ctx.Err())
		}
	}
}

// finish is called by the processor when every event of a piece is answered. It does not wait.
func (in *intake) finish(p piece) {
	in.mu.Lock()
	in.open--
	in.finished = append(in.finished, p)
	in.mu.Unlock()
	in.wake()
}

func (in *intake) wake() {
	select {
	case in.changed <- struct{}{}:
	default:
	}
}

// answer sends receipts until the stream ends.
func (in *intake) answer(ctx context.Context, send func(*nexusv1.IngestEventsResponse) error) error {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	draining := drain.Started(ctx)
	var why error // of an early end
	for {
		over, err := in.sendFinished(send)
		if err != nil {
			return err
		}
		if over && why != nil {
			return why
		}
		if over {
			return in.err
		}
		select {
		case <-in.changed:
		case <-draining:
			draining, why = nil, errServerEnds()
			in.stopReading()
		case <-tick.C:
			if err := stillValid(ctx); err != nil && why == nil {
				why = err
				in.stopReading()
			}
		case <-ctx.Done():
			return fault.FromPostgres(ctx.Err())
		}
	}
}

func errServerEnds() error {
	return &fault.Error{Kind: fault.Unavailable, RetryAfter: time.Second, Message: "the server is ending: open another stream and send again what was not answered"}
}

// stopReading ends the stream once everything that was taken is answered.
func (in *intake) stopReading() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.stopped = true
}

// sendFinished sends the receipts that are ready, and says whether none can follow.
func (in *intake) sendFinished(send func(*nexusv1.IngestEventsResponse) error) (over bool, err error) {
	for {
		in.mu.Lock()
		finished := in.finished
		in.finished = nil
		over = (in.ended || in.stopped) && in.open == 0 && len(finished) == 0
		in.mu.Unlock()
		if len(finished) == 0 {
			return over, nil
		}
		for len(finished) > 0 {
			response, n := receiptsOf(finished)
			if err := send(response); err != nil {
				return false, err
			}
			in.sent(len(response.GetReceipts()))
			finished = finished[n:]
		}
	}
}

// receiptsOf puts the receipts of the first n pieces, at least one, into one answer.
func receiptsOf(finished []piece) (response *nexusv1.IngestEventsResponse, n int) {
	response = &nexusv1.IngestEventsResponse{}
	for n < len(finished) && (n == 0 || len(response.GetReceipts())+len(finished[n].call.answers) <= mostReceipts) {
		response.Receipts = append(response.Receipts, finished[n].call.receipts(finished[n].first)...)
		n++
	}
	return response, n
}

// sent makes room for the next messages.
func (in *intake) sent(n int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.unanswered -= n
	if in.roomy != nil && in.unanswered < ingestWindow {
		close(in.roomy)
		in.roomy = nil
	}
}
