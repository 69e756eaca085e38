package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/platform"
)

// upOn starts `up` and waits until it has written its ready file.
func upOn(t *testing.T, dir string, args ...string) (*process, platform.Ready) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ready.json")
	p := start(t, "", append([]string{"up", "--data", dir, "--addr", "127.0.0.1:0", "--ready-file", file}, args...)...)
	var ready platform.Ready
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(file)
		return err == nil && json.Unmarshal(text, &ready) == nil
	}, 2*time.Minute, 10*time.Millisecond, "not ready; it said: %s", p.err)
	return p, ready
}

// curl asks as somebody else's client would, and returns the status and the body.
func curl(t *testing.T, args ...string) (status int, body string) {
	t.Helper()
	out, err := exec.Command("curl", append([]string{"-sS", "--max-time", "10", "-w", "\n%{http_code}"}, args...)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	cut := strings.LastIndex(string(out), "\n")
	_, err = fmt.Sscan(string(out[cut+1:]), &status)
	require.NoError(t, err)
	return status, string(out[:cut])
}

func call(t *testing.T, r platform.Ready, procedure, request string) map[string]any {
	t.Helper()
	status, body := curl(t, r.APIURL+"/ovasabi."+procedure, "-H", "Authorization: Bearer "+r.Token, "-H", "Content-Type: application/json", "-d", request)
	require.Equal(t, 200, status, body)
	var answer map[string]any
	require.NoError(t, json.Unmarshal([]byte(body), &answer))
	return answer
}

func nobodyListens(t *testing.T, url string) {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(config.Host, fmt.Sprint(config.Port)), time.Second)
	if err == nil {
		_ = conn.Close()
	}
	require.Error(t, err, "PostgreSQL was left behind")
}

// TestUp is the main job: an empty folder becomes a platform that answers,
// remembers, is used by the other verbs, and stops without leaving anything.
func TestUp(t *testing.T) {
	dir := filepath.Join(pgtest.Folder(t), "data")
	// The watch need not rest here, nor mind what else the machine does.
	p, r := upOn(t, dir, "--demo", "--maintain-interval", "1s", "--maintain-integrity-share", "1", "--maintain-latency-rise", "0")

	t.Run("tells where everything is", func(t *testing.T) {
		require.Equal(t, p.Process.Pid, r.PID)
		require.Eventually(t, func() bool { return strings.Contains(p.out.String(), "Three things to try") }, 10*time.Second, 10*time.Millisecond)
		require.Contains(t, p.out.String(), r.APIURL)
		require.Contains(t, p.out.String(), r.Token)
		info, err := os.Stat(filepath.Join(dir, "ready.json"))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "it holds passwords and a token")
	})
	t.Run("answers", func(t *testing.T) {
		for _, path := range []string{"/healthz", "/readyz"} {
			status, body := curl(t, r.APIURL+path)
			require.Equal(t, 200, status, body)
		}
		status, _ := curl(t, r.MetricsURL)
		require.Equal(t, 401, status)
		status, body := curl(t, r.MetricsURL, "-H", "Authorization: Bearer "+r.Token)
		require.Equal(t, 200, status)
		require.Contains(t, body, "# TYPE go_goroutines gauge")
	})
	t.Run("maintains, and watches over integrity", func(t *testing.T) {
		require.Eventually(t, func() bool {
			_, body := curl(t, r.MetricsURL, "-H", "Authorization: Bearer "+r.Token)
			return strings.Contains(body, "ovasabi_maintenance_leading ") && strings.Contains(body, "ovasabi_integrity_last_round_timestamp_seconds ")
		}, time.Minute, 200*time.Millisecond)
		code, out, errText := do(t, "", "maintain", "plan", "--data", dir)
		require.Equal(t, exitDone, code, errText)
		require.Contains(t, out, "the last 24 hours took")
	})
	var campaignID string
	t.Run("shows the demo", func(t *testing.T) {
		campaigns, ok := call(t, r, "campaign.v1.CampaignService/ListCampaigns", `{}`)["campaigns"].([]any)
		require.True(t, ok)
		require.GreaterOrEqual(t, len(campaigns), 3)
		campaignID = campaigns[0].(map[string]any)["id"].(string)
		require.NotEmpty(t, call(t, r, "content.v1.ContentService/ListContent", `{"campaignId":"`+campaignID+`"}`)["contents"])
		require.NotEmpty(t, call(t, r, "nexus.v1.NexusService/ListEvents", `{"campaignId":"`+campaignID+`"}`)["events"])
	})
	t.Run("every printed command works", func(t *testing.T) {
		_, script, found := strings.Cut(p.out.String(), "Three things to try:")
		require.True(t, found)
		require.Equal(t, 3, strings.Count(script, "curl"))
		out, err := exec.Command("bash", "-euo", "pipefail", "-c", strings.ReplaceAll(script, "curl -s", "curl -sS --fail-with-body")).CombinedOutput()
		require.NoError(t, err, "%s", out)
	})
	t.Run("is found by the other verbs", func(t *testing.T) {
		code, out, errText := do(t, "", "migrate", "status", "--data", dir, "--json")
		require.Equal(t, exitDone, code, errText)
		var status struct {
			Phase, Latest int
			Pending       []string
			Drift         []any
		}
		require.NoError(t, json.Unmarshal([]byte(out), &status))
		require.Equal(t, status.Latest, status.Phase)
		require.Empty(t, status.Pending)
		require.Empty(t, status.Drift)

		code, out, errText = do(t, `{"slug": "mine", "title": "Mine", "body": "xylophone"}`+"\n{\n", "load", "content", "-", "--campaign", campaignID, "--data", dir, "--json")
		require.Equal(t, exitDone, code, errText)
		var summary map[string]any
		require.NoError(t, json.Unmarshal([]byte(out), &summary))
		require.InDelta(t, 2, summary["read"], 0)
		require.InDelta(t, 1, summary["accepted"], 0)
		require.InDelta(t, 1, summary["rejected"], 0)
		found := call(t, r, "content.v1.ContentService/SearchContent", `{"campaignId":"`+campaignID+`","query":"xylophone"}`)
		require.Len(t, found["hits"], 1)

		code, out, errText = do(t, "", "migrate", "verify", "--data", dir, "--json")
		require.Equal(t, exitDone, code, errText)
		require.Contains(t, out, `"findings": []`)
		code, out, errText = do(t, "", "stats", "--data", dir, "--interval", "100ms", "--json")
		require.Equal(t, exitDone, code, errText)
		require.True(t, json.Valid([]byte(out)))
		code, out, errText = do(t, "", "stats", "--data", dir, "--interval", "100ms")
		require.Equal(t, exitDone, code, errText)
		require.Contains(t, out, "PostgreSQL")

		code, out, errText = do(t, "", "flags", "set", "*", "0", "--data", dir)
		require.Equal(t, exitDone, code, errText+out)
		code, out, _ = do(t, "", "flags", "list", "--data", dir)
		require.Equal(t, exitDone, code)
		require.Contains(t, out, "0%")

		code, out, errText = do(t, "", "token", "create", "--data", dir, "--campaign", campaignID, "--role", "reader")
		require.Equal(t, exitDone, code, errText)
		reader := r
		reader.Token = strings.TrimSpace(out)
		call(t, reader, "content.v1.ContentService/ListContent", `{}`)
	})
	t.Run("a second one says who holds the folder", func(t *testing.T) {
		code, _, errText := do(t, "", "up", "--data", dir, "--addr", "127.0.0.1:0")
		require.Equal(t, exitFailed, code)
		require.Contains(t, errText, fmt.Sprint(r.PID))
	})

	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Equal(t, exitDone, p.end(t), p.err)
	nobodyListens(t, r.OwnerDatabaseURL)
	require.NoFileExists(t, filepath.Join(dir, "ready.json"))

	again, r := upOn(t, dir)
	require.NotEmpty(t, call(t, r, "content.v1.ContentService/SearchContent", `{"campaignId":"`+campaignID+`","query":"xylophone"}`)["hits"], "data was lost between runs")
	require.NoError(t, again.Process.Signal(os.Interrupt))
	require.Equal(t, exitDone, again.end(t), again.err)
	nobodyListens(t, r.OwnerDatabaseURL)
}

func TestABusyPortIsToldBeforeAnythingStarts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	dir := filepath.Join(t.TempDir(), "data")
	code, _, errText := do(t, "", "up", "--data", dir, "--addr", l.Addr().String())
	require.Equal(t, exitFailed, code)
	require.Contains(t, errText, "cannot listen on "+l.Addr().String())
	require.NoDirExists(t, dir)
}

// A named database is used as it is: migrated, its roles given passwords, nothing started.
func TestUpOnANamedDatabase(t *testing.T) {
	db := ownServer(t)
	dir := filepath.Join(t.TempDir(), "data")
	for range 2 {
		p, r := upOn(t, dir, "--database-url", db)
		require.NotEqual(t, db, r.DatabaseURL)
		conn, err := pgx.Connect(context.Background(), r.DatabaseURL)
		require.NoError(t, err)
		require.NoError(t, conn.Close(context.Background()))
		require.NoError(t, p.Process.Signal(syscall.SIGTERM))
		require.Equal(t, exitDone, p.end(t), p.err)
	}
}

func TestServeRefusesARoleThatNoPolicyHolds(t *testing.T) {
	db := migratedDatabase(t)
	keys := filepath.Join(t.TempDir(), "keys.json")
	code, _, errText := do(t, "", "token", "keys", keys)
	require.Equal(t, exitDone, code, errText)
	code, _, errText = do(t, "", "serve", "--database-url", db.OwnerURL, "--token-keys-file", keys, "--addr", "127.0.0.1:0")
	require.Equal(t, exitFailed, code)
	require.Contains(t, errText, "campaigns are not isolated from each other")

	p := start(t, "", "serve", "--database-url", db.AppURL, "--token-keys-file", keys, "--addr", "127.0.0.1:0")
	require.Eventually(t, func() bool { return strings.Contains(p.err.String(), "serving on http://") }, time.Minute, 10*time.Millisecond, "%s", p.err)
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Equal(t, exitDone, p.end(t), p.err)
}

func TestAddressesThatDoNotWork(t *testing.T) {
	db := migratedDatabase(t)
	empty := emptyDatabase(t)
	for name, c := range map[string]struct{ url, want string }{
		"a wrong password":              {strings.Replace(db.AppURL, "@", "x@", 1), "user name or the password"},
		"a database that is not there":  {strings.Replace(db.AppURL, db.Name, "nowhere", 1), "does not exist"},
		"a database that is not ours":   {empty, "holds no campaign table"},
		"a server that does not answer": {"postgres://a:b@127.0.0.1:1/x", "cannot answer now"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, errText := do(t, "{}", "load", "content", "-", "--campaign", "1", "--database-url", c.url)
			require.Equal(t, exitFailed, code)
			require.Contains(t, errText, c.want)
			require.Equal(t, 1, strings.Count(strings.TrimSpace(errText), "\n")+1, errText)
		})
	}
}
