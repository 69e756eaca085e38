package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/twin"
	"github.com/ovasabi/ovasabi/pkg/twin/twintest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// newDatabase is migrated, with two campaigns in it.
func newDatabase(t *testing.T) *pgtest.DB {
	t.Helper()
	db := pgtest.New(t)
	require.NoError(t, migrate(t.Context(), db.OwnerURL))
	_, err := db.Owner(t).Exec(t.Context(), `
INSERT INTO ovasabi.service_campaign_main (id, slug, name)
VALUES (1, 'one', 'one'), (2, 'two', 'two')`)
	require.NoError(t, err)
	return db
}

// start runs the service and returns a caller of it; the end of the test proves that run ends.
func start(t *testing.T, db *pgtest.DB) func(method, path, body string) (int, string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	out, printed := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, db.AppURL, "127.0.0.1:0", printed)
		_ = printed.Close()
		ended <- err
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		require.NoError(t, <-ended)
	}
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		stop()
		require.NoError(t, <-ended)
	})
	address, told := strings.CutPrefix(strings.TrimSpace(line), "notes at ")
	require.True(t, told, line)
	base := strings.TrimSuffix(address, "/campaigns/1/notes")
	return func(method, path, body string) (int, string) {
		request, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
		require.NoError(t, err)
		response, err := client.Do(request)
		require.NoError(t, err)
		answer, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode, strings.TrimSpace(string(answer))
	}
}

func TestNotesFromFirstToLast(t *testing.T) {
	db := newDatabase(t)
	require.NoError(t, twin.Set(t.Context(), db.App(t), twin.Flag{Campaign: 1, Twin: "notes.search", Percentage: 100}))
	ask := start(t, db)
	for _, step := range []struct {
		method, path, body string
		status             int
		answer             string
	}{
		{"POST", "/campaigns/1/notes", `{"title":"a","text":"Lanterns at the harbour"}` + "\n" + `{"title":"b","text":"Ropes"}` + "\n" + `{"title":"c","text":"One more lantern, a lantern of glass"}`, 200, `{"ids":[1,2,3]}`},
		{"POST", "/campaigns/1/notes", `{"title":"b","text":"Ropes and nets"}`, 200, `{"ids":[2]}`}, // the same title: changed
		{"POST", "/campaigns/2/notes", `{"title":"a","text":"Another campaign's lantern"}`, 200, `{"ids":[5]}`},
		{"GET", "/campaigns/1/notes?search=lantern", "", 200, `{"notes":[{"id":3,"title":"c","text":"One more lantern, a lantern of glass"},{"id":1,"title":"a","text":"Lanterns at the harbour"}]}`},
		{"GET", "/campaigns/1/notes?search=lantern+-glass", "", 200, `{"notes":[{"id":1,"title":"a","text":"Lanterns at the harbour"}]}`},
		{"GET", "/campaigns/2/notes?search=lantern", "", 200, `{"notes":[{"id":5,"title":"a","text":"Another campaign's lantern"}]}`},
		{"GET", "/campaigns/2/notes?page_size=9", "", 200, `{"next_page_token":"","notes":[{"id":5,"title":"a","text":"Another campaign's lantern"}]}`},
		{"GET", "/campaigns/1/notes?page_size=many", "", 400, `{"error":"page_size: must be a whole number from 1 to 1000"}`},
		{"GET", "/campaigns/0/notes?page_size=2", "", 400, ""},
		{"POST", "/campaigns/1/notes", `{"title":"d","text":"kept out"}` + "\n" + `{"title":"e","text":""}`, 400, ""}, // the schema's own rule, for all or none
		{"POST", "/campaigns/1/notes", `no JSON`, 400, ""},
		{"POST", "/campaigns/1/notes", strings.Repeat(" ", 2<<20), 400, ""},
		{"POST", "/campaigns/99/notes", `{"title":"x","text":"nobody's"}`, 400, ""},
		{"GET", "/campaigns/1/notes?search=kept", "", 200, `{"notes":[]}`},
	} {
		status, answer := ask(step.method, step.path, step.body)
		require.Equal(t, step.status, status, "%s %s: %s", step.method, step.path, answer)
		if step.answer != "" {
			require.Equal(t, step.answer, answer, "%s %s", step.method, step.path)
		}
	}
}

func TestPagesStayInTheirCampaign(t *testing.T) {
	ask := start(t, newDatabase(t))
	_, answer := ask("POST", "/campaigns/1/notes", `{"title":"a","text":"1"} {"title":"b","text":"2"} {"title":"c","text":"3"}`)
	require.JSONEq(t, `{"ids":[1,2,3]}`, answer)
	var page struct {
		Notes []Note
		Next  string `json:"next_page_token"`
	}
	_, answer = ask("GET", "/campaigns/1/notes?page_size=2", "")
	require.NoError(t, json.Unmarshal([]byte(answer), &page))
	require.Equal(t, []Note{{3, "c", "3"}, {2, "b", "2"}}, page.Notes)
	_, answer = ask("GET", "/campaigns/1/notes?page_size=2&page_token="+url.QueryEscape(page.Next), "")
	require.JSONEq(t, `{"notes": [{"id": 1, "title": "a", "text": "1"}], "next_page_token": ""}`, answer)
	status, answer := ask("GET", "/campaigns/2/notes?page_size=2&page_token="+url.QueryEscape(page.Next), "")
	require.Equal(t, 400, status, answer)
}

func TestTheSidesOfTheSearchAgree(t *testing.T) {
	words := []string{"lantern", "lanterns", "harbour", "glass", "the", "rope"}
	twintest.Prove(t, newDatabase(t).App(t), twintest.Proof{
		Twin:      twinOf(t, "notes.search"),
		Campaigns: []campaign.ID{1, 2},
		Args: func(rt *rapid.T, id campaign.ID) []any {
			return []any{id.Int64(), rapid.SampledFrom(append(words, `"the harbour"`, "rope or glass", "lantern -glass")).Draw(rt, "search")}
		},
		Data: func(rt *rapid.T, ctx context.Context, db database.Querier, id campaign.ID) {
			for i, text := range rapid.SliceOfN(rapid.SliceOfN(rapid.SampledFrom(words), 1, 4), 1, 12).Draw(rt, "notes") {
				_, err := db.Exec(ctx, `INSERT INTO notes.note (campaign_id, title, body) VALUES ($1::bigint, $2::text, $3::text)`,
					id.Int64(), string(rune('a'+i)), strings.Join(text, " "))
				if err != nil {
					rt.Fatal(err)
				}
			}
		},
	})
	twintest.AllProven(t)
}

func twinOf(t *testing.T, name string) *twin.Twin {
	t.Helper()
	found, ok := twin.Lookup(name)
	require.True(t, ok)
	return found
}
