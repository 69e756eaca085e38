package nexus_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	nexusv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/nexus/v1"
	"github.com/ovasabi/ovasabi/api/gen/ovasabi/nexus/v1/nexusv1connect"
	"github.com/ovasabi/ovasabi/internal/apitest"
	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
)

const insertSQL = `
INSERT INTO ovasabi.service_event (campaign_id, event_id, event_type)
VALUES ($1, $2, $3)`

// txOptions never retry, so that a test knows what was written.
var txOptions = database.TxOptions{MaxAttempts: 1}

var errRollback = errors.New("rolled back on purpose")

// follow reads a subscription until stop says so, and returns the event ids and the last cursor.
func follow(t *testing.T, client nexusv1connect.NexusServiceClient, r *nexusv1.SubscribeEventsRequest, stop func(ids []string) bool) ([]string, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stream, err := client.SubscribeEvents(ctx, connect.NewRequest(r))
	require.NoError(t, err)
	var ids []string
	cursor := ""
	for !stop(ids) {
		require.True(t, stream.Receive(), "%v after %v", stream.Err(), ids)
		cursor = stream.Msg().GetCursor()
		if e := stream.Msg().GetEvent(); e != nil {
			ids = append(ids, e.GetEventId())
		}
	}
	cancel()
	_ = stream.Close()
	return ids, cursor
}

func started(t *testing.T) (*apitest.API, campaign.ID, nexusv1connect.NexusServiceClient) {
	t.Helper()
	a := apitest.Start(t)
	id := a.Campaign(t, "ours")
	a.Campaign(t, "others")
	client := nexusv1connect.NewNexusServiceClient(a.Client(t, a.Token(t, token.Reader, id)), a.URL, connect.WithGRPC())
	return a, id, client
}

func enough(n int) func([]string) bool { return func(ids []string) bool { return len(ids) >= n } }

func insert(t *testing.T, a *apitest.API, id campaign.ID, eventID, eventType string) {
	t.Helper()
	_, err := a.Scope.Exec(campaign.NewContext(t.Context(), id), insertSQL, id.Int64(), eventID, eventType)
	require.NoError(t, err)
}

func TestASubscriptionGoesOnFromItsCursor(t *testing.T) {
	a, id, client := started(t)
	for i := range 5 {
		insert(t, a, id, fmt.Sprint("e", i), "content:create:v1:success")
		insert(t, a, id+1, fmt.Sprint("foreign", i), "content:create:v1:success")
	}
	ids, cursor := follow(t, client, &nexusv1.SubscribeEventsRequest{FromStart: true}, enough(3))
	require.Equal(t, []string{"e0", "e1", "e2"}, ids)
	ids, _ = follow(t, client, &nexusv1.SubscribeEventsRequest{Cursor: cursor}, enough(2))
	require.Equal(t, []string{"e3", "e4"}, ids)

	for _, bad := range []*nexusv1.SubscribeEventsRequest{
		{Cursor: "AAAA"}, {Cursor: cursor, FromStart: true}, {TypePatterns: []string{"content"}}, {TypePatterns: []string{"Content:*"}},
		{HeartbeatInterval: durationpb.New(time.Millisecond)},
	} {
		stream, err := client.SubscribeEvents(t.Context(), connect.NewRequest(bad))
		require.NoError(t, err)
		require.False(t, stream.Receive())
		require.Equal(t, connect.CodeInvalidArgument, connect.CodeOf(stream.Err()), "%v", bad)
		require.NoError(t, stream.Close())
	}
	other := nexusv1connect.NewNexusServiceClient(a.Client(t, a.Token(t, token.Reader, id+1)), a.URL)
	stream, err := other.SubscribeEvents(t.Context(), connect.NewRequest(&nexusv1.SubscribeEventsRequest{Cursor: cursor}))
	require.NoError(t, err)
	require.False(t, stream.Receive())
	require.ErrorContains(t, stream.Err(), "cursor: does not belong to a subscription to this campaign")
	require.NoError(t, stream.Close())
}

func TestASubscriptionTakesTypePatterns(t *testing.T) {
	a, id, client := started(t)
	for _, eventType := range []string{
		"content:create:v1:success", "content:create:v1:failed", "content:create:v2:success", "con_tent:create:v1:success",
		"user:create:v1:success", "conxtent:create:v1:success",
	} {
		insert(t, a, id, eventType, eventType)
	}
	insert(t, a, id, "last", "z:z:v1:requested")
	for _, c := range []struct {
		patterns []string
		want     []string
	}{
		{[]string{"content:*"}, []string{"content:create:v1:success", "content:create:v1:failed", "content:create:v2:success"}},
		{[]string{"*:create:v1:success"}, []string{"content:create:v1:success", "con_tent:create:v1:success", "user:create:v1:success", "conxtent:create:v1:success"}},
		{[]string{"con_tent:*"}, []string{"con_tent:create:v1:success"}},
		{[]string{"*:*:*:failed", "user:create:v1:success"}, []string{"content:create:v1:failed", "user:create:v1:success"}},
	} {
		got, _ := follow(t, client, &nexusv1.SubscribeEventsRequest{FromStart: true, TypePatterns: append(c.patterns, "z:*")},
			func(ids []string) bool { return slices.Contains(ids, "last") })
		require.Equal(t, append(c.want, "last"), got, "%v", c.patterns)
	}
}

// A row with a lower id that is committed after one with a higher id must come all
// the same, live and after a resumption at any cursor.
func TestALateCommitIsNotLost(t *testing.T) {
	a, id, client := started(t)
	insert(t, a, id, "before", "a:b:v1:success")
	late, release := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- a.Scope.InTx(campaign.NewContext(context.WithoutCancel(t.Context()), id), txOptions, func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, insertSQL, id.Int64(), "late", "a:b:v1:success")
			close(late)
			<-release
			return err
		})
	}()
	<-late
	insert(t, a, id, "early", "a:b:v1:success")
	ids, cursor := follow(t, client, &nexusv1.SubscribeEventsRequest{FromStart: true}, enough(2))
	require.Equal(t, []string{"before", "early"}, ids, "what is committed must not wait for what is not")

	released := false
	live, after := follow(t, client, &nexusv1.SubscribeEventsRequest{Cursor: cursor}, func(ids []string) bool {
		if slices.Contains(ids, "early") && !released {
			released = true
			close(release)
		}
		return slices.Contains(ids, "late")
	})
	require.NoError(t, <-done)
	require.Contains(t, live, "late")
	insert(t, a, id, "end", "a:b:v1:success")
	again, _ := follow(t, client, &nexusv1.SubscribeEventsRequest{Cursor: after}, func(ids []string) bool { return slices.Contains(ids, "end") })
	require.NotContains(t, again, "before", "a cursor must move on")
}

// A subscription that begins now gets what is committed from now on, even where its row is older.
func TestFromNowOnHoldsForTransactionsUnderWay(t *testing.T) {
	a, id, client := started(t)
	insert(t, a, id, "past", "a:b:v1:success")
	late, release := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- a.Scope.InTx(campaign.NewContext(context.WithoutCancel(t.Context()), id), txOptions, func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, insertSQL, id.Int64(), "late", "a:b:v1:success")
			close(late)
			<-release
			return err
		})
	}()
	<-late
	insert(t, a, id, "also past", "a:b:v1:success")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stream, err := client.SubscribeEvents(ctx, connect.NewRequest(&nexusv1.SubscribeEventsRequest{}))
	require.NoError(t, err)
	require.True(t, stream.Receive(), "%v", stream.Err())
	require.Nil(t, stream.Msg().GetEvent(), "the first message says that the subscription stands")
	close(release)
	require.NoError(t, <-done)
	require.True(t, stream.Receive(), "%v", stream.Err())
	require.Equal(t, "late", stream.Msg().GetEvent().GetEventId())
	cancel()
	_ = stream.Close()
}

// Many writers, some of which roll back, and a reader that breaks off again and
// again: every event that was committed comes at least once.
func TestNothingIsLostUnderWritersAndBreaks(t *testing.T) {
	a, id, client := started(t)
	const writers, each = 8, 60
	var all sync.WaitGroup
	var mu sync.Mutex
	committed := map[string]bool{}
	for w := range writers {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 1))
			for i := range each {
				name := fmt.Sprintf("w%d-%d", w, i)
				rollback := random.IntN(10) == 0
				err := a.Scope.InTx(campaign.NewContext(context.WithoutCancel(t.Context()), id), txOptions, func(ctx context.Context, tx pgx.Tx) error {
					if _, err := tx.Exec(ctx, insertSQL, id.Int64(), name, "a:b:v1:success"); err != nil {
						return err
					}
					time.Sleep(time.Duration(random.IntN(4000)) * time.Microsecond)
					if rollback {
						return errRollback
					}
					return nil
				})
				if err == nil {
					mu.Lock()
					committed[name] = true
					mu.Unlock()
				}
			}
		})
	}
	go func() { // after all writers, so that the reader knows when to end
		all.Wait()
		_, _ = a.Scope.Exec(campaign.NewContext(context.WithoutCancel(t.Context()), id), insertSQL, id.Int64(), "end", "a:b:v1:success")
	}()
	seen := map[string]int{}
	r := &nexusv1.SubscribeEventsRequest{FromStart: true}
	for breaks := 0; seen["end"] == 0; breaks++ {
		require.Less(t, breaks, 1000)
		ids, cursor := follow(t, client, r, func(ids []string) bool { return len(ids) >= 40 || slices.Contains(ids, "end") })
		for _, e := range ids {
			seen[e]++
		}
		r = &nexusv1.SubscribeEventsRequest{Cursor: cursor}
	}
	all.Wait()
	for name := range committed {
		require.NotZero(t, seen[name], name)
	}
	delete(seen, "end")
	require.Len(t, seen, len(committed), "what was rolled back must not come")
}

func TestARevokedTokenEndsItsSubscription(t *testing.T) {
	a, id, _ := started(t)
	created, err := a.Keys.Create(token.Grant{Subject: "s", Role: token.Reader, Campaigns: []campaign.ID{id}, TTL: time.Hour})
	require.NoError(t, err)
	client := nexusv1connect.NewNexusServiceClient(a.Client(t, created.Text), a.URL)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stream, err := client.SubscribeEvents(ctx, connect.NewRequest(&nexusv1.SubscribeEventsRequest{HeartbeatInterval: durationpb.New(time.Second)}))
	require.NoError(t, err)
	require.True(t, stream.Receive())
	require.True(t, stream.Receive(), "a heartbeat must come")
	require.Nil(t, stream.Msg().GetEvent())
	require.NoError(t, a.Revocations.Revoke(t.Context(), created.ID, created.Expires))
	for stream.Receive() {
		require.Nil(t, stream.Msg().GetEvent())
	}
	require.Equal(t, connect.CodeUnauthenticated, connect.CodeOf(stream.Err()))
	require.NoError(t, stream.Close())
}

func TestShutdownEndsSubscriptionsWithACursor(t *testing.T) {
	a, id, client := started(t)
	insert(t, a, id, "one", "a:b:v1:success")
	stream, err := client.SubscribeEvents(t.Context(), connect.NewRequest(&nexusv1.SubscribeEventsRequest{FromStart: true}))
	require.NoError(t, err)
	require.True(t, stream.Receive())
	require.True(t, stream.Receive())
	require.Equal(t, "one", stream.Msg().GetEvent().GetEventId())
	stopped := make(chan error, 1)
	go func() { stopped <- a.Stop() }()
	cursor := ""
	for stream.Receive() {
		cursor = stream.Msg().GetCursor()
	}
	require.NoError(t, stream.Err())
	require.NotEmpty(t, cursor)
	require.NoError(t, stream.Close())
	require.NoError(t, <-stopped)
}
