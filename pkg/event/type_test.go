package event_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/ovasabi/ovasabi/pkg/event"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// form is the check on ovasabi.service_event, letter by letter.
var form = regexp.MustCompile(`^[a-z][a-z0-9_-]*:[a-z][a-z0-9_-]*:v[1-9][0-9]*:(requested|started|success|failed|completed)$`)

func FuzzParseTypeAgreesWithTheSchema(f *testing.F) {
	for _, seed := range []string{
		"content:create:v1:success", "repo:commit:v12:failed", "a:b:v1:started", "a-b:c_d:v999999999999999999999:completed",
		"", ":::", "content:create:v1", "content:create:v1:success:", "content:create:v01:success", "content:create:v0:success",
		"Content:create:v1:success", "content:create:v1:done", "content::v1:success", "content:create:v1:success\n", "ä:b:v1:failed",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		parsed, err := event.ParseType(s)
		want := form.MatchString(s) && !strings.HasSuffix(s, "\n") && len(s) <= event.MaxTypeLength
		if (err == nil) != want {
			t.Fatalf("ParseType(%q) = %v, the schema's check says %v", s, err, want)
		}
		if err == nil && parsed.String() != s {
			t.Fatalf("%q became %q", s, parsed.String())
		}
	})
}

func TestParseTypeTakesATypeApart(t *testing.T) {
	parsed, err := event.ParseType("repo:commit:v12:requested")
	if err != nil {
		t.Fatal(err)
	}
	if want := (event.Type{Service: "repo", Action: "commit", Version: "12", State: event.Requested}); parsed != want {
		t.Fatalf("got %+v, want %+v", parsed, want)
	}
	if n, ok := parsed.VersionNumber(); n != 12 || !ok {
		t.Fatalf("version %d, %v", n, ok)
	}
	huge, err := event.ParseType("repo:commit:v99999999999999999999:failed")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := huge.VersionNumber(); ok {
		t.Fatal("a version beyond int64 must say so")
	}
}

func TestParseTypeNamesThePartAtFault(t *testing.T) {
	for s, part := range map[string]string{
		"":                          "{service}:{action}:v{N}:{state}",
		"content:create":            "four parts",
		"a:b:v1:success:x":          "four parts",
		"Content:create:v1:success": "service",
		"content:2:v1:success":      "action",
		"content:create:1:success":  "version",
		"content:create:v0:success": "version",
		"content:create:v1:done":    "state",
		"a:" + strings.Repeat("b", 200) + ":v1:failed": "200 characters",
	} {
		err := event.CheckType(s)
		var f *fault.Error
		if !errors.As(err, &f) || !errors.Is(err, fault.Invalid) || f.Field != "event_type" || !strings.Contains(f.Message, part) {
			t.Errorf("%q: %v should be an Invalid fault of event_type that says %q", s, err, part)
		}
	}
}

func TestValidateNamesTheField(t *testing.T) {
	good := func() event.Event {
		return event.Event{ID: strings.Repeat("é", 255), Type: "a:b:v1:success", EntityID: strings.Repeat("木", 255), Metadata: "{}", Payload: "null"}
	}
	e := good()
	if err := e.Validate(); err != nil {
		t.Fatalf("a good event: %v", err)
	}
	for field, spoil := range map[string]func(*event.Event){
		"event_id":   func(e *event.Event) { e.ID = "" },
		"event_type": func(e *event.Event) { e.Type = "x" },
		"entity_id":  func(e *event.Event) { e.EntityID = strings.Repeat("木", 256) },
		"metadata":   func(e *event.Event) { e.Metadata = strings.Repeat(" ", event.MaxMetadataBytes+1) },
		"payload":    func(e *event.Event) { e.Payload = strings.Repeat(" ", event.MaxPayloadBytes+1) },
	} {
		e := good()
		spoil(&e)
		var f *fault.Error
		if err := e.Validate(); !errors.As(err, &f) || f.Field != field {
			t.Errorf("%s spoiled: %v", field, err)
		}
	}
	for _, id := range []string{"a\x00b", "\xff", strings.Repeat("é", 256)} {
		if err := event.CheckID(id); !errors.Is(err, fault.Invalid) {
			t.Errorf("%q as event_id: %v", id, err)
		}
	}
}

func TestParseTypeDoesNotAllocate(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() {
		if event.CheckType("content:create:v1:success") != nil {
			t.Fatal("refused")
		}
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}
