package server_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	contentv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/content/v1"
	"github.com/ovasabi/ovasabi/api/gen/ovasabi/content/v1/contentv1connect"
	"github.com/ovasabi/ovasabi/internal/apitest"
	"github.com/ovasabi/ovasabi/internal/server"
	"github.com/ovasabi/ovasabi/internal/service/content"
	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/campaign"
)

// BenchmarkJSONRead measures one JSON read through the whole server, and what it
// is made of:
//
//   - bytes: a handler behind the same port and the same token that writes the same bytes;
//   - memory: the same procedure, decoded, judged and encoded, that answers from memory;
//   - service: the same call of the service with its read in the database, without a server around it;
//   - apart: the same, with a round trip for every read;
//   - read: the whole;
//   - share: how many of memory's requests the whole answers, the median of blocks of
//     both in turn, so that what else the machine does is the same for both.
//
// Client, server and PostgreSQL share the machine: with all cores busy, the time of
// the read can be no less than that of memory and service together.
func BenchmarkJSONRead(b *testing.B) {
	var body []byte
	held := &contentv1.Content{}
	quick := func(c *server.Config, d *server.Dependencies) {
		c.RatePerToken = 0
		d.Log = slog.New(slog.DiscardHandler) // a server in use logs no call that went well
	}
	a := apitest.Start(b, quick, func(_ *server.Config, d *server.Dependencies) {
		d.Routes = append(d.Routes, server.Route{Pattern: "POST /memory", Role: token.Reader, Handler: http.HandlerFunc(
			func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write(body)
			})})
	})
	memory := apitest.StartOn(b, a.DB, quick, func(_ *server.Config, d *server.Dependencies) {
		i := slices.IndexFunc(d.Services, func(s server.Service) bool { return s.Name == contentv1connect.ContentServiceName })
		d.Services[i].Handler = func(options ...connect.HandlerOption) (string, http.Handler) {
			return contentv1connect.NewContentServiceHandler(fromMemory{content: held}, options...)
		}
	})
	one := a.Campaign(b, "one")
	if _, err := a.DB.Owner(b).Exec(b.Context(), `
INSERT INTO ovasabi.service_content_main (campaign_id, slug, title, body)
VALUES ($1, 'a', 'A document', repeat('word ', 400))`, one.Int64()); err != nil {
		b.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	ask := func(of *apitest.API, text, path string) []byte {
		request, err := http.NewRequest(http.MethodPost, of.URL+path, strings.NewReader(`{"id":1}`))
		if err != nil {
			b.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+text)
		response, err := client.Do(request)
		if err != nil {
			b.Fatal(err)
		}
		answer, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK {
			b.Fatal(err, response.StatusCode, string(answer))
		}
		return answer
	}
	text, other := a.Token(b, token.Reader, one), memory.Token(b, token.Reader, one)
	body = ask(a, text, getContent)
	found, err := contentv1connect.NewContentServiceClient(a.Client(b, text), a.URL).GetContent(b.Context(),
		connect.NewRequest(&contentv1.GetContentRequest{Key: &contentv1.GetContentRequest_Id{Id: 1}}))
	if err != nil {
		b.Fatal(err)
	}
	proto.Merge(held, found.Msg.GetContent())
	contents := content.NewService(content.Dependencies{Scope: a.Scope, Twins: a.Twins, Reads: a.Reads})
	apart := content.NewService(content.Dependencies{Scope: a.Scope, Twins: a.Twins})
	inside := campaign.NewContext(b.Context(), one)
	for _, side := range []struct {
		name string
		run  func()
	}{
		{"bytes", func() { ask(a, text, "/memory") }},
		{"memory", func() { ask(memory, other, getContent) }},
		{"service", func() {
			if _, err := contents.Get(inside, 1, ""); err != nil {
				b.Error(err)
			}
		}},
		{"apart", func() {
			if _, err := apart.Get(inside, 1, ""); err != nil {
				b.Error(err)
			}
		}},
		{"read", func() { ask(a, text, getContent) }},
	} {
		b.Run(side.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					side.run()
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
	for _, callers := range []int{16, 64} {
		b.Run(fmt.Sprintf("share/callers=%d", callers), func(b *testing.B) {
			var shares []float64
			for b.Loop() {
				whole := perSecond(callers, func() { ask(a, text, getContent) })
				shares = append(shares, whole/perSecond(callers, func() { ask(memory, other, getContent) }))
			}
			slices.Sort(shares)
			b.ReportMetric(shares[len(shares)/2], "of-memory")
		})
	}
}

// perSecond is how many calls a second come through in a block of a fifth of a second.
func perSecond(callers int, call func()) float64 {
	var (
		calls atomic.Int64
		all   sync.WaitGroup
	)
	begun := time.Now()
	for range callers {
		all.Go(func() {
			for time.Since(begun) < 200*time.Millisecond {
				call()
				calls.Add(1)
			}
		})
	}
	all.Wait()
	return float64(calls.Load()) / time.Since(begun).Seconds()
}

// fromMemory answers one procedure with a document that it holds.
type fromMemory struct {
	contentv1connect.UnimplementedContentServiceHandler

	content *contentv1.Content
}

func (m fromMemory) GetContent(context.Context, *connect.Request[contentv1.GetContentRequest]) (*connect.Response[contentv1.GetContentResponse], error) {
	return connect.NewResponse(&contentv1.GetContentResponse{Content: m.content}), nil
}
