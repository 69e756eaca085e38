package campaign_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// admitted is a scope over a pool of four connections whose campaigns share it by their rows' limits.
func admitted(t *testing.T, config campaign.AdmissionConfig) (*campaign.Scope, *campaign.Admission, *pgtest.DB) {
	t.Helper()
	db := pgtest.New(t)
	pool := pgtest.Pool(t, db.AppURL, 8, nil)
	if config.Capacity == 0 {
		config.Capacity = 4
	}
	config.Refresh = 20 * time.Millisecond
	a, err := campaign.NewAdmission(config, campaign.RowLimits{Pool: pool})
	require.NoError(t, err)
	t.Cleanup(a.Close)
	return campaign.NewScope(pool, campaign.WithAdmission(a)), a, db
}

func load(a *campaign.Admission, id campaign.ID) campaign.Load {
	for _, l := range a.Loads() {
		if l.Campaign == id {
			return l
		}
	}
	return campaign.Load{}
}

func limit(t *testing.T, s *campaign.Scope, ctx context.Context, set string) {
	t.Helper()
	_, err := s.Exec(ctx, `UPDATE ovasabi.service_campaign_main SET `+set)
	require.NoError(t, err)
}

func TestACampaignRunsNoMoreThanItsShare(t *testing.T) {
	s, a, _ := admitted(t, campaign.AdmissionConfig{})
	id := newCampaign(t, s, "a")
	ctx := campaign.NewContext(t.Context(), id)
	limit(t, s, ctx, `max_concurrency = 2`)
	require.Eventually(t, func() bool {
		_, err := s.Exec(ctx, `SELECT 1`)
		return err == nil && load(a, id).Limits.MaxConcurrency == 2
	}, 5*time.Second, 5*time.Millisecond, "the changed limit was not seen")

	var running, most atomic.Int32
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			err := s.InTx(ctx, database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
				now := running.Add(1)
				defer running.Add(-1)
				for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
				}
				_, err := tx.Exec(ctx, `SELECT pg_sleep(0.005)`)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	require.Equal(t, int32(2), most.Load())
	require.Zero(t, load(a, id).Running)
}

// Twenty long calls of a busy campaign wait; one of a quiet campaign goes past all of them.
func TestAQuietCampaignDoesNotWaitBehindABusyOne(t *testing.T) {
	s, a, _ := admitted(t, campaign.AdmissionConfig{Capacity: 2, DefaultConcurrency: 2})
	busy, quiet := newCampaign(t, s, "busy"), newCampaign(t, s, "quiet")
	busyCtx, quietCtx := campaign.NewContext(t.Context(), busy), campaign.NewContext(t.Context(), quiet)
	_, err := s.Exec(quietCtx, `SELECT 1`)
	require.NoError(t, err)

	gate := make(chan struct{})
	var finished atomic.Int32
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			_ = s.InTx(busyCtx, database.TxOptions{}, func(context.Context, pgx.Tx) error {
				<-gate
				return nil
			})
			finished.Add(1)
		})
	}
	require.Eventually(t, func() bool { l := load(a, busy); return l.Running == 2 && l.Waiting == 18 }, 5*time.Second, time.Millisecond)
	answered := make(chan int32, 1)
	go func() {
		_, err := s.Exec(quietCtx, `SELECT 1`)
		if err != nil {
			t.Error(err)
		}
		answered <- finished.Load()
	}()
	require.Eventually(t, func() bool { return load(a, quiet).Waiting == 1 }, 5*time.Second, time.Millisecond)
	gate <- struct{}{} // one place comes free
	require.LessOrEqual(t, <-answered, int32(2), "the quiet campaign waited behind the busy one's queue")
	close(gate)
	group.Wait()
}

// A thousand callers of ten campaigns wait for four places, one campaign with most
// of them. None is refused, and places go to campaigns in turn as long as all wait.
func TestAThousandCallersAreServedInTurn(t *testing.T) {
	const campaigns, each, most = 10, 50, 550
	s, a, _ := admitted(t, campaign.AdmissionConfig{Capacity: 4, DefaultConcurrency: 4, MaxWait: 4 * time.Minute})
	gate := make(chan struct{})
	var group, holding sync.WaitGroup
	hold := campaign.NewContext(t.Context(), newCampaign(t, s, "holds"))
	holding.Add(4)
	for range 4 {
		group.Go(func() {
			err := s.InTx(hold, database.TxOptions{}, func(context.Context, pgx.Tx) error {
				holding.Done()
				<-gate
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	holding.Wait()
	var order sync.Mutex
	var served []campaign.ID
	for i := range campaigns {
		id := newCampaign(t, s, fmt.Sprintf("c%d", i))
		ctx := campaign.NewContext(t.Context(), id)
		callers := each
		if i == 0 {
			callers = most
		}
		for range callers {
			group.Go(func() {
				err := s.InTx(ctx, database.TxOptions{}, func(context.Context, pgx.Tx) error {
					order.Lock()
					defer order.Unlock()
					served = append(served, id)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	waiting := func() (n int) {
		for _, l := range a.Loads() {
			n += l.Waiting
		}
		return n
	}
	require.Eventually(t, func() bool { return waiting() == most+(campaigns-1)*each }, time.Minute, time.Millisecond)
	close(gate)
	group.Wait()
	require.Len(t, served, most+(campaigns-1)*each)
	share := map[campaign.ID]int{}
	for _, id := range served[:campaigns*each/2] {
		share[id]++
	}
	require.Len(t, share, campaigns)
	for id, n := range share {
		// Each is within the four that run of its equal part.
		require.InDelta(t, each/2, n, 4, "campaign %s", id)
	}
}

func TestOverItsRateACampaignHearsWhenToComeBack(t *testing.T) {
	s, a, _ := admitted(t, campaign.AdmissionConfig{MaxWait: time.Millisecond})
	id := newCampaign(t, s, "a")
	ctx := campaign.NewContext(t.Context(), id)
	limit(t, s, ctx, `max_rate = 0.1`)
	require.Eventually(t, func() bool {
		_, _ = s.Exec(ctx, `SELECT 1`)
		return load(a, id).Limits.MaxRate > 0
	}, 5*time.Second, 5*time.Millisecond)
	var err error
	for range 3 {
		if _, err = s.Exec(ctx, `SELECT 1`); err != nil {
			break
		}
	}
	require.ErrorIs(t, err, fault.Limited)
	var f *fault.Error
	require.ErrorAs(t, err, &f)
	require.Positive(t, f.RetryAfter)
	require.LessOrEqual(t, f.RetryAfter, 10*time.Second)
}

// A thousand calls that gave up while they waited for the rate take nothing of it:
// at 20 a second, theirs would last for 50 s, and no call waits longer than 10 s.
func TestACallThatGivesUpTakesNothingOfTheRate(t *testing.T) {
	s, a, _ := admitted(t, campaign.AdmissionConfig{})
	id := newCampaign(t, s, "a")
	ctx := campaign.NewContext(t.Context(), id)
	limit(t, s, ctx, `max_rate = 20`)
	require.Eventually(t, func() bool {
		_, err := s.Exec(ctx, `SELECT 1`)
		return err == nil && load(a, id).Limits.MaxRate > 0
	}, 5*time.Second, 5*time.Millisecond)
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	for range 1000 {
		_, err := s.Exec(canceled, `SELECT 1`)
		require.ErrorIs(t, err, fault.Canceled)
	}
	_, err := s.Exec(ctx, `SELECT 1`)
	require.NoError(t, err)
}

func TestACampaignsStatementTimeoutEndsItsStatements(t *testing.T) {
	s, a, _ := admitted(t, campaign.AdmissionConfig{})
	id, other := newCampaign(t, s, "a"), newCampaign(t, s, "b")
	ctx := campaign.NewContext(t.Context(), id)
	limit(t, s, ctx, `statement_timeout_ms = 30`)
	require.Eventually(t, func() bool {
		_, err := s.Exec(ctx, `SELECT 1`)
		return err == nil && load(a, id).Limits.StatementTimeout == 30*time.Millisecond
	}, 5*time.Second, 5*time.Millisecond)
	_, err := s.Exec(ctx, `SELECT pg_sleep(5)`)
	require.ErrorIs(t, err, fault.Unavailable)
	require.ErrorContains(t, err, "time limit")
	err = s.InTx(ctx, database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `SELECT pg_sleep(5)`)
		return err
	})
	require.ErrorContains(t, err, "time limit")
	// It holds for its own campaign, and ends with the call.
	_, err = s.Exec(campaign.NewContext(t.Context(), other), `SELECT pg_sleep(0.1)`)
	require.NoError(t, err)
}

func TestACallThatGivesUpLeavesItsPlace(t *testing.T) {
	s, a, _ := admitted(t, campaign.AdmissionConfig{Capacity: 1, DefaultConcurrency: 1, MaxWait: 50 * time.Millisecond})
	id := newCampaign(t, s, "a")
	ctx := campaign.NewContext(t.Context(), id)
	gate, holding := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- s.InTx(ctx, database.TxOptions{}, func(context.Context, pgx.Tx) error {
			close(holding)
			<-gate
			return nil
		})
	}()
	<-holding
	_, err := s.Exec(ctx, `SELECT 1`)
	require.ErrorIs(t, err, fault.Limited)
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = s.Exec(canceled, `SELECT 1`)
	require.ErrorIs(t, err, fault.Canceled)
	close(gate)
	require.NoError(t, <-done)
	l := load(a, id)
	require.Zero(t, l.Running)
	require.Zero(t, l.Waiting)
	_, err = s.Exec(ctx, `SELECT 1`)
	require.NoError(t, err)
}

func TestAnUnknownCampaignIsNotFound(t *testing.T) {
	s, _, _ := admitted(t, campaign.AdmissionConfig{})
	_, err := s.Exec(campaign.NewContext(t.Context(), 4711), `SELECT 1`)
	require.ErrorIs(t, err, fault.NotFound)
	require.ErrorContains(t, err, "4711")
}

func TestTheAdmissionLeavesNoGoroutine(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	a, err := campaign.NewAdmission(campaign.AdmissionConfig{Capacity: 1}, campaign.RowLimits{})
	require.NoError(t, err)
	a.Close()
}
