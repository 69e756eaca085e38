package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCloudEventsFromOutside posts events to the running binary as curl does, in
// every mode of CloudEvents over HTTP, and lists what was kept.
func TestCloudEventsFromOutside(t *testing.T) {
	const (
		one      = `{"specversion": "1.0", "id": "structured", "source": "/shop", "type": "shop:order:v1:success", "campaignid": "1", "data": {"total": "9.50"}}`
		other    = `{"specversion": "1.0", "id": "smuggled", "source": "/shop", "type": "shop:order:v1:success", "campaignid": "2"}`
		nameless = `{"specversion": "1.0", "id": "bad", "source": "/shop", "type": "shop"}`
		last     = `{"specversion": "1.0", "id": "last", "source": "/shop", "type": "shop:order:v1:failed"}`
	)
	s := serve(t, true)
	writer := s.tokenFor(t, "writer")
	post := func(token, kind, body string, more ...string) (int, string) {
		return curl(t, append(more, "-H", "Authorization: Bearer "+token, "-H", "Content-Type: "+kind, "--data-binary", body, s.url+"/events")...)
	}

	status, body := post(writer, "application/cloudevents+json", one)
	require.Equal(t, 200, status, body)
	status, body = post(writer, "text/plain", "hello", "-H", "ce-specversion: 1.0", "-H", "ce-id: binary", "-H", "ce-source: /shop", "-H", "ce-type: shop:order:v1:success")
	require.Equal(t, 200, status, body)
	// What is bad is refused alone: the one of another campaign and the one without a type.
	status, body = post(writer, "application/cloudevents-batch+json", "["+strings.Join([]string{one, other, nameless, last}, ",")+"]")
	require.Equal(t, 200, status, body)
	var batch struct {
		Accepted, Duplicates, Rejected int
		Receipts                       []struct{ Field string }
	}
	require.NoError(t, json.Unmarshal([]byte(body), &batch), body)
	require.Equal(t, []int{1, 1, 2}, []int{batch.Accepted, batch.Duplicates, batch.Rejected}, body)
	require.Equal(t, "campaignid", batch.Receipts[1].Field)
	require.Equal(t, "type", batch.Receipts[2].Field)

	for name, c := range map[string]struct {
		token, kind, body, says string
		status                  int
	}{
		"no token":                {"", "application/cloudevents+json", one, "", 401},
		"a reader's token":        {s.tokenFor(t, "reader"), "application/cloudevents+json", one, "", 403},
		"another campaign":        {writer, "application/cloudevents+json", other, "campaignid", 403},
		"another version":         {writer, "application/cloudevents+json", strings.Replace(last, "1.0", "0.3", 1), "specversion", 400},
		"a bad type":              {writer, "application/cloudevents+json", nameless, "four parts", 400},
		"another kind of body":    {writer, "application/json", one, "Content-Type", 415},
		"what is no JSON":         {writer, "application/cloudevents+json", "{", "", 400},
		"a batch that is no list": {writer, "application/cloudevents-batch+json", one, "", 400},
	} {
		status, body := post(c.token, c.kind, c.body)
		require.Equal(t, c.status, status, "%s: %s", name, body)
		require.Contains(t, body, c.says, name)
	}

	status, body = curl(t, "-H", "Authorization: Bearer "+writer, "-H", "Content-Type: application/json", "--data-binary", "{}", s.url+"/ovasabi.nexus.v1.NexusService/ListEvents")
	require.Equal(t, 200, status, body)
	var list struct {
		Events []struct {
			EventID    string
			CampaignID string
			Payload    any
		}
	}
	require.NoError(t, json.Unmarshal([]byte(body), &list), body)
	kept := map[string]any{}
	for _, e := range list.Events {
		require.Equal(t, "1", e.CampaignID, body)
		kept[e.EventID] = e.Payload
	}
	require.Equal(t, map[string]any{"structured": map[string]any{"total": "9.50"}, "binary": "hello", "last": nil}, kept, body)
}
