package nexus

import (
	"container/list"
	"errors"
	"sync/atomic"

	nexusv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/nexus/v1"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/event"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// draft is an event that was judged: good for its campaign, or wrong by err.
type draft struct {
	campaign campaign.ID
	event    event.Event
	err      error
}

// answer is what became of one event.
type answer struct {
	outcome nexusv1.EventOutcome
	id      int64
	// err says why, where the event was rejected or has failed.
	err error
}

func accepted(id int64) answer {
	return answer{outcome: nexusv1.EventOutcome_EVENT_OUTCOME_ACCEPTED, id: id}
}

func duplicate(id int64) answer {
	return answer{outcome: nexusv1.EventOutcome_EVENT_OUTCOME_DUPLICATE, id: id}
}

func rejected(err error) answer {
	return answer{outcome: nexusv1.EventOutcome_EVENT_OUTCOME_REJECTED, err: err}
}

func failed(err error) answer {
	return answer{outcome: nexusv1.EventOutcome_EVENT_OUTCOME_FAILED, err: err}
}

// call is what one caller handed over together.
type call struct {
	drafts []draft
	// inOrder says that the sender has other calls under way whose order is to be kept.
	inOrder bool
	answers []answer // one a draft, complete when done is closed
	pending atomic.Int64
	done    chan struct{}
	// whenDone, where given, is called once after done was closed. It must not wait.
	whenDone func()

	placed   chan struct{} // closed when every event is in the buffer
	unplaced int           // BatchEventProcessor.mu guards it
	waiters  []*waiter     // and these
}

// sent is one event on its way into the table.
type sent struct {
	event.Event
	call  *call
	index int // in call.drafts
	size  int
	// alone: its sender waits for it and has sent nothing else, so that nobody can tell
	// its order among the events beside it.
	alone bool

	answer answer // set by the flush that holds the event, and by nobody else
	same   *sent  // an earlier event of the flush with the same id
}

// settled reports whether it is known what became of the event.
func (s *sent) settled() bool {
	return s.answer.outcome != nexusv1.EventOutcome_EVENT_OUTCOME_UNSPECIFIED
}

func (s *sent) accepted() bool {
	return s.answer.outcome == nexusv1.EventOutcome_EVENT_OUTCOME_ACCEPTED
}

// sentOverhead is about what an event costs in memory beside its text.
const sentOverhead = 400

func sizeOf(e *event.Event) int {
	return len(e.ID) + len(e.Type) + len(e.EntityID) + len(e.Metadata) + len(e.Payload) + sentOverhead
}

// waiter is the part of a call that belongs to one campaign and is not in the buffer yet.
type waiter struct {
	queue *queue
	place *list.Element // in queue.waiting; nil when all is in the buffer or given up
	items []*sent
	bytes int
}

// settle answers events that the caller has no more to wait for.
func (c *call) settle(n int) {
	if c.pending.Add(-int64(n)) == 0 {
		close(c.done)
		if c.whenDone != nil {
			c.whenDone()
		}
	}
}

// receipts are the answers as the contract has them; first is the index of the first event.
func (c *call) receipts(first int64) []*nexusv1.EventReceipt {
	all := make([]*nexusv1.EventReceipt, len(c.answers))
	for i, a := range c.answers {
		r := &nexusv1.EventReceipt{Index: first + int64(i), EventId: c.drafts[i].event.ID, Outcome: a.outcome, Id: a.id}
		if a.err != nil {
			r.Field, r.Reason = explain(a.err)
		}
		all[i] = r
	}
	return all
}

// explain returns the field and the sentence that a receipt shows. What is not a
// fault of ours, or is a defect, is not shown.
func explain(err error) (field, reason string) {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind == fault.Internal {
		return "", "the server met an error that is not yours: send the event again later, or tell its operator"
	}
	if f.Message == "" {
		return f.Field, f.Kind.String()
	}
	return f.Field, f.Message
}
