package twin

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// FlagOptions says how Flags follows the table. The zero value polls.
type FlagOptions struct {
	// Listen is a direct connection to the primary, on which Flags listens for
	// changes: through PgBouncer in transaction mode LISTEN hears nothing. Flags
	// opens one connection from it and keeps it. Nil polls.
	Listen *pgx.ConnConfig
	// PollEvery is the time between two looks at the table while nothing is
	// heard by LISTEN. Below 1s; 0 takes 500ms.
	PollEvery time.Duration
	// HeartbeatEvery is the time between two proofs that the listening connection
	// is alive and has missed nothing. 0 takes 5s.
	HeartbeatEvery time.Duration
	// StaleAfter is the age from which the snapshot is called stale: nobody has
	// been able to compare it with the table for so long. 0 takes 15s.
	StaleAfter time.Duration
	// Log takes changes of state. Nil takes slog.Default().
	Log *slog.Logger
}

func (o *FlagOptions) fill() error {
	setDefault(&o.PollEvery, 500*time.Millisecond)
	setDefault(&o.HeartbeatEvery, 5*time.Second)
	setDefault(&o.StaleAfter, 15*time.Second)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.PollEvery < time.Millisecond || o.PollEvery >= time.Second {
		return fault.Field("PollEvery", "must be from 1ms to below 1s, not %s, so that a change is seen within a second", o.PollEvery)
	}
	if o.HeartbeatEvery < time.Millisecond {
		return fault.Field("HeartbeatEvery", "must be at least 1ms, not %s", o.HeartbeatEvery)
	}
	return nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Flags holds the flag table in memory and follows it: a change made by Set is
// seen within a second. It is safe for concurrent use. While the database cannot
// be reached the last snapshot stays in force, and Status tells its age.
//
// A change that was written by hand, without the notification that Set sends,
// is seen by the next heartbeat or poll.
type Flags struct {
	db      database.Querier
	options FlagOptions
	current atomic.Pointer[snapshot]

	loading   sync.Mutex   // held from reading the table to replacing the snapshot, so that an older read never wins
	checkedAt atomic.Int64 // unix ns at which the snapshot was last known to be the table
	listening atomic.Bool
	lastError atomic.Pointer[string]
	wakePoll  chan struct{}

	watchers watchers

	cancel context.CancelFunc
	done   sync.WaitGroup
}

// NewFlags reads the flags once, within ctx, and then follows them until Close.
// db is a pool: the flag table belongs to no campaign.
//
// An Unavailable fault says that the table could not be read: without a first
// snapshot nobody knows what the operator wants, so nothing is served.
func NewFlags(ctx context.Context, db database.Querier, o FlagOptions) (*Flags, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	f := &Flags{db: db, options: o, wakePoll: make(chan struct{}, 1)}
	f.current.Store(newSnapshot(nil, time.Time{}))
	if err := f.load(ctx, db); err != nil {
		return nil, firstLoadFault(err)
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f.cancel = cancel
	f.done.Go(func() { f.poll(life) })
	if o.Listen != nil {
		f.done.Go(func() { f.listen(life) })
	}
	return f, nil
}

func firstLoadFault(err error) error {
	err = fault.FromPostgres(err)
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Code == fault.CodeUndefinedTable {
		return &fault.Error{Kind: fault.Unavailable, Code: f.Code, Err: err,
			Message: "the table ovasabi.twin_flag is missing: run ovasabi migrate up first"}
	}
	return err
}

// Close ends the following and waits for it; it takes no longer than the
// statement under way. Lookups go on answering from the last snapshot.
func (f *Flags) Close() {
	f.cancel()
	f.done.Wait()
}

// Status is how well the snapshot in force is known to be the table.
type Status struct {
	// Listening is whether changes arrive by LISTEN; otherwise they are polled for.
	Listening bool `json:"listening"`
	// Rows is the number of flags in force.
	Rows int `json:"rows"`
	// LoadedAt is when the snapshot was read.
	LoadedAt time.Time `json:"loaded_at"`
	// Age is the time since the snapshot was last compared with the table. Up to
	// HeartbeatEvery while listening, up to PollEvery otherwise; more means that the
	// database cannot be reached.
	Age time.Duration `json:"age_ns"`
	// Stale is whether Age is above StaleAfter.
	Stale bool `json:"stale"`
	// LastError is what stopped the latest comparison, or empty.
	LastError string `json:"last_error,omitempty"`
}

// Status returns the state of the snapshot now.
func (f *Flags) Status() Status {
	s := f.current.Load()
	age := time.Duration(time.Now().UnixNano() - f.checkedAt.Load())
	st := Status{
		Listening: f.listening.Load(),
		Rows:      s.rows,
		LoadedAt:  s.loadedAt,
		Age:       age,
		Stale:     age > f.options.StaleAfter,
	}
	if e := f.lastError.Load(); e != nil {
		st.LastError = *e
	}
	return st
}

// watchers are told of changed flags, one after the other, by the goroutine that saw the change.
type watchers struct {
	mu   sync.Mutex
	next int
	by   map[int]func(names []string)
}

// onChange calls fn with the names of twins whose flags changed, EveryTwin among
// them. fn must not wait. The returned function ends it.
func (f *Flags) onChange(fn func(names []string)) (end func()) {
	w := &f.watchers
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.by == nil {
		w.by = map[int]func([]string){}
	}
	id := w.next
	w.next++
	w.by[id] = fn
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.by, id)
	}
}

func (w *watchers) tell(names []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, fn := range w.by {
		fn(names)
	}
}
