package nexus_test

import (
	"fmt"
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	nexusv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/nexus/v1"
	"github.com/ovasabi/ovasabi/api/gen/ovasabi/nexus/v1/nexusv1connect"
	"github.com/ovasabi/ovasabi/internal/apitest"
	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/campaign"
)

const (
	acceptedOutcome  = nexusv1.EventOutcome_EVENT_OUTCOME_ACCEPTED
	duplicateOutcome = nexusv1.EventOutcome_EVENT_OUTCOME_DUPLICATE
	rejectedOutcome  = nexusv1.EventOutcome_EVENT_OUTCOME_REJECTED
	failedOutcome    = nexusv1.EventOutcome_EVENT_OUTCOME_FAILED
)

// writer starts a server with two campaigns and a client that may write to both.
func writer(t testing.TB) (*apitest.API, campaign.ID, campaign.ID, nexusv1connect.NexusServiceClient) {
	t.Helper()
	a := apitest.Start(t)
	one, two := a.Campaign(t, "one"), a.Campaign(t, "two")
	a.Campaign(t, "foreign")
	return a, one, two, nexusv1connect.NewNexusServiceClient(a.Client(t, a.Token(t, token.Writer, one, two)), a.URL, connect.WithGRPC())
}

func rowsOf(t testing.TB, a *apitest.API) (n int) {
	t.Helper()
	require.NoError(t, a.DB.Owner(t).QueryRow(t.Context(), `SELECT count(*) FROM ovasabi.service_event`).Scan(&n))
	return n
}

func newEvent(id campaign.ID, name string) *nexusv1.EventRequest {
	return &nexusv1.EventRequest{EventId: name, EventType: "shop:order:v1:success", CampaignId: id.Int64(), Payload: structpb.NewStringValue(name)}
}

func TestAnEventIsWrittenOnce(t *testing.T) {
	a, one, two, client := writer(t)
	emit := func(e *nexusv1.EventRequest) *nexusv1.EventReceipt {
		t.Helper()
		r, err := client.EmitEvent(t.Context(), connect.NewRequest(&nexusv1.EmitEventRequest{Event: e}))
		require.NoError(t, err)
		return r.Msg.GetReceipt()
	}
	first := emit(newEvent(one, "e"))
	require.Equal(t, acceptedOutcome, first.GetOutcome())
	require.Positive(t, first.GetId())
	again := emit(newEvent(one, "e"))
	require.Equal(t, duplicateOutcome, again.GetOutcome())
	require.Equal(t, first.GetId(), again.GetId())
	require.Equal(t, acceptedOutcome, emit(newEvent(two, "e")).GetOutcome(), "an id belongs to its campaign")
	require.NotEmpty(t, emit(newEvent(one, "")).GetEventId(), "the server makes an id")
	require.Equal(t, 3, rowsOf(t, a))
}

func TestWhatEmitRefuses(t *testing.T) {
	a, one, _, client := writer(t)
	foreign := one + 2
	for field, bad := range map[string]*nexusv1.EventRequest{
		"event.event_type": {CampaignId: one.Int64(), EventType: "shop:order:v1:done"},
		"event.event_id":   {CampaignId: one.Int64(), EventType: "a:b:v1:success", EventId: fmt.Sprintf("%0256d", 0)},
		"event.payload":    {CampaignId: one.Int64(), EventType: "a:b:v1:success", Payload: structpb.NewStringValue(fmt.Sprintf("%0300000d", 0))},
		"event.metadata":   {CampaignId: one.Int64(), EventType: "a:b:v1:success", Metadata: &structpb.Struct{Fields: map[string]*structpb.Value{"k": structpb.NewStringValue(fmt.Sprintf("%070000d", 0))}}},
		"campaign_id":      {EventType: "a:b:v1:success"}, // the token holds two
	} {
		_, err := client.EmitEvent(t.Context(), connect.NewRequest(&nexusv1.EmitEventRequest{Event: bad}))
		require.Equal(t, connect.CodeInvalidArgument, connect.CodeOf(err), "%s: %v", field, err)
		require.ErrorContains(t, err, field)
	}
	_, err := client.EmitEvent(t.Context(), connect.NewRequest(&nexusv1.EmitEventRequest{Event: newEvent(foreign, "e")}))
	require.Equal(t, connect.CodePermissionDenied, connect.CodeOf(err))
	_, err = client.EmitEvents(t.Context(), connect.NewRequest(&nexusv1.EmitEventsRequest{CampaignId: foreign.Int64(), Events: []*nexusv1.EventRequest{newEvent(one, "e")}}))
	require.Equal(t, connect.CodePermissionDenied, connect.CodeOf(err))
	reader := nexusv1connect.NewNexusServiceClient(a.Client(t, a.Token(t, token.Reader, one)), a.URL)
	_, err = reader.EmitEvent(t.Context(), connect.NewRequest(&nexusv1.EmitEventRequest{Event: newEvent(one, "e")}))
	require.Equal(t, connect.CodePermissionDenied, connect.CodeOf(err))
	require.Zero(t, rowsOf(t, a))
}

func TestEachOfManyEventsHasItsReceipt(t *testing.T) {
	a, one, two, client := writer(t)
	events := []*nexusv1.EventRequest{
		newEvent(one, "a"), newEvent(two, "a"), newEvent(one, "a"), // the third repeats the first
		newEvent(0, "in the request's campaign"),
		newEvent(one+2, "foreign"),
		{EventId: "type", EventType: "nonsense", CampaignId: one.Int64()},
		{EventId: "zero", EventType: "a:b:v1:success", CampaignId: one.Int64(), Payload: structpb.NewStringValue("a\x00b")},
		newEvent(two, "last"),
	}
	r, err := client.EmitEvents(t.Context(), connect.NewRequest(&nexusv1.EmitEventsRequest{CampaignId: two.Int64(), Events: events}))
	require.NoError(t, err)
	got := r.Msg
	want := []nexusv1.EventOutcome{
		acceptedOutcome, acceptedOutcome, duplicateOutcome, acceptedOutcome, rejectedOutcome, rejectedOutcome, rejectedOutcome, acceptedOutcome,
	}
	for i, receipt := range got.GetReceipts() {
		require.Equal(t, want[i], receipt.GetOutcome(), "%v", receipt)
		require.Equal(t, int64(i), receipt.GetIndex())
		require.Equal(t, events[i].GetEventId(), receipt.GetEventId())
	}
	require.Equal(t, got.GetReceipts()[0].GetId(), got.GetReceipts()[2].GetId())
	for i, field := range map[int]string{4: "campaign_id", 5: "event_type", 6: "payload"} {
		require.Equal(t, field, got.GetReceipts()[i].GetField())
		require.NotEmpty(t, got.GetReceipts()[i].GetReason())
	}
	require.Equal(t, []int32{4, 1, 3, 0}, []int32{got.GetAccepted(), got.GetDuplicates(), got.GetRejected(), got.GetFailed()})
	require.Equal(t, 4, rowsOf(t, a))
}

func TestAnArchivedCampaignTakesNoEvents(t *testing.T) {
	a, one, two, client := writer(t)
	_, err := client.EmitEvent(t.Context(), connect.NewRequest(&nexusv1.EmitEventRequest{Event: newEvent(one, "before")}))
	require.NoError(t, err)
	_, err = a.DB.Owner(t).Exec(t.Context(), `UPDATE ovasabi.service_campaign_main SET status = 'archived' WHERE id = $1`, one.Int64())
	require.NoError(t, err)
	r, err := client.EmitEvents(t.Context(), connect.NewRequest(&nexusv1.EmitEventsRequest{Events: []*nexusv1.EventRequest{
		newEvent(one, "before"), newEvent(one, "after"), newEvent(two, "after"),
	}}))
	require.NoError(t, err)
	require.Equal(t, duplicateOutcome, r.Msg.GetReceipts()[0].GetOutcome())
	require.Equal(t, rejectedOutcome, r.Msg.GetReceipts()[1].GetOutcome())
	require.Equal(t, "campaign_id", r.Msg.GetReceipts()[1].GetField())
	require.Equal(t, acceptedOutcome, r.Msg.GetReceipts()[2].GetOutcome())
	_, err = client.EmitEvent(t.Context(), connect.NewRequest(&nexusv1.EmitEventRequest{Event: newEvent(one, "after")}))
	require.ErrorContains(t, err, "archived")
}

var badTime = &timestamppb.Timestamp{Seconds: 1 << 60}
