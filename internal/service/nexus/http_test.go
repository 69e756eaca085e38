package nexus_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	cesdk "github.com/cloudevents/sdk-go/v2"
	ceevent "github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/apitest"
	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/campaign"
)

// posted is what POST /events answers, to one event, to a batch, and with an error.
type posted struct {
	status int
	text   string

	EventID, Outcome, Field, Reason, Code, Message string
	ID                                             string
	Accepted, Duplicates, Rejected, Failed         int
	Receipts                                       []struct{ Index, EventID, Outcome, Field, Reason, ID string }
}

func post(t *testing.T, a *apitest.API, text, contentType, body string, headers ...string) posted {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL+"/events", strings.NewReader(body))
	require.NoError(t, err)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	response, err := a.Client(t, text).Do(r)
	require.NoError(t, err)
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	p := posted{status: response.StatusCode, text: string(answer)}
	require.Equal(t, "application/json", response.Header.Get("Content-Type"), p.text)
	// The names of the contract differ from Go's in letter case and in "_" only.
	require.NoError(t, json.Unmarshal(bytes.ReplaceAll(answer, []byte("event_id"), []byte("eventId")), &p))
	return p
}

const (
	structured = "application/cloudevents+json"
	batched    = "application/cloudevents-batch+json; charset=utf-8"
)

func TestCloudEventsInEveryMode(t *testing.T) {
	a := apitest.Start(t)
	one := a.Campaign(t, "one")
	text := a.Token(t, token.Writer, one)

	p := post(t, a, text, structured, `{"specversion": "1.0", "id": "s", "source": "/shop", "type": "shop:order:v1:success",
		"subject": "order/1", "time": "2026-03-01T12:00:00.5+02:00", "partner": 7, "data": {"total": 12345678901234567890.25}}`)
	require.Equal(t, http.StatusOK, p.status, p.text)
	require.Equal(t, "EVENT_OUTCOME_ACCEPTED", p.Outcome)
	require.Equal(t, "s", p.EventID)
	require.NotEmpty(t, p.ID)
	again := post(t, a, text, structured, `{"specversion": "1.0", "id": "s", "source": "/shop", "type": "shop:order:v1:success"}`)
	require.Equal(t, "EVENT_OUTCOME_DUPLICATE", again.Outcome)
	require.Equal(t, p.ID, again.ID)

	p = post(t, a, text, "application/json", `[1, 2]`, "ce-specversion", "1.0", "ce-id", "b", "ce-source", "/shop",
		"ce-type", "shop:order:v1:success", "ce-subject", "caf%C3%A9", "ce-campaignid", one.String())
	require.Equal(t, http.StatusOK, p.status, p.text)
	p = post(t, a, text, "", "", "ce-specversion", "1.0", "ce-id", "no data", "ce-source", "/shop", "ce-type", "shop:order:v1:success")
	require.Equal(t, http.StatusOK, p.status, p.text)
	p = post(t, a, text, "text/plain", "plain", "ce-specversion", "1.0", "ce-id", "text", "ce-source", "/shop", "ce-type", "shop:order:v1:success")
	require.Equal(t, http.StatusOK, p.status, p.text)
	p = post(t, a, text, "application/octet-stream", "\x00\xff", "ce-specversion", "1.0", "ce-id", "bytes", "ce-source", "/shop", "ce-type", "shop:order:v1:success")
	require.Equal(t, http.StatusOK, p.status, p.text)

	p = post(t, a, text, batched, `[
		{"specversion": "1.0", "id": "s", "source": "/shop", "type": "shop:order:v1:success"},
		{"specversion": "1.0", "id": "n1", "source": "/shop", "type": "shop:order:v1:success", "data_base64": "eyJhIjogMX0=", "datacontenttype": "application/json"},
		{"specversion": "1.0", "id": "zero", "source": "/shop", "type": "shop:order:v1:success", "data": "\u0000"},
		{"specversion": "1.0", "id": "other", "source": "/shop", "type": "shop:order:v1:success", "campaignid": "`+(one+1).String()+`"},
		{"specversion": "1.0", "id": "kind", "source": "/shop", "type": "com.example.order"},
		7]`)
	require.Equal(t, http.StatusOK, p.status, p.text)
	require.Equal(t, []int{1, 1, 4, 0}, []int{p.Accepted, p.Duplicates, p.Rejected, p.Failed}, p.text)
	require.Equal(t, "data", p.Receipts[2].Field)
	require.Equal(t, "campaignid", p.Receipts[3].Field)
	require.Equal(t, "type", p.Receipts[4].Field)
	require.Contains(t, p.Receipts[4].Reason, "four parts")
	require.Contains(t, p.Receipts[5].Reason, "must be a JSON object")

	for _, c := range []struct{ id, entity, occurred, metadata, payload string }{
		{"s", "order/1", "2026-03-01 10:00:00.5+00", `{"time": "2026-03-01T12:00:00.5+02:00", "source": "/shop", "partner": 7, "subject": "order/1", "specversion": "1.0"}`, `{"total": 12345678901234567890.25}`},
		{"b", "café", "", `{"source": "/shop", "subject": "café", "campaignid": "` + one.String() + `", "specversion": "1.0", "datacontenttype": "application/json"}`, `[1, 2]`},
		{"no data", "", "", `{"source": "/shop", "specversion": "1.0"}`, `null`},
		{"text", "", "", `{"source": "/shop", "specversion": "1.0", "datacontenttype": "text/plain"}`, `"plain"`},
		{"bytes", "", "", `{"source": "/shop", "specversion": "1.0", "data_encoding": "base64", "datacontenttype": "application/octet-stream"}`, `"AP8="`},
		{"n1", "", "", `{"source": "/shop", "specversion": "1.0", "datacontenttype": "application/json"}`, `{"a": 1}`},
	} {
		var entity, occurred, metadata, payload string
		require.NoError(t, a.DB.Owner(t).QueryRow(t.Context(), `
SELECT entity_id, (occurred_at AT TIME ZONE 'UTC')::text || '+00', metadata::text, payload::text
FROM ovasabi.service_event
WHERE campaign_id = $1 AND event_id = $2`, one.Int64(), c.id).Scan(&entity, &occurred, &metadata, &payload), c.id)
		require.Equal(t, c.entity, entity)
		require.Equal(t, c.metadata, metadata)
		require.Equal(t, c.payload, payload)
		if c.occurred != "" {
			require.Equal(t, c.occurred, occurred)
		}
	}
	require.Equal(t, 6, rowsOf(t, a))
}

func TestWhatIsNoGoodCloudEvent(t *testing.T) {
	a := apitest.Start(t)
	one, two := a.Campaign(t, "one"), a.Campaign(t, "two")
	text := a.Token(t, token.Writer, one)
	event := func(more string) string {
		return `{"specversion": "1.0", "id": "e", "source": "/shop", "type": "shop:order:v1:success"` + more + `}`
	}
	for _, c := range []struct {
		contentType, body, field string
		status                   int
	}{
		{structured, event(`, "campaignid": "` + two.String() + `"`), "campaignid", http.StatusForbidden},
		{structured, event(`, "campaignid": 99999999999`), "campaignid", http.StatusForbidden},
		{structured, event(`, "campaignid": "one"`), "campaignid", http.StatusBadRequest},
		{structured, event(`, "time": "yesterday"`), "time", http.StatusBadRequest},
		{structured, event(`, "data": 1, "data_base64": "AA=="`), "data_base64", http.StatusBadRequest},
		{structured, event(`, "data_base64": "?"`), "data_base64", http.StatusBadRequest},
		{structured, event(`, "my_extension": 1`), `"my_extension"`, http.StatusBadRequest},
		{structured, event(`, "nested": {}`), "nested", http.StatusBadRequest},
		{structured, event(`, "subject": ""`), "subject", http.StatusBadRequest},
		{structured, strings.Replace(event(""), "1.0", "0.3", 1), "specversion", http.StatusBadRequest},
		{structured, strings.Replace(event(""), "success", "done", 1), "type", http.StatusBadRequest},
		{structured, strings.Replace(event(""), `"id": "e", `, "", 1), "id", http.StatusBadRequest},
		{structured, `[` + event("") + `]`, "", http.StatusBadRequest},
		{structured, `{`, "", http.StatusBadRequest},
		{batched, event(""), "", http.StatusBadRequest},
		{batched, `[` + strings.Repeat(event("")+",", 10_000) + event("") + `]`, "", http.StatusBadRequest},
		{"application/json", event(""), "Content-Type", http.StatusUnsupportedMediaType},
		{"application/cloudevents+avro", event(""), "Content-Type", http.StatusUnsupportedMediaType},
		{structured + "; charset=latin1", event(""), "Content-Type", http.StatusUnsupportedMediaType},
		{structured, strings.Repeat(" ", 9<<20) + event(""), "", http.StatusRequestEntityTooLarge},
	} {
		p := post(t, a, text, c.contentType, c.body)
		require.Equal(t, c.status, p.status, p.text)
		require.Equal(t, c.field, p.Field, p.text)
		require.NotEmpty(t, p.Message)
	}
	p := post(t, a, a.Token(t, token.Reader, one), structured, event(""))
	require.Equal(t, http.StatusForbidden, p.status)
	p = post(t, a, "", structured, event(""))
	require.Equal(t, http.StatusUnauthorized, p.status)
	p = post(t, a, a.Token(t, token.Writer, one, two), structured, event(""))
	require.Equal(t, http.StatusBadRequest, p.status)
	require.Equal(t, "campaignid", p.Field)
	require.Zero(t, rowsOf(t, a))
}

// The clients that others have: the SDK of CloudEvents, and curl.
func TestTheClientsOfOthers(t *testing.T) {
	a := apitest.Start(t)
	one := a.Campaign(t, "one")
	text := a.Token(t, token.Writer, one)
	client, err := cesdk.NewClientHTTP(cesdk.WithTarget(a.URL+"/events"), cehttp.WithHeader("Authorization", "Bearer "+text))
	require.NoError(t, err)
	for i, data := range []any{map[string]any{"n": 1}, "text", []byte{0, 1}} {
		for mode, encoding := range map[string]func() (id string, result error){
			"binary": func() (string, error) {
				e := sdkEvent(t, fmt.Sprint("binary", i), one, data)
				return e.ID(), client.Send(cesdk.WithEncodingBinary(t.Context()), e)
			},
			"structured": func() (string, error) {
				e := sdkEvent(t, fmt.Sprint("structured", i), one, data)
				return e.ID(), client.Send(cesdk.WithEncodingStructured(t.Context()), e)
			},
		} {
			id, result := encoding()
			require.True(t, cesdk.IsACK(result), "%s: %v", mode, result)
			var there bool
			require.NoError(t, a.DB.Owner(t).QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM ovasabi.service_event WHERE event_id = $1)`, id).Scan(&there))
			require.True(t, there, id)
		}
	}
	var same int // whichever way an event comes, its payload is the same
	require.NoError(t, a.DB.Owner(t).QueryRow(t.Context(), `
SELECT count(*)
FROM ovasabi.service_event AS b
JOIN ovasabi.service_event AS s ON s.event_id = replace(b.event_id, 'binary', 'structured') AND s.payload = b.payload
WHERE b.event_id LIKE 'binary%'`).Scan(&same))
	require.Equal(t, 3, same)

	curl, err := exec.LookPath("curl")
	require.NoError(t, err, "curl must be installed")
	out, err := exec.CommandContext(t.Context(), curl, "-sS", "-f", a.URL+"/events", "-H", "Authorization: Bearer "+text,
		"-H", "Content-Type: "+structured, "-d", `{"specversion":"1.0","id":"curl","source":"/","type":"a:b:v1:success"}`).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), `"outcome":"EVENT_OUTCOME_ACCEPTED"`)
}

func sdkEvent(t *testing.T, id string, campaignID campaign.ID, data any) ceevent.Event {
	t.Helper()
	e := cesdk.NewEvent()
	e.SetID(id)
	e.SetSource("/sdk")
	e.SetType("shop:order:v1:success")
	e.SetExtension("campaignid", campaignID.String())
	contentType := map[bool]string{true: cesdk.ApplicationJSON, false: cesdk.TextPlain}
	switch data := data.(type) {
	case []byte:
		require.NoError(t, e.SetData("application/octet-stream", data))
	default:
		_, isText := data.(string)
		require.NoError(t, e.SetData(contentType[!isText], data))
	}
	return e
}
