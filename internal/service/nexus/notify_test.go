package nexus_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	nexusv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/nexus/v1"
	"github.com/ovasabi/ovasabi/api/gen/ovasabi/nexus/v1/nexusv1connect"
	"github.com/ovasabi/ovasabi/internal/apitest"
	"github.com/ovasabi/ovasabi/internal/service/nexus"
	"github.com/ovasabi/ovasabi/internal/token"
)

func TestAFlushRingsOnceForItsCampaign(t *testing.T) {
	db := newTable(t, 2)
	listener, err := pgx.Connect(t.Context(), db.AppURL)
	require.NoError(t, err)
	defer func() { _ = listener.Close(context.Background()) }()
	_, err = listener.Exec(t.Context(), "LISTEN "+nexus.Channel)
	require.NoError(t, err)
	p := processor(t, db.scope, nexus.ProcessorConfig{})
	for _, id := range []int{2, 1, 2} {
		events := eventsNamed(fmt.Sprint(time.Now().UnixNano()), 100)
		for _, e := range events {
			e.CampaignId = int64(id)
		}
		require.NoError(t, p.ProcessEvents(t.Context(), events))
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, want := range []string{"2", "1", "2"} {
		n, err := listener.WaitForNotification(ctx)
		require.NoError(t, err)
		require.Equal(t, want, n.Payload)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = listener.WaitForNotification(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded, "nothing more is told")
}

// One connection of a process hears what others write, and goes on hearing after it broke.
func TestABellHearsOtherProcesses(t *testing.T) {
	db := newTable(t, 2)
	p := processor(t, db.scope, nexus.ProcessorConfig{})
	bell := nexus.NewBell()
	rings, stop := nexus.Hear(bell, 2)
	defer stop()
	config, err := pgx.ParseConfig(db.AppURL)
	require.NoError(t, err)
	config.RuntimeParams["application_name"] = "the bell"
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		bell.Listen(ctx, config, slog.New(slog.DiscardHandler))
	}()
	ring := func() {
		t.Helper()
		select {
		case <-rings:
		case <-time.After(patience):
			require.FailNow(t, "nobody rang")
		}
	}
	ring() // it listens now; what came before may have been missed
	require.NoError(t, p.ProcessEvents(inside(t, 1), eventsNamed("other", 1)))
	require.NoError(t, p.ProcessEvents(inside(t, 2), eventsNamed("ours", 1)))
	ring()
	_, err = db.Owner(t).Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'the bell'`)
	require.NoError(t, err)
	ring() // it listens again
	require.NoError(t, p.ProcessEvents(inside(t, 2), eventsNamed("again", 1)))
	ring()
	cancel()
	<-ended
}

// What one server takes in, a subscriber of another one gets, in the order of the ids.
func TestASubscriberOfAnotherServer(t *testing.T) {
	a := apitest.Start(t)
	b := apitest.StartOn(t, a.DB)
	id := a.Campaign(t, "one")
	writes := nexusv1connect.NewNexusServiceClient(a.Client(t, a.Token(t, token.Writer, id)), a.URL)
	reads := nexusv1connect.NewNexusServiceClient(b.Client(t, b.Token(t, token.Reader, id)), b.URL)
	var want []string
	for i := range 300 {
		want = append(want, fmt.Sprint("e", i))
	}
	go func() {
		for from := 0; from < len(want); from += 30 {
			m := &nexusv1.EmitEventsRequest{}
			for _, name := range want[from : from+30] {
				m.Events = append(m.Events, newEvent(id, name))
			}
			_, _ = writes.EmitEvents(context.WithoutCancel(t.Context()), connect.NewRequest(m))
		}
	}()
	ids, _ := follow(t, reads, &nexusv1.SubscribeEventsRequest{FromStart: true}, enough(len(want)))
	require.Equal(t, want, ids)
}
