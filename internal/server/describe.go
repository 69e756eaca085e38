package server

import (
	"embed"
	"encoding/json"
	"io/fs"
	"net/http"

	"go.yaml.in/yaml/v3"

	"github.com/ovasabi/ovasabi/api"
	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

//go:embed docs
var docsFiles embed.FS

// describe serves the API's own description: the OpenAPI document, and a page
// that makes it readable and needs nothing from the network.
func (s *Server) describe(mux *http.ServeMux) error {
	var document any
	if err := yaml.Unmarshal(api.OpenAPI, &document); err != nil {
		return fault.New(fault.Internal, "the OpenAPI document cannot be read: %w", err)
	}
	text, err := json.Marshal(document)
	if err != nil {
		return fault.New(fault.Internal, "the OpenAPI document is not JSON: %w", err)
	}
	files, err := fs.Sub(docsFiles, "docs")
	if err != nil {
		return fault.New(fault.Internal, "the pages of the documentation are missing: %w", err)
	}
	openapi := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		pageHeaders(w.Header())
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(text) // a client that went away
	})
	page := http.StripPrefix("/docs/", http.FileServerFS(files))
	docs := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pageHeaders(w.Header())
		page.ServeHTTP(w, r)
	})
	mux.Handle("GET /openapi.json", s.protect(Route{Role: token.Reader, Page: true, Handler: openapi}))
	mux.Handle("GET /docs/", s.protect(Route{Role: token.Reader, Page: true, Handler: docs}))
	mux.Handle("GET /docs", http.RedirectHandler("/docs/", http.StatusPermanentRedirect))
	return nil
}
