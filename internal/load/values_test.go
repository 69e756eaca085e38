package load_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"

	"github.com/ovasabi/ovasabi/internal/load"
	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
)

// odd is text that breaks naive code.
const odd = "a`b'c\"d%s\\ $1 שלום مرحبا 木 é😀 \u202e\n\t"

func quoted(t testing.TB, s string) string {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// stored reads rows as one JSON array, in the order of id.
func stored(t testing.TB, db *pgtest.DB, sql string) (rows []map[string]any) {
	t.Helper()
	var text string
	if err := db.Owner(t).QueryRow(deadline(t), `SELECT coalesce(json_agg(to_json(r) ORDER BY r.id), '[]') FROM (`+sql+`) AS r`).Scan(&text); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		delete(r, "id")
	}
	return rows
}

func wantRows(t testing.TB, got []map[string]any, want ...map[string]any) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d: %v", len(got), len(want), got)
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("row %d\n got  %#v\n want %#v", i, got[i], want[i])
		}
	}
}

type object = map[string]any

func TestAnEventKeepsAllThatCameWithIt(t *testing.T) {
	db := pgtest.New(t)
	scope := campaign.NewScope(db.App(t))
	text := ev("") + "\n" +
		`{"data":{"m":` + quoted(t, odd) + `,"paths":[],"n":12345678901234567890.123},"specversion":"1.0","id":"2","source":"git/x","type":"a:b:v1:failed",` +
		`"subject":` + quoted(t, "who-木") + `,"time":"2026-08-23T01:37:43.123456789+05:30","datacontenttype":"application/json","dataschema":"#/s","comexampleext":"\u00e9","flag":true,"n7":7,"gone":null}` + "\n" +
		`{"specversion":"1.0","id":"3","source":"git/x","type":"a:b:v1:failed","datacontenttype":"image/png","data_base64":"iVBORw0KGgo="}` + "\n" +
		`{"specversion":"1.0","id":"4","source":"git/x","type":"a:b:v1:failed","datacontenttype":"application/cloudevents+json","data_base64":"eyJhIjpbMV19","time":"2026-08-23t01:37:43z"}` + "\n" +
		`{"specversion":"1.0","id":"5","source":"git/x","type":"a:b:v1:failed","data":"plain","time":null,"subject":null}` + "\n"
	started := time.Now().Add(-time.Minute)
	makeCampaign(t, db, "shop", "Shop")
	s, _ := loadText(t, scope, load.Options{Kind: load.Events, Campaign: "shop"}, text)
	wantCounts(t, s, 5, 5, 0, 0)
	rows := stored(t, db, `
SELECT id, event_id, event_type, entity_id, to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') AS at, metadata, payload, payload #>> '{n}' AS n
FROM ovasabi.service_event`)
	for _, i := range []int{0, 2, 4} { // without a time: when it was received
		at, err := time.Parse("2006-01-02T15:04:05", rows[i]["at"].(string))
		if err != nil || at.Before(started) || at.After(time.Now().Add(time.Minute)) {
			t.Errorf("row %d occurred at %v", i, rows[i]["at"])
		}
		delete(rows[i], "at")
	}
	wantRows(t, rows,
		object{"event_id": "1", "event_type": "a:b:v1:success", "entity_id": "", "payload": nil, "n": nil,
			"metadata": object{"specversion": "1.0", "source": "/shop"}},
		object{"event_id": "2", "event_type": "a:b:v1:failed", "entity_id": "who-木", "at": "2026-08-22T20:07:43.123456",
			"payload": object{"m": odd, "paths": []any{}, "n": 12345678901234567890.123}, "n": "12345678901234567890.123",
			"metadata": object{"specversion": "1.0", "source": "git/x", "subject": "who-木", "time": "2026-08-23T01:37:43.123456789+05:30",
				"datacontenttype": "application/json", "dataschema": "#/s", "comexampleext": "é", "flag": true, "n7": 7.0}},
		object{"event_id": "3", "event_type": "a:b:v1:failed", "entity_id": "", "payload": "iVBORw0KGgo=", "n": nil,
			"metadata": object{"specversion": "1.0", "source": "git/x", "datacontenttype": "image/png", "data_encoding": "base64"}},
		object{"event_id": "4", "event_type": "a:b:v1:failed", "entity_id": "", "at": "2026-08-23T01:37:43.000000", "payload": object{"a": []any{1.0}}, "n": nil,
			"metadata": object{"specversion": "1.0", "source": "git/x", "datacontenttype": "application/cloudevents+json", "time": "2026-08-23t01:37:43z"}},
		object{"event_id": "5", "event_type": "a:b:v1:failed", "entity_id": "", "payload": "plain", "n": nil,
			"metadata": object{"specversion": "1.0", "source": "git/x"}})
}

func TestRowsOfTheOtherKindsKeepTheirValues(t *testing.T) {
	db := pgtest.New(t)
	scope := campaign.NewScope(db.App(t))
	makeCampaign(t, db, "shop", "Shop")
	o := load.Options{Campaign: "shop"}

	o.Kind = load.Content
	s, _ := loadText(t, scope, o, `{"slug":"a","title":`+quoted(t, odd)+`,"body":`+quoted(t, odd+odd)+`,"tags":["x",`+quoted(t, odd)+`],"status":"published","metadata":{"k":[1]},"source":"tldr"}
{"slug":"a/b","title":"T","tags":null,"body":null,"status":null,"metadata":null}
{"slug":"a","title":"later, so not kept"}
`)
	wantCounts(t, s, 3, 2, 1, 0)
	wantRows(t, stored(t, db, `SELECT id, slug, title, body, tags, status, metadata FROM ovasabi.service_content_main`),
		object{"slug": "a", "title": odd, "body": odd + odd, "tags": []any{"x", odd}, "status": "published", "metadata": object{"source": "tldr", "k": []any{1.0}}},
		object{"slug": "a/b", "title": "T", "body": "", "tags": []any{}, "status": "draft", "metadata": object{}})

	o.Kind = load.Users
	s, _ = loadText(t, scope, o, `{"username":"Ada","email":"Ada@Example.org","first_name":"Ada","last_name":"Lovelace","status":"invited","last_login_at":"2026-03-01T12:00:00.5+05:45","metadata":{}}
{"email":"grace@example.org","username":"","first_name":null}
`)
	wantCounts(t, s, 2, 2, 0, 0)
	wantRows(t, stored(t, db, `SELECT id, username, email, first_name, last_name, status, last_login_at AT TIME ZONE 'UTC' AS at, metadata FROM ovasabi.service_user_main`),
		object{"username": "Ada", "email": "Ada@Example.org", "first_name": "Ada", "last_name": "Lovelace", "status": "invited", "at": "2026-03-01T06:15:00.5", "metadata": object{}},
		object{"username": nil, "email": "grace@example.org", "first_name": nil, "last_name": nil, "status": "active", "at": nil, "metadata": object{}})

	o.Kind = load.Products
	s, _ = loadText(t, scope, o, `{"sku":"a","name":"N","description":"D","price":"0099999999.990","currency":"JPY","stock":2147483647,"status":"discontinued","metadata":{"tax_rate":0.19}}
{"sku":"b","name":"N","price":0.1}
{"sku":"c","name":"N","price":"0","stock":null,"currency":null,"metadata":{"tax_rate":10}}
`)
	wantCounts(t, s, 3, 3, 0, 0)
	wantRows(t, stored(t, db, `SELECT id, sku, name, description, price::text, currency, stock, status, metadata FROM ovasabi.service_product_main`),
		object{"sku": "a", "name": "N", "description": "D", "price": "99999999.99", "currency": "JPY", "stock": 2147483647.0, "status": "discontinued", "metadata": object{"tax_rate": 0.19}},
		object{"sku": "b", "name": "N", "description": "", "price": "0.10", "currency": "EUR", "stock": 0.0, "status": "available", "metadata": object{}},
		object{"sku": "c", "name": "N", "description": "", "price": "0.00", "currency": "EUR", "stock": 0.0, "status": "available", "metadata": object{"tax_rate": 10.0}})
}

// The CloudEvents project's own reader judges the same lines: what it calls
// valid we take, with the same attributes. In two points we hold to the text of
// CloudEvents 1.0.2, section "Context Attributes", where the SDK is milder: names
// are lower-case, and a subject that is present is not empty.
func TestWeReadCloudEventsAsTheirSDKDoes(t *testing.T) {
	db := pgtest.New(t)
	scope := campaign.NewScope(db.App(t))
	makeCampaign(t, db, "shop", "Shop")
	lines := []string{
		ev(""), ev(`subject="s"`), ev(`time="2026-08-23T01:37:43.5+05:30"`), ev(`ext="x"`), ev(`n=7`), ev(`flag=false`),
		ev(`data={"a":[1,null]}`), ev(`data="x"`), ev(`dataschema="https://example.org/s"`), ev(`datacontenttype="text/plain; charset=utf-8"`),
		ev(`specversion="2.0"`), ev(`source=`), ev(`type=`), ev(`id=`), ev(`time="2026-08-23T01:37:43"`), ev(`subject=""`), ev(`Bad="x"`), ev(`datacontenttype="nonsense;;"`),
	}
	for i, line := range lines {
		line = strings.Replace(line, `"id":"1"`, `"id":"`+string(rune('a'+i))+`"`, 1)
		var e cloudevents.Event
		sdkErr := json.Unmarshal([]byte(line), &e)
		if sdkErr == nil {
			sdkErr = e.Validate()
		}
		s, refused := loadText(t, scope, load.Options{Kind: load.Events, Campaign: "shop"}, line)
		if strings.Contains(line, `"Bad"`) || strings.Contains(line, `"subject":""`) {
			wantCounts(t, s, 1, 0, 0, 1)
			continue
		}
		if (s.Accepted == 1) != (sdkErr == nil) {
			t.Errorf("%s\n we: %+v\n the SDK: %v", line, refused, sdkErr)
			continue
		}
		if sdkErr != nil {
			continue
		}
		rows := stored(t, db, `SELECT id, event_id, event_type, entity_id, metadata, occurred_at FROM ovasabi.service_event ORDER BY id DESC LIMIT 1`)
		got := rows[0]
		metadata := got["metadata"].(object)
		for name, value := range e.Extensions() {
			stored, ok := metadata[name]
			if n, isInt := value.(int32); isInt {
				value = float64(n)
			}
			if !ok || !reflect.DeepEqual(stored, value) {
				t.Errorf("%s: extension %s is stored as %v, the SDK reads %v", line, name, stored, value)
			}
		}
		if got["event_id"] != e.ID() || got["event_type"] != e.Type() || got["entity_id"] != e.Subject() || metadata["source"] != e.Source() {
			t.Errorf("%s\n stored %v\n the SDK reads %v", line, got, e)
		}
		if at, err := time.Parse(time.RFC3339Nano, got["occurred_at"].(string)); !e.Time().IsZero() && (err != nil || !at.Equal(e.Time())) {
			t.Errorf("%s: occurred at %v, the SDK reads %v", line, got["occurred_at"], e.Time())
		}
	}
}
