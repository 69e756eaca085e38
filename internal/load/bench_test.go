package load_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/ovasabi/ovasabi/internal/load"
	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
)

// BenchmarkEvents loads generated events into empty tables.
func BenchmarkEvents(b *testing.B) {
	for _, campaigns := range []int{1, 8} {
		b.Run(fmt.Sprintf("campaigns=%d", campaigns), func(b *testing.B) {
			var lines bytes.Buffer
			const n = 50_000
			for i := range n {
				writeEvent(&lines, fmt.Sprintf("bench/%d", i%campaigns), i)
			}
			benchmarkEvents(b, n, func() []load.Input {
				return []load.Input{load.Reader("generated", bytes.NewReader(lines.Bytes()))}
			})
		})
	}
}

// BenchmarkSharedEvents loads the real events into empty tables.
func BenchmarkSharedEvents(b *testing.B) {
	path := sharedFile(b, "events.ndjson.gz")
	benchmarkEvents(b, 22_965, func() []load.Input {
		inputs, err := load.Files([]string{path}, nil)
		if err != nil {
			b.Fatal(err)
		}
		return inputs
	})
}

func benchmarkEvents(b *testing.B, n int64, inputs func() []load.Input) {
	for b.Loop() {
		b.StopTimer()
		scope := campaign.NewScope(pgtest.New(b).App(b))
		b.StartTimer()
		s, err := load.Run(deadline(b), scope, inputs(), load.Options{Kind: load.Events, CampaignField: "source"})
		if err != nil {
			b.Fatal(err)
		}
		wantCounts(b, s, n, n, 0, 0)
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// writeEvent writes a CloudEvent as a service would send it.
func writeEvent(w io.Writer, source string, i int) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.FixedZone("", 5*3600+1800)).Add(time.Duration(i) * 37 * time.Second)
	fmt.Fprintf(w, `{"specversion":"1.0","id":"event-%08d","source":%q,"type":"order:place:v1:success","time":%q,"subject":"customer-%d","datacontenttype":"application/json","data":{"order":%d,"note":"Größe 100%% \u05e9\u05dc\u05d5\u05dd","lines":[{"sku":"TEA-%d","pieces":%d}]}}`+"\n",
		i, source, at.Format(time.RFC3339), i%997, i, i%50, i%7)
}
