package cloudevents_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/cloudevents"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

func TestModes(t *testing.T) {
	for _, c := range []struct {
		contentType, id string
		want            cloudevents.Mode
	}{
		{"application/cloudevents+json", "", cloudevents.Structured},
		{"application/cloudevents+json; charset=utf-8", "x", cloudevents.Structured},
		{"application/cloudevents-batch+json", "", cloudevents.Batched},
		{"application/cloudevents+protobuf", "x", cloudevents.None},
		{"application/json", "x", cloudevents.Binary},
		{"", "x", cloudevents.Binary},
		{"application/json", "", cloudevents.None},
		{"", "", cloudevents.None},
	} {
		h := http.Header{}
		h.Set("Content-Type", c.contentType)
		h.Set("Ce-Id", c.id)
		require.Equal(t, c.want, cloudevents.ModeOf(h), "%+v", c)
	}
}

func TestHeadersOfTheBinaryMode(t *testing.T) {
	good := func() http.Header {
		return http.Header{
			"Ce-Specversion": {"1.0"}, "Ce-Id": {"e"}, "Ce-Source": {"/s"}, "Ce-Type": {"a:b:v1:success"},
			"Ce-Note": {"100% %e2%82%ac"}, "Traceparent": {"not an attribute"},
		}
	}
	e, err := cloudevents.FromBinary(good(), nil)
	require.NoError(t, err)
	require.JSONEq(t, `{"specversion": "1.0", "source": "/s", "note": "100% %e2%82%ac"}`, e.Metadata, "a percent sign that begins no escape stands for itself")
	h := good()
	h.Set("Ce-Note", "%e2%82%ac")
	e, err = cloudevents.FromBinary(h, nil)
	require.NoError(t, err)
	require.JSONEq(t, `{"specversion": "1.0", "source": "/s", "note": "€"}`, e.Metadata)

	for field, change := range map[string]func(h http.Header){
		"note":            func(h http.Header) { h.Add("Ce-Note", "again") },
		"type":            func(h http.Header) { h.Set("Ce-Type", "") },
		"id":              func(h http.Header) { h.Del("Ce-Id") },
		"source":          func(h http.Header) { h.Set("Ce-Source", "%ff") },
		"subject":         func(h http.Header) { h.Set("Ce-Subject", "a%00b") },
		"data":            func(h http.Header) { h.Set("Content-Type", "application/json") },
		"datacontenttype": func(h http.Header) { h.Set("Ce-Datacontenttype", "text/plain") },
		`"my_note"`:       func(h http.Header) { h["Ce-My_note"] = []string{"x"} },
	} {
		h := good()
		change(h)
		_, err := cloudevents.FromBinary(h, []byte("{"))
		require.ErrorIs(t, err, fault.Invalid, field)
		require.ErrorContains(t, err, field+": ")
	}
}

// Whatever is read obeys the rules of events and is JSON; whatever is refused is
// refused by a fault, not by a panic.
func FuzzJSON(f *testing.F) {
	f.Add(`{"specversion": "1.0", "id": "s", "source": "/shop", "type": "shop:order:v1:success", "campaignid": 7, "time": "2026-03-01T12:00:00Z", "data": {"a": [1e5]}}`)
	f.Add(`{"specversion": "1.0", "id": "s", "source": "/", "type": "a:b:v1:success", "data_base64": "eyJhIjogMX0=", "datacontenttype": "application/json"}`)
	f.Add(`{"specversion": "1.0", "id": null, "x": true, "data": null`)
	f.Fuzz(func(t *testing.T, text string) {
		var p cloudevents.Parser
		e, err := p.JSON(text)
		if err != nil {
			require.ErrorIs(t, err, fault.Invalid)
			return
		}
		require.NoError(t, e.Validate())
		require.True(t, json.Valid([]byte(e.Metadata)), e.Metadata)
		require.True(t, json.Valid([]byte(e.Payload)), e.Payload)
	})
}
