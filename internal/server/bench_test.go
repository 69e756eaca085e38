package server_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ovasabi/ovasabi/internal/apitest"
	"github.com/ovasabi/ovasabi/internal/server"
	"github.com/ovasabi/ovasabi/internal/token"
)

// BenchmarkJSONRead compares one JSON read through the whole server with a
// handler, behind the same port, that answers the same bytes from memory.
func BenchmarkJSONRead(b *testing.B) {
	var body []byte
	a := apitest.Start(b, func(c *server.Config, d *server.Dependencies) {
		c.RatePerToken = 0
		d.Routes = append(d.Routes, server.Route{Pattern: "POST /memory", Role: token.Reader, Handler: http.HandlerFunc(
			func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write(body)
			})})
	})
	one := a.Campaign(b, "one")
	if _, err := a.DB.Owner(b).Exec(b.Context(), `
INSERT INTO ovasabi.service_content_main (campaign_id, slug, title, body)
VALUES ($1, 'a', 'A document', repeat('word ', 400))`, one.Int64()); err != nil {
		b.Fatal(err)
	}
	text := a.Token(b, token.Reader, one)
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	ask := func(path string) []byte {
		request, err := http.NewRequest(http.MethodPost, a.URL+path, strings.NewReader(`{"id":1}`))
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
	body = ask(getContent)
	for _, path := range []string{"/memory", getContent} {
		b.Run(path[strings.LastIndexByte(path, '/')+1:], func(b *testing.B) {
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					ask(path)
				}
			})
		})
	}
}
