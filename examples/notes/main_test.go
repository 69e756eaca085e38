package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/query"
	"github.com/ovasabi/ovasabi/pkg/repository"
)

func TestNotesStayInTheirCampaign(t *testing.T) {
	db := pgtest.New(t)
	_, err := db.Owner(t).Exec(t.Context(), schema+`;
INSERT INTO ovasabi.service_campaign_main (slug, name) VALUES ('one', 'one'), ('two', 'two')`)
	require.NoError(t, err)
	pool := db.App(t)
	require.NoError(t, campaign.CheckGuard(t.Context(), pool, campaign.Guard{Schemas: []string{"ovasabi", "notes"}}))
	cursors, err := query.NewCursorSigner(make([]byte, 32))
	require.NoError(t, err)
	server := httptest.NewServer(notes{repository.NewBaseRepository(campaign.NewScope(pool)), cursors}.handler())
	defer server.Close()
	ask := func(method, path, body string) (int, map[string]any) {
		request, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
		require.NoError(t, err)
		response, err := server.Client().Do(request)
		require.NoError(t, err)
		answer, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		var object map[string]any
		require.NoError(t, json.Unmarshal(answer, &object), string(answer))
		return response.StatusCode, object
	}
	for _, text := range []string{"a", "b", "c"} {
		status, made := ask(http.MethodPost, "/campaigns/1/notes", text)
		require.Equal(t, 200, status, made)
		require.Equal(t, text, made["text"])
	}
	_, first := ask(http.MethodGet, "/campaigns/1/notes?page_size=2", "")
	require.Len(t, first["notes"], 2)
	token, ok := first["next_page_token"].(string)
	require.True(t, ok)
	_, second := ask(http.MethodGet, "/campaigns/1/notes?page_size=2&page_token="+token, "")
	require.Len(t, second["notes"], 1)
	require.Empty(t, second["next_page_token"])

	_, other := ask(http.MethodGet, "/campaigns/2/notes?page_size=9", "")
	require.Empty(t, other["notes"])
	for path, want := range map[string]int{
		"/campaigns/2/notes?page_size=2&page_token=" + token: 400, // of campaign 1
		"/campaigns/0/notes?page_size=2":                     400,
		"/campaigns/1/notes?page_size=many":                  400,
	} {
		status, answer := ask(http.MethodGet, path, "")
		require.Equal(t, want, status, "%s: %v", path, answer)
	}
	status, _ := ask(http.MethodPost, "/campaigns/1/notes", "")
	require.Equal(t, 400, status, "the schema's own rule")
	status, _ = ask(http.MethodPost, "/campaigns/99/notes", "nobody's")
	require.Equal(t, 400, status, "a campaign that does not exist")
}
