package load_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ovasabi/ovasabi/internal/load"
	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

func TestEveryWayToWriteLinesIsRead(t *testing.T) {
	db := pgtest.New(t)
	scope := campaign.NewScope(db.App(t))
	text := events("/shop", 10)
	half := strings.Index(text, `{"specversion":"1.0","id":"event-00000005"`)
	for name, c := range map[string]struct {
		data []byte
		read int64
	}{
		"plain":                      {[]byte(text), 10},
		"no newline at the end":      {[]byte(strings.TrimSuffix(text, "\n")), 10},
		"CRLF":                       {[]byte(strings.ReplaceAll(text, "\n", "\r\n")), 10},
		"byte order mark":            {[]byte("\xef\xbb\xbf" + text), 10},
		"two files put together":     {[]byte("\xef\xbb\xbf" + text[:half] + "\xef\xbb\xbf" + text[half:]), 10},
		"empty lines are not lines":  {[]byte("\n\n" + strings.ReplaceAll(text, "\n", "\n \t\r\n") + "\n"), 10},
		"gzip":                       {gzipped(t, text), 10},
		"gzip of two members":        {append(gzipped(t, text[:half+17]), gzipped(t, text[half+17:])...), 10},
		"gzip with a mark, CRLF":     {gzipped(t, "\xef\xbb\xbf"+strings.ReplaceAll(text, "\n", "\r\n")), 10},
		"an empty file":              {nil, 0},
		"only empty lines":           {[]byte("\n\r\n  \n"), 0},
		"gzip of nothing":            {gzipped(t, ""), 0},
		"only a mark":                {[]byte("\xef\xbb\xbf"), 0},
		"space around each line":     {[]byte("  " + strings.ReplaceAll(text, "\n", "\t \n  ")), 10},
		"one byte a time, from pipe": {[]byte(text), 10},
	} {
		t.Run(name, func(t *testing.T) {
			// Each in a campaign of its own; the name of the file says nothing about what it holds.
			o := load.Options{Kind: load.Events, Campaign: makeCampaign(t, db, fmt.Sprintf("c%d", count(t, db, "service_campaign_main")), name).String()}
			var s load.Summary
			if strings.Contains(name, "pipe") {
				inputs, err := load.Files([]string{"-"}, oneByte{bytes.NewReader(c.data)})
				if err != nil {
					t.Fatal(err)
				}
				if s, err = load.Run(deadline(t), scope, inputs, o); err != nil {
					t.Fatal(err)
				}
			} else {
				s = mustLoad(t, scope, o, writeFile(t, "events.txt", c.data))
			}
			wantCounts(t, s, c.read, c.read, 0, 0)
		})
	}
}

type oneByte struct{ r io.Reader }

func (o oneByte) Read(p []byte) (int, error) { return o.r.Read(p[:1]) }

func TestSeveralFilesAreOneLoad(t *testing.T) {
	scope := campaign.NewScope(pgtest.New(t).App(t))
	a, b := events("/a", 5), events("/b", 7)
	s := mustLoad(t, scope, load.Options{Kind: load.Events, CampaignField: "source"},
		writeFile(t, "a", []byte(a)), writeFile(t, "b.gz", gzipped(t, b)), writeFile(t, "a-again", []byte(a)))
	wantCounts(t, s, 17, 12, 5, 0)
	if s.Campaigns != 2 {
		t.Errorf("%d campaigns", s.Campaigns)
	}
}

func TestADamagedGzipLoadsWhatIsThereAndSaysWhereItEnds(t *testing.T) {
	db := pgtest.New(t)
	scope := campaign.NewScope(db.App(t))
	o := load.Options{Kind: load.Events, CampaignField: "source"}
	const n = 5_000
	text := events("/shop", n)
	whole := gzipped(t, text)

	cut := writeFile(t, "cut.gz", whole[:len(whole)/2])
	other := writeFile(t, "other", []byte(events("/other", 3)))
	inputs, err := load.Files([]string{cut, other}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := load.Run(deadline(t), scope, inputs, o)
	inCut := s.Read - 3
	wantFault(t, err, fault.Invalid, cut, fmt.Sprintf("ends in line %d: the gzip data is cut off", inCut+1), "run the same command again")
	if s.Accepted != s.Read || inCut < n/4 || inCut > n*3/4 || count(t, db, "service_event") != s.Accepted {
		t.Errorf("%s, and %d rows; about half of %d lines and the other file should be there", s, count(t, db, "service_event"), n)
	}

	again := mustLoad(t, scope, o, writeFile(t, "whole.gz", whole))
	wantCounts(t, again, n, n-inCut, inCut, 0)

	flipped := bytes.Clone(whole)
	flipped[len(flipped)-6] ^= 1 // in the checksum
	for name, c := range map[string]struct {
		data   []byte
		reason string
	}{
		"checksum":             {flipped, fmt.Sprintf("ends in line %d: the gzip data is damaged", n+1)},
		"something follows":    {append(bytes.Clone(whole), "tail that is no gzip"...), "something that is not gzip follows"},
		"header alone":         {whole[:5], "ends in line 1: the gzip data is cut off"},
		"no last eight bytes":  {whole[:len(whole)-8], fmt.Sprintf("ends in line %d: the gzip data is cut off", n+1)},
		"only the magic bytes": {whole[:2], "ends in line 1: the gzip data is cut off"},
	} {
		inputs, err := load.Files([]string{writeFile(t, "bad.gz", c.data)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = load.Run(deadline(t), scope, inputs, o)
		t.Run(name, func(t *testing.T) { wantFault(t, err, fault.Invalid, c.reason) })
	}
}

func TestFilesThatCannotBeReadAreToldBeforeAnythingIsLoaded(t *testing.T) {
	good := writeFile(t, "good", []byte(events("/shop", 1)))
	missing := filepath.Join(t.TempDir(), "missing.ndjson")
	for _, c := range []struct {
		paths  []string
		kind   fault.Kind
		reason string
	}{
		{[]string{good, missing}, fault.NotFound, missing + ": there is no such file"},
		{[]string{good, t.TempDir()}, fault.Invalid, "is a folder: name the files in it"},
		{[]string{"-", good, "-"}, fault.Invalid, "- stands twice"},
		{nil, fault.Invalid, "must be named"},
	} {
		_, err := load.Files(c.paths, strings.NewReader(""))
		wantFault(t, err, c.kind, c.reason)
	}
	if os.Geteuid() != 0 { // root may read everything
		locked := writeFile(t, "locked", nil)
		if err := os.Chmod(locked, 0); err != nil {
			t.Fatal(err)
		}
		_, err := load.Files([]string{locked}, nil)
		wantFault(t, err, fault.Denied, locked, "may not be read by this user")
	}
}

func TestOtherFormatsAreToldWithAWayOut(t *testing.T) {
	scope := campaign.NewScope(pgtest.New(t).App(t))
	for magic, way := range map[string]string{
		"\x28\xb5\x2f\xfd....": "zstd -dc", "BZh9....": "bzip2 -dc", "\xfd7zXZ\x00....": "xz -dc",
		"PK\x03\x04....": "unzip -p", "\xff\xfe{\x00}\x00": "iconv", "\xfe\xff\x00{\x00}": "iconv",
	} {
		_, err := load.Run(deadline(t), scope, []load.Input{load.Reader("x", strings.NewReader(magic))},
			load.Options{Kind: load.Events, CampaignField: "source"})
		wantFault(t, err, fault.Invalid, "x: is ", way)
	}
}

// A line of 64 MB is passed over: what is kept of it is its beginning.
func TestAnOverlongLineIsRejectedWithoutBeingHeld(t *testing.T) {
	scope := campaign.NewScope(pgtest.New(t).App(t))
	const size = 64 << 20
	mb := strings.NewReader(strings.Repeat("x", 1<<20))
	parts := []io.Reader{strings.NewReader(events("/shop", 2) + `{"huge":"`)}
	for range size >> 20 {
		parts = append(parts, &rewinding{r: mb})
	}
	parts = append(parts, strings.NewReader("\"}\n"+events("/other", 2)))

	var refused bytes.Buffer
	o := load.Options{Kind: load.Events, CampaignField: "source", Rejects: &refused}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s, err := load.Run(deadline(t), scope, []load.Input{load.Reader("test", io.MultiReader(parts...))}, o)
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	wantCounts(t, s, 5, 4, 0, 1)
	if grown := (after.TotalAlloc - before.TotalAlloc) >> 20; grown > 24 {
		t.Errorf("%d MiB were allocated for a line of which 4 MiB may be looked at", grown)
	}
	list := readRejects(t, &refused)
	if len(list) != 1 || list[0].Line != 3 || !list[0].Truncated || len(list[0].Text) != 64<<10 ||
		!strings.Contains(list[0].Reason, "the line is longer than 4194304 bytes") {
		t.Errorf("refused: %d, the first %+.300v", len(list), list)
	}
}

type rewinding struct {
	r       *strings.Reader
	started bool
}

func (r *rewinding) Read(p []byte) (int, error) {
	if !r.started {
		r.started = true
		_, _ = r.r.Seek(0, io.SeekStart)
	}
	return r.r.Read(p)
}

func TestTheLimitOfALineIsExact(t *testing.T) {
	scope := campaign.NewScope(pgtest.New(t).App(t))
	const most = 1 << 20
	at := func(size int, ending string) string {
		head, tail := `{"slug":"s`+fmt.Sprint(size)+ending[:0]+`","title":"T","metadata":{}`, "}"
		return head + strings.Repeat(" ", size-len(head)-len(tail)) + tail + ending
	}
	o := load.Options{Kind: load.Content, Campaign: "", CampaignField: "slug", MaxLineBytes: most}
	s, refused := loadText(t, scope, o, at(most, "\r\n")+at(most+1, "\n")+at(most-1, "\n")+at(2*most, "\r\n")+at(300<<10, ""))
	wantCounts(t, s, 5, 3, 0, 2)
	if len(refused) != 2 || refused[0].Line != 2 || refused[1].Line != 4 {
		t.Errorf("refused: %+.200v", refused)
	}
}
