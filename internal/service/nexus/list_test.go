package nexus_test

import (
	"fmt"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	nexusv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/nexus/v1"
)

func TestListsOfEvents(t *testing.T) {
	a, id, client := started(t)
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 12 {
		_, err := a.DB.Owner(t).Exec(t.Context(), `
INSERT INTO ovasabi.service_event (campaign_id, event_id, event_type, entity_id, occurred_at, metadata, payload)
VALUES ($1, $2, $3, $4, $5, '{"k": "v"}', $6::jsonb)`,
			id.Int64()+int64(i/10), fmt.Sprintf("e%02d", i), fmt.Sprintf("a:b:v%d:success", i%3+1), fmt.Sprint("thing/", i%2),
			from.Add(time.Duration(i/2)*time.Hour), []string{`null`, `[1, "x"]`, `{"n": 1.5}`, `7`, `"text"`, `true`}[i%6])
		require.NoError(t, err)
	}
	list := func(r *nexusv1.ListEventsRequest) (ids string) {
		t.Helper()
		r.PageSize = 2
		for {
			page, err := client.ListEvents(t.Context(), connect.NewRequest(r))
			require.NoError(t, err)
			for _, e := range page.Msg.GetEvents() {
				ids += e.GetEventId()[1:] + " "
				require.Equal(t, "v", e.GetMetadata().GetFields()["k"].GetStringValue())
			}
			if r.PageToken = page.Msg.GetNextPageToken(); r.GetPageToken() == "" {
				return ids
			}
		}
	}
	require.Equal(t, "09 08 07 06 05 04 03 02 01 00 ", list(&nexusv1.ListEventsRequest{}))
	require.Equal(t, "08 07 05 04 02 01 ", list(&nexusv1.ListEventsRequest{EventTypes: []string{"a:b:v2:success", "a:b:v3:success"}}))
	require.Equal(t, "09 07 05 03 01 ", list(&nexusv1.ListEventsRequest{EntityId: "thing/1"}))
	require.Equal(t, "09 03 ", list(&nexusv1.ListEventsRequest{EntityId: "thing/1", EventTypes: []string{"a:b:v1:success"}}))
	require.Equal(t, "05 04 03 02 ", list(&nexusv1.ListEventsRequest{
		OccurredFrom: timestamppb.New(from.Add(time.Hour)), OccurredBefore: timestamppb.New(from.Add(3 * time.Hour)),
	}))
	for field, bad := range map[string]*nexusv1.ListEventsRequest{
		"event_types[0]":  {EventTypes: []string{"a:b:v0:success"}},
		"occurred_before": {OccurredFrom: timestamppb.New(from), OccurredBefore: timestamppb.New(from)},
		"occurred_from":   {OccurredFrom: &timestamppb.Timestamp{Seconds: 1 << 60}},
		"page_token":      {PageToken: "x"},
	} {
		_, err := client.ListEvents(t.Context(), connect.NewRequest(bad))
		require.Equal(t, connect.CodeInvalidArgument, connect.CodeOf(err))
		require.ErrorContains(t, err, field)
	}
}
