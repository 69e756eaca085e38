package nexus_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"

	nexusv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/nexus/v1"
	"github.com/ovasabi/ovasabi/api/gen/ovasabi/nexus/v1/nexusv1connect"
	"github.com/ovasabi/ovasabi/internal/apitest"
	"github.com/ovasabi/ovasabi/internal/service/nexus"
	"github.com/ovasabi/ovasabi/internal/token"
)

// 64 streams send for as long as they are let while the database does not answer:
// how many events were taken, and what they cost in memory, the client's own part
// included. The bounds are those of the processor's configuration.
func BenchmarkStalledDatabase(b *testing.B) {
	a := apitest.Start(b, noRateLimit)
	id := a.Campaign(b, "one")
	client := nexusv1connect.NewNexusServiceClient(a.Client(b, a.Token(b, token.Writer, id)), a.URL, connect.WithGRPC())
	payload := benchPayload()
	heap := func() uint64 {
		runtime.GC()
		runtime.GC() // what pools held at the first one goes at the second
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for b.Loop() {
		before := float64(heap())
		release := lockEvents(b, a.DB.OwnerURL)
		ctx, stop := context.WithCancel(context.Background())
		var sent atomic.Int64
		var all sync.WaitGroup
		for s := range 64 {
			all.Go(func() {
				stream := client.IngestEvents(ctx)
				for n := 0; ; n++ {
					r := &nexusv1.IngestEventsRequest{}
					for i := range 100 {
						r.Events = append(r.Events, &nexusv1.EventRequest{EventId: fmt.Sprint(s, "-", n, "-", i), EventType: "shop:order:v1:success", Payload: payload})
					}
					if stream.Send(r) != nil {
						return
					}
					sent.Add(100)
				}
			})
		}
		for last := int64(-1); last != sent.Load(); { // until nobody can send any more
			last = sent.Load()
			time.Sleep(500 * time.Millisecond)
		}
		held := a.Events.Processor().Held()
		b.ReportMetric((float64(heap())-before)/1e6, "heap-MB")
		b.ReportMetric(float64(held.Bytes+held.WaitingBytes)/1e6, "held-MB")
		b.ReportMetric(float64(5*nexus.DefaultProcessorConfig().BufferBytes)/1e6, "held-limit-MB")
		b.ReportMetric(float64(sent.Load()), "events-sent")
		stop()
		all.Wait()
		release()
		require.Eventually(b, func() bool { return a.Events.Processor().Held().Events == 0 }, time.Minute, time.Millisecond)
	}
}
