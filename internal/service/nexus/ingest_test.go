package nexus_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/structpb"

	nexusv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/nexus/v1"
	"github.com/ovasabi/ovasabi/api/gen/ovasabi/nexus/v1/nexusv1connect"
	"github.com/ovasabi/ovasabi/internal/service/nexus"
	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/campaign"
)

type ingestStream = connect.BidiStreamForClient[nexusv1.IngestEventsRequest, nexusv1.IngestEventsResponse]

// receiptsUntilEnd reads a stream's answers, by index, and how it ended.
func receiptsUntilEnd(stream *ingestStream) (map[int64]*nexusv1.EventReceipt, error) {
	got := map[int64]*nexusv1.EventReceipt{}
	for {
		m, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			return got, nil
		}
		if err != nil {
			return got, err
		}
		for _, r := range m.GetReceipts() {
			if _, twice := got[r.GetIndex()]; twice {
				return got, fmt.Errorf("two receipts for %d", r.GetIndex())
			}
			got[r.GetIndex()] = r
		}
	}
}

// badEvents are seven events that each break another rule.
func badEvents(one, foreign campaign.ID) map[string]*nexusv1.EventRequest {
	long := func(n int) *structpb.Value { return structpb.NewStringValue(strings.Repeat("x", n)) }
	deep := structpb.NewNullValue()
	for range 300 {
		deep = structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{deep}})
	}
	return map[string]*nexusv1.EventRequest{
		"event_type":  {EventId: "bad type", EventType: "Shop:order:v1:success"},
		"event_id":    {EventId: strings.Repeat("é", 256), EventType: "a:b:v1:success"},
		"entity_id":   {EventId: "bad entity", EventType: "a:b:v1:success", EntityId: "a\x00b"},
		"metadata":    {EventId: "bad metadata", EventType: "a:b:v1:success", Metadata: &structpb.Struct{Fields: map[string]*structpb.Value{"k": long(70_000)}}},
		"payload":     {EventId: "bad payload", EventType: "a:b:v1:success", Payload: deep},
		"campaign_id": {EventId: "foreign", EventType: "a:b:v1:success", CampaignId: foreign.Int64()},
		"occurred_at": {EventId: "bad time", EventType: "a:b:v1:success", OccurredAt: badTime},
	}
}

func TestSevenBadEventsOfTenThousandAreRejectedAlone(t *testing.T) {
	a, one, two, client := writer(t)
	const all, each = 10_000, 100
	bad := badEvents(one, two+1)
	places := map[int64]string{}
	for field := range bad {
		places[int64(1+len(places)*1431)] = field // from the first hundred to the last
	}
	stream := client.IngestEvents(t.Context())
	type end struct {
		receipts map[int64]*nexusv1.EventReceipt
		err      error
	}
	ended := make(chan end, 1)
	go func() {
		receipts, err := receiptsUntilEnd(stream)
		ended <- end{receipts, err}
	}()
	for from := range all / each {
		m := &nexusv1.IngestEventsRequest{CampaignId: one.Int64()}
		for i := from * each; i < (from+1)*each; i++ {
			e := newEvent([]campaign.ID{0, two}[i%2], fmt.Sprint("e", i))
			if field, isBad := places[int64(i)]; isBad {
				e = bad[field]
			}
			m.Events = append(m.Events, e)
		}
		require.NoError(t, stream.Send(m))
	}
	require.NoError(t, stream.CloseRequest())
	got := <-ended
	require.NoError(t, got.err)
	require.NoError(t, stream.CloseResponse())
	require.Len(t, got.receipts, all)
	for i, r := range got.receipts {
		field, isBad := places[i]
		if !isBad {
			require.Equal(t, acceptedOutcome, r.GetOutcome(), "%v", r)
			require.Equal(t, fmt.Sprint("e", i), r.GetEventId())
			require.Positive(t, r.GetId())
			continue
		}
		require.Equal(t, rejectedOutcome, r.GetOutcome(), "%v", r)
		require.Equal(t, field, r.GetField())
		require.Greater(t, len(r.GetReason()), 10)
	}
	require.Equal(t, all-7, rowsOf(t, a))
	// The ids of a campaign follow the order in which its events were sent.
	var outOfOrder int
	require.NoError(t, a.DB.Owner(t).QueryRow(t.Context(), `
SELECT count(*)
FROM (
    SELECT e.id < lag(e.id) OVER (PARTITION BY e.campaign_id ORDER BY substr(e.event_id, 2)::integer) AS earlier
    FROM ovasabi.service_event AS e
) AS o
WHERE o.earlier`).Scan(&outOfOrder))
	require.Zero(t, outOfOrder)
}

func TestAStreamToAForeignCampaignIsRefusedAfterWhatWasTaken(t *testing.T) {
	a, one, two, client := writer(t)
	stream := client.IngestEvents(t.Context())
	require.NoError(t, stream.Send(&nexusv1.IngestEventsRequest{CampaignId: one.Int64(), Events: []*nexusv1.EventRequest{newEvent(0, "good")}}))
	require.NoError(t, stream.Send(&nexusv1.IngestEventsRequest{CampaignId: two.Int64() + 1, Events: []*nexusv1.EventRequest{newEvent(0, "foreign")}}))
	receipts, err := receiptsUntilEnd(stream)
	require.Equal(t, connect.CodePermissionDenied, connect.CodeOf(err))
	require.Len(t, receipts, 1)
	require.Equal(t, acceptedOutcome, receipts[0].GetOutcome())
	_ = stream.CloseRequest()
	_ = stream.CloseResponse()
	require.Equal(t, 1, rowsOf(t, a))
}

func TestARevokedTokenEndsItsIngestion(t *testing.T) {
	a, one, _, _ := writer(t)
	created, err := a.Keys.Create(token.Grant{Subject: "s", Role: token.Writer, Campaigns: []campaign.ID{one}, TTL: time.Hour})
	require.NoError(t, err)
	client := nexusv1connect.NewNexusServiceClient(a.Client(t, created.Text), a.URL, connect.WithGRPC())
	stream := client.IngestEvents(t.Context())
	require.NoError(t, stream.Send(&nexusv1.IngestEventsRequest{Events: []*nexusv1.EventRequest{newEvent(0, "before")}}))
	m, err := stream.Receive()
	require.NoError(t, err)
	require.Equal(t, acceptedOutcome, m.GetReceipts()[0].GetOutcome())
	require.NoError(t, a.Revocations.Revoke(t.Context(), created.ID, created.Expires))
	_, err = stream.Receive()
	require.Equal(t, connect.CodeUnauthenticated, connect.CodeOf(err))
	_ = stream.CloseRequest()
	_ = stream.CloseResponse()
}

// At the end of the server everything that was taken is answered; what was not
// answered was not taken. So a sender that sends again what was not answered loses nothing.
func TestShutdownAnswersWhatAStreamSent(t *testing.T) {
	a, one, _, client := writer(t)
	stream := client.IngestEvents(t.Context())
	var receipts map[int64]*nexusv1.EventReceipt
	var ending error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		receipts, ending = receiptsUntilEnd(stream)
	}()
	sending := make(chan int, 1)
	go func() {
		n := 0
		for stream.Send(&nexusv1.IngestEventsRequest{Events: []*nexusv1.EventRequest{newEvent(one, fmt.Sprint("e", n))}}) == nil {
			n++
			time.Sleep(100 * time.Microsecond)
		}
		sending <- n
	}()
	require.Eventually(t, func() bool { return rowsOf(t, a) > 100 }, patience, time.Millisecond)
	require.NoError(t, a.Stop())
	<-ended
	require.Equal(t, connect.CodeUnavailable, connect.CodeOf(ending), "%v", ending)
	n := <-sending
	_ = stream.CloseRequest()
	_ = stream.CloseResponse()
	require.LessOrEqual(t, len(receipts), n)
	require.Len(t, receipts, rowsOf(t, a), "every row was answered for")
	for i := range int64(len(receipts)) {
		require.Equal(t, acceptedOutcome, receipts[i].GetOutcome())
	}
}

// A sender that does not read is made to wait: what the server holds of its stream is bounded.
func TestASenderThatDoesNotReadIsMadeToWait(t *testing.T) {
	a, one, _, _ := writer(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols, HTTP2: &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10}}
	defer transport.CloseIdleConnections()
	client := nexusv1connect.NewNexusServiceClient(&http.Client{Transport: transport}, a.URL, connect.WithGRPC())
	stream := client.IngestEvents(ctx)
	stream.RequestHeader().Set("Authorization", "Bearer "+a.Token(t, token.Writer, one))
	name := strings.Repeat("n", 200)
	sent := make(chan struct{}, 100_000)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; ; i++ {
			m := &nexusv1.IngestEventsRequest{CampaignId: one.Int64()}
			for j := range 100 {
				m.Events = append(m.Events, newEvent(0, fmt.Sprint(name, i, "-", j)))
			}
			if stream.Send(m) != nil {
				return
			}
			sent <- struct{}{}
		}
	}()
	// It stands still once the windows are full, and no event that it sent is lost.
	last := -1
	require.Eventually(t, func() bool {
		before := last
		last = len(sent)
		return last > 0 && last == before && a.Events.Processor().Held() == nexus.Held{}
	}, patience, 500*time.Millisecond)
	require.Less(t, last*100, 30_000, "the window of the stream, and what was under way to the server")
	got := 0
	for got < last*100 {
		m, err := stream.Receive()
		require.NoError(t, err)
		got += len(m.GetReceipts())
	}
	cancel()
	<-ended
	_ = stream.CloseResponse()
}

// Holding a lock on the table is a database that does not answer.
func lockEvents(t testing.TB, url string) (release func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `LOCK TABLE ovasabi.service_event IN ACCESS EXCLUSIVE MODE`)
	require.NoError(t, err)
	released := false
	release = func() {
		if !released {
			released = true
			_ = conn.Close(context.WithoutCancel(t.Context()))
		}
	}
	t.Cleanup(release)
	return release
}
