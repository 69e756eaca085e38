package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/platform"
)

// pastedBlock is a block of a page that is run as it stands: in a shell, or as the
// owner of the database.
var pastedBlock = regexp.MustCompile("(?s)<!-- pasted(?: sql)? -->\n```(sh|sql)\n(.*?)```")

// paste runs every marked block of a page against a running `up`, and returns what they printed.
func paste(t *testing.T, page, data string, ready platform.Ready) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + page)
	require.NoError(t, err)
	blocks := pastedBlock.FindAllStringSubmatch(string(text), -1)
	require.Len(t, blocks, strings.Count(string(text), "<!-- pasted"), "a marked block that is neither sh nor sql")
	dir := t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, os.Symlink(self, filepath.Join(dir, "ovasabi")))
	var printed strings.Builder
	for _, block := range blocks {
		if block[1] == "sql" {
			conn, err := pgx.Connect(t.Context(), ready.OwnerDatabaseURL)
			require.NoError(t, err)
			_, err = conn.Exec(t.Context(), block[2], pgx.QueryExecModeSimpleProtocol)
			require.NoError(t, err, block[2])
			require.NoError(t, conn.Close(t.Context()))
			continue
		}
		shell := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", block[2])
		shell.Dir = dir
		shell.Env = append(os.Environ(), asBinary+"=1", "OVASABI_DATA="+data, "PATH="+dir+":"+os.Getenv("PATH"))
		out, err := shell.CombinedOutput()
		require.NoError(t, err, "%s\n%s", block[2], out)
		printed.Write(out)
	}
	return printed.String()
}

// The pages on the schema, with everything on one machine running.
func TestThePagesOnTheSchemaWorkWhenPasted(t *testing.T) {
	data := filepath.Join(pgtest.Folder(t), "data")
	_, ready := upOn(t, data, "--demo")
	for page, wants := range map[string][]string{
		"migrations.md":        {"DROP FUNCTION ovasabi.search_content_unnamed", "by hand  index made_by_hand added", "0 findings"},
		"partitioning.md":      {"service_event: switched", "partitions  service_event has 8"},
		"generated-columns.md": {"the schema is at phase 1", "the schema is at phase 4", "0 findings"},
	} {
		t.Run(page, func(t *testing.T) {
			printed := paste(t, page, data, ready)
			for _, want := range wants {
				require.Contains(t, printed, want)
			}
		})
	}
}

// docs/rollback.md under load: while its commands run, the API answers every list
// and every search, with the rows that it answered before.
func TestTheRollbackPageWorksWhenPasted(t *testing.T) {
	data := filepath.Join(pgtest.Folder(t), "data")
	_, ready := upOn(t, data, "--demo")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	requests := map[string]string{
		"content.v1.ContentService/SearchContent": `{"campaignId":"1","query":"coffee","pageSize":5}`,
		"content.v1.ContentService/ListContent":   `{"campaignId":"1","pageSize":5}`,
		"user.v1.UserService/ListUsers":           `{"campaignId":"1","pageSize":5}`,
		"product.v1.ProductService/ListProducts":  `{"campaignId":"1","pageSize":5}`,
		"nexus.v1.NexusService/ListEvents":        `{"campaignId":"1","pageSize":5}`,
	}
	var clients sync.WaitGroup
	var answered atomic.Int64
	for procedure, request := range requests {
		first, err := askAPI(ready, procedure, request)
		require.NoError(t, err)
		require.NotEqual(t, "{}", first, "the demo has none")
		clients.Go(func() {
			for ctx.Err() == nil {
				again, err := askAPI(ready, procedure, request)
				if err != nil || again != first {
					t.Errorf("%s answered %.300s (%v) and before %.300s", procedure, again, err, first)
					return
				}
				answered.Add(1)
				time.Sleep(2 * time.Millisecond) // the machine is the migrator's as well
			}
		})
	}
	printed := paste(t, "rollback.md", data, ready)
	after := answered.Load()
	require.Eventually(t, func() bool { return t.Failed() || answered.Load() > after+50 }, time.Minute, time.Millisecond)
	stop()
	clients.Wait()
	require.Contains(t, printed, "phase 1 of 4")
	require.Contains(t, printed, "the schema is at phase 4")
	require.Contains(t, printed, "0 findings")
	metrics, err := get(ready.MetricsURL, ready.Token)
	require.NoError(t, err)
	require.Regexp(t, `(?m)^ovasabi_twin_fallbacks_total\{twin="content.search"\} [1-9]`, metrics, "no search met the schema without its function")
	t.Logf("%d requests were answered", answered.Load())
}

// askAPI calls the API. Signed cursors differ from answer to answer, and are left out.
func askAPI(r platform.Ready, procedure, request string) (string, error) {
	q, err := http.NewRequest(http.MethodPost, r.APIURL+"/ovasabi."+procedure, strings.NewReader(request))
	if err != nil {
		return "", err
	}
	q.Header.Set("Content-Type", "application/json")
	text, err := send(q, r.Token)
	if err != nil {
		return text, err
	}
	var answer map[string]any
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return text, err
	}
	delete(answer, "nextPageToken")
	same, err := json.Marshal(answer)
	return string(same), err
}

func get(url, token string) (string, error) {
	q, err := http.NewRequest(http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	return send(q, token)
}

func send(q *http.Request, token string) (string, error) {
	q.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d", answer.StatusCode)
	}
	return string(text), err
}
