package load_test

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/ovasabi/ovasabi/internal/load"
	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
)

// endless makes lines one after the other, without holding them.
type endless struct {
	n, lines int
	line     func(i int) string
	rest     string
}

func (e *endless) Read(p []byte) (int, error) {
	if e.rest == "" {
		if e.n == e.lines {
			return 0, io.EOF
		}
		e.rest = e.line(e.n)
		e.n++
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// 80 MB of large events over 64 campaigns, which all lie on the shelf at once:
// what lives on the heap stays far below what passes through.
func TestMemoryDoesNotGrowWithTheFile(t *testing.T) {
	scope := campaign.NewScope(pgtest.New(t).App(t))
	pad := strings.Repeat("x", 16<<10)
	input := &endless{lines: 5_000, line: func(i int) string {
		// Few ids, so that the database has little to do.
		return fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"/shop/%d","type":"a:b:v1:success","data":{"n":%d,"pad":%q}}`+"\n", i%100, i%64, i, pad)
	}}
	live := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, most := live(), uint64(0)
	o := load.Options{Kind: load.Events, CampaignField: "source", BufferBytes: 8 << 20,
		Progress: func(load.Progress) { most = max(most, live()) }}
	s, err := load.Run(deadline(t), scope, []load.Input{load.Reader("test", input)}, o)
	if err != nil {
		t.Fatal(err)
	}
	if s.Read != 5_000 || s.Rejected != 0 || s.Campaigns != 64 {
		t.Errorf("%s", s)
	}
	grown := int64(most) - int64(before)
	t.Logf("%d MiB live beside a file of %d MiB", grown>>20, 5_000*len(pad)>>20)
	if grown > 30<<20 {
		t.Errorf("%d MiB are live, for a shelf of 8 MiB", grown>>20)
	}
}
