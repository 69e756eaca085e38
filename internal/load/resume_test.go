package load_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ovasabi/ovasabi/internal/load"
	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// hook calls fn once, when so many bytes were read.
type hook struct {
	r     io.Reader
	after int
	fn    func()
}

func (h *hook) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	if h.after -= n; h.after <= 0 && h.fn != nil {
		h.fn()
		h.fn = nil
	}
	return n, err
}

func TestALoadThatWasBrokenOffIsFinishedByTheSameCommand(t *testing.T) {
	db := pgtest.New(t)
	db.Owner(t) // opens the pool
	scope := campaign.NewScope(db.App(t))
	left := pgtest.LeavesNothing(t)
	defer left()
	const n = 20_000
	text := events("/a", n/2) + events("/b", n/2)
	o := load.Options{Kind: load.Events, CampaignField: "source", BatchRows: 500}
	ctx, cancel := context.WithCancel(deadline(t))
	defer cancel()
	// The end of the input never comes: only the cancel can end this load.
	pipe, writer := io.Pipe()
	defer writer.Close()
	input := io.MultiReader(&hook{r: strings.NewReader(text), after: len(text) * 3 / 4, fn: cancel}, pipe)

	s, err := load.Run(ctx, scope, []load.Input{load.Reader("-", input)}, o)
	wantFault(t, err, fault.Canceled, "what was accepted is committed, and the same command finishes it")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v should be context.Canceled too", err)
	}
	if s.Read != s.Accepted || s.Accepted >= n || s.Accepted != count(t, db, "service_event") {
		t.Errorf("%s, and %d rows are there", s, count(t, db, "service_event"))
	}
	pipe.Close()

	again, _ := loadText(t, scope, o, text)
	wantCounts(t, again, n, n-s.Accepted, s.Accepted, 0)
	if got := count(t, db, "service_event"); got != n {
		t.Errorf("%d rows, want %d", got, n)
	}
}

// The cancel comes while two statements of the campaign wait for a lock: the load
// waits for them, and counts them.
func TestAStatementUnderWayIsFinished(t *testing.T) {
	db := pgtest.New(t)
	scope := campaign.NewScope(db.App(t))
	ctx, cancel := context.WithCancel(deadline(t))
	defer cancel()
	blocker, err := db.Owner(t).Begin(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	defer blocker.Rollback(context.Background())
	if _, err := blocker.Exec(deadline(t), `LOCK TABLE ovasabi.service_event IN EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	var s load.Summary
	done := make(chan error, 1)
	go func() {
		var err error
		s, err = load.Run(ctx, scope, []load.Input{load.Reader("test", strings.NewReader(events("/a", 1_000)))},
			load.Options{Kind: load.Events, CampaignField: "source", BatchRows: 100, Writers: 2})
		done <- err
	}()
	for waiting := 0; waiting < 2; time.Sleep(5 * time.Millisecond) {
		if err := db.Owner(t).QueryRow(deadline(t), `
SELECT count(*)
FROM pg_stat_activity AS a
WHERE a.datname = current_database() AND a.usename = 'ovasabi_app' AND a.wait_event_type = 'Lock'`).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	select {
	case err := <-done:
		t.Fatalf("the load did not wait for its statement: %s, %v", s, err)
	case <-time.After(100 * time.Millisecond):
	}
	if err := blocker.Rollback(deadline(t)); err != nil {
		t.Fatal(err)
	}
	wantFault(t, <-done, fault.Canceled, "after 200 lines")
	wantCounts(t, s, 200, 200, 0, 0)
	if n := count(t, db, "service_event"); n != 200 {
		t.Errorf("%d rows", n)
	}
}

func TestALoadBeforeItsFirstLineCanBeBrokenOff(t *testing.T) {
	scope := campaign.NewScope(pgtest.New(t).App(t))
	left := pgtest.LeavesNothing(t)
	defer left()
	pipe, writer := io.Pipe()
	ctx, cancel := context.WithCancel(deadline(t))
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err := load.Run(ctx, scope, []load.Input{load.Reader("-", pipe)}, load.Options{Kind: load.Events, CampaignField: "source"})
	wantFault(t, err, fault.Canceled, "after 0 lines")
	writer.Close() // lets the goroutine that reads end
}

// The server ends every connection while the load runs. What was under way is
// written again, and nothing twice.
func TestALoadOutlivesItsConnections(t *testing.T) {
	db := pgtest.New(t)
	scope := campaign.NewScope(db.App(t))
	const n = 20_000
	text := events("/a", n/2) + events("/b", n/2)
	var ended atomic.Int64
	end := func() {
		tag, err := db.Owner(t).Exec(context.Background(), `
SELECT pg_terminate_backend(a.pid)
FROM pg_stat_activity AS a
WHERE a.datname = current_database() AND a.usename = 'ovasabi_app'`)
		if err != nil {
			t.Error(err)
		}
		ended.Add(tag.RowsAffected())
	}
	var input io.Reader = strings.NewReader(text)
	for _, quarter := range []int{1, 2, 3} {
		input = &hook{r: input, after: len(text) * quarter / 4, fn: end}
	}
	s, err := load.Run(deadline(t), scope, []load.Input{load.Reader("test", input)},
		load.Options{Kind: load.Events, CampaignField: "source", BatchRows: 300})
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	if s.Read != n || s.Rejected != 0 || count(t, db, "service_event") != n || ended.Load() == 0 {
		t.Errorf("%s, %d rows, %d connections ended", s, count(t, db, "service_event"), ended.Load())
	}
}

// What cannot get better by waiting ends the load, and says how to go on.
func TestALoadThatTheDatabaseRefusesStops(t *testing.T) {
	db := pgtest.New(t)
	db.Owner(t) // opens the pool
	scope := campaign.NewScope(db.App(t))
	left := pgtest.LeavesNothing(t)
	defer left()
	if _, err := db.Owner(t).Exec(deadline(t), `REVOKE INSERT ON ovasabi.service_event FROM ovasabi_app`); err != nil {
		t.Fatal(err)
	}
	s, err := load.Run(deadline(t), scope, []load.Input{load.Reader("test", strings.NewReader(events("/a", 50_000)))},
		load.Options{Kind: load.Events, CampaignField: "source"})
	wantFault(t, err, fault.Denied, "the same command goes on where it stopped")
	wantCounts(t, s, 0, 0, 0, 0)
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestRejectsThatCannotBeWrittenEndTheLoad(t *testing.T) {
	scope := campaign.NewScope(pgtest.New(t).App(t))
	for _, lines := range []int{1, 10_000} {
		_, err := load.Run(deadline(t), scope, []load.Input{load.Reader("test", strings.NewReader(strings.Repeat("x\n", lines)))},
			load.Options{Kind: load.Events, CampaignField: "source", Rejects: fullDisk{}})
		wantFault(t, err, fault.Unavailable, "rejects: the file of refused lines cannot be written")
	}
}

func TestProgressIsTold(t *testing.T) {
	scope := campaign.NewScope(pgtest.New(t).App(t))
	path := writeFile(t, "events", []byte(events("/a", 3_000)+"bad\n"))
	var told []load.Progress
	o := load.Options{Kind: load.Events, CampaignField: "source", Progress: func(p load.Progress) { told = append(told, p) }}
	s := mustLoad(t, scope, o, path, path)
	if len(told) < 2 || float64(len(told)) > 3+s.Seconds*4 {
		t.Fatalf("told %d times in %.1f s", len(told), s.Seconds)
	}
	last := told[len(told)-1]
	if !last.Done || last.Lines != 6_002 || last.Accepted != 3_000 || last.Duplicates != 3_000 || last.Rejected != 2 ||
		last.Bytes != last.Total || last.Total == 0 || last.Input != path || last.Rate() <= 0 {
		t.Errorf("the last: %+v", last)
	}
	for i, p := range told[:len(told)-1] {
		if p.Done || p.Lines > told[i+1].Lines || p.Bytes > p.Total {
			t.Errorf("call %d: %+v, then %+v", i, p, told[i+1])
		}
	}
}
