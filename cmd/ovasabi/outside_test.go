package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/apitest"
	"github.com/ovasabi/ovasabi/internal/pgtest"
)

// served is a running `ovasabi serve` over a database of its own, as others meet it.
type served struct {
	url   string
	keys  string
	token string // an operator's, who holds campaign 1
}

// serve starts the binary over a database with two campaigns, 1 and 2 where
// `others` is set and otherwise only 1.
func serve(t *testing.T, others bool, flags ...string) served {
	t.Helper()
	db := pgtest.New(t)
	slugs := []string{"one"}
	if others {
		slugs = append(slugs, "two")
	}
	for _, slug := range slugs {
		_, err := db.Owner(t).Exec(t.Context(), `
WITH made AS (
    INSERT INTO ovasabi.service_campaign_main (slug, name)
    VALUES ($1, $1)
    RETURNING id
)
INSERT INTO ovasabi.campaign_directory (slug, campaign_id)
SELECT $1, id
FROM made`, slug)
		require.NoError(t, err)
	}
	s := served{keys: filepath.Join(t.TempDir(), "keys.json")}
	code, _, errText := do(t, "", "token", "keys", s.keys)
	require.Equal(t, exitDone, code, errText)
	s.token = s.tokenFor(t, "operator")
	p := start(t, "", append([]string{"serve", "--database-url", db.AppURL, "--token-keys-file", s.keys, "--addr", "127.0.0.1:0"}, flags...)...)
	form := regexp.MustCompile(`serving on (http://\S+)`)
	require.Eventually(t, func() bool { return form.MatchString(p.err.String()) }, time.Minute, 10*time.Millisecond, "%s", p.err)
	s.url = form.FindStringSubmatch(p.err.String())[1]
	// It listens before it has read which tokens were taken back, and lets nobody in until then.
	code, _, errText = do(t, "", "ready", "--addr", strings.TrimPrefix(s.url, "http://"), "--wait", "1m")
	require.Equal(t, exitDone, code, errText)
	return s
}

func (s served) tokenFor(t *testing.T, role string) string {
	t.Helper()
	code, out, errText := do(t, "", "token", "create", "--token-keys-file", s.keys, "--campaign", "1", "--role", role)
	require.Equal(t, exitDone, code, errText)
	return strings.TrimSpace(out)
}

// toolPath builds a tool that tools/ pins, or finds it built, and returns where it is.
func toolPath(t *testing.T, modfile, name string) string {
	t.Helper()
	file, err := filepath.Abs(filepath.Join("..", "..", "tools", modfile))
	require.NoError(t, err)
	out, err := exec.CommandContext(t.Context(), "go", "tool", "-n", "-modfile="+file, name).Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(out))
}

// answerUntil runs a program until it ends, or until it has printed what is
// wanted: a subscription has no end. It returns what was printed without blanks.
func answerUntil(t *testing.T, want string, stdin []byte, program string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), program, args...)
	out := &output{}
	c.Stdin, c.Stdout, c.Stderr = bytes.NewReader(stdin), out, out
	require.NoError(t, c.Start())
	ended := make(chan struct{})
	go func() { _ = c.Wait(); close(ended) }()
	text := func() string { return strings.Join(strings.Fields(out.String()), "") }
	for deadline := time.After(time.Minute); ; {
		select {
		case <-ended:
			return text()
		case <-deadline:
			_ = c.Process.Kill()
			<-ended
			require.Fail(t, "no answer in a minute", "%s", text())
		case <-time.After(20 * time.Millisecond):
			if strings.Contains(text(), want) {
				_ = c.Process.Kill()
				<-ended
				return text()
			}
		}
	}
}

// enveloped writes messages as a stream of the Connect protocol has them: a byte
// of flags, four of length, the JSON.
func enveloped(t *testing.T, body string) []byte {
	t.Helper()
	var all []byte
	for decoder := json.NewDecoder(strings.NewReader(body)); decoder.More(); {
		var message json.RawMessage
		require.NoError(t, decoder.Decode(&message))
		all = append(all, 0)
		all = binary.BigEndian.AppendUint32(all, uint32(len(message)))
		all = append(all, message...)
	}
	return all
}

func isStream(procedure string) bool {
	return strings.HasSuffix(procedure, "/IngestEvents") || strings.HasSuffix(procedure, "/SubscribeEvents")
}

// TestEveryVerbFromOutside calls every verb of every service of the running
// binary with clients that we did not write, streams included.
func TestEveryVerbFromOutside(t *testing.T) {
	grpcurl, buf := toolPath(t, "go.mod", "grpcurl"), toolPath(t, "buf/go.mod", "buf")
	clients := map[string]func(s served, v apitest.Verb) (stdin []byte, command []string){
		"curl": func(s served, v apitest.Verb) ([]byte, []string) {
			kind, body := "application/json", []byte(v.Body)
			if isStream(v.Procedure) {
				kind, body = "application/connect+json", enveloped(t, v.Body)
			}
			return body, []string{
				"curl", "-sSN", "--http2-prior-knowledge", "-H", "Authorization: Bearer " + s.token, "-H", "Content-Type: " + kind,
				"--data-binary", "@-", s.url + "/ovasabi." + v.Procedure,
			}
		},
		"grpcurl": func(s served, v apitest.Verb) ([]byte, []string) {
			return []byte(v.Body), []string{
				grpcurl, "-plaintext", "-H", "Authorization: Bearer " + s.token, "-d", "@",
				strings.TrimPrefix(s.url, "http://"), "ovasabi." + v.Procedure,
			}
		},
		"buf curl": func(s served, v apitest.Verb) ([]byte, []string) {
			return []byte(v.Body), []string{
				buf, "curl", "--http2-prior-knowledge", "--protocol", "grpc", "--reflect-header", "Authorization: Bearer " + s.token,
				"-H", "Authorization: Bearer " + s.token, "--data", "@-", s.url + "/ovasabi." + v.Procedure,
			}
		},
	}
	for name, command := range clients {
		t.Run(name, func(t *testing.T) {
			s := serve(t, false)
			for _, v := range apitest.Verbs {
				stdin, c := command(s, v)
				want := strings.ReplaceAll(v.Want, " ", "")
				require.Contains(t, answerUntil(t, want, stdin, c[0], c[1:]...), want, v.Procedure)
			}
		})
	}
}

// TestWhatIsRefusedFromOutside sends the running binary what it must not take.
func TestWhatIsRefusedFromOutside(t *testing.T) {
	s := serve(t, true, "--request-timeout", "2s")
	writer := s.tokenFor(t, "writer")
	post := func(t *testing.T, token, procedure, body string, more ...string) (int, string) {
		t.Helper()
		return curl(t, append(more, "-H", "Authorization: Bearer "+token, "-H", "Content-Type: application/json", "--data-binary", body, s.url+"/ovasabi."+procedure)...)
	}
	t.Run("a wrong token", func(t *testing.T) {
		for _, token := range []string{"", "x", writer[:len(writer)-4] + "AAAA"} {
			status, body := post(t, token, "content.v1.ContentService/ListContent", "{}")
			require.Equal(t, 401, status, body)
		}
	})
	t.Run("another campaign's id in the body", func(t *testing.T) {
		for _, v := range apitest.Verbs {
			if isStream(v.Procedure) || strings.HasPrefix(v.Procedure, "campaign.") || strings.Contains(v.Procedure, "/Emit") {
				continue
			}
			body := strings.Replace(v.Body, "{", `{"campaign_id": 2, `, 1)
			status, answer := post(t, writer, v.Procedure, strings.Replace(body, ", }", "}", 1))
			require.Equal(t, 403, status, "%s: %s", v.Procedure, answer)
			require.Contains(t, answer, "campaign_id: the token does not hold this campaign")
		}
		status, answer := post(t, writer, "nexus.v1.NexusService/EmitEvent", `{"event": {"campaign_id": 2, "event_type": "a:b:v1:success"}}`)
		require.Equal(t, 403, status, answer)
		status, answer = post(t, writer, "nexus.v1.NexusService/EmitEvents", `{"campaign_id": 2, "events": [{"event_type": "a:b:v1:success"}]}`)
		require.Equal(t, 403, status, answer)
	})
	t.Run("a body of 50 MB", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "large.json")
		const size = 50_000_000
		require.NoError(t, os.WriteFile(file, []byte(`{"query": "`+strings.Repeat("a", size)+`"}`), 0o600))
		for token, want := range map[string]int{writer: 429, "x": 401} {
			// The server answers and closes before all is sent, which curl may call an error.
			out, _ := exec.CommandContext(t.Context(), "curl", "-sS", "--max-time", "20", "-w", "\n%{http_code} %{size_upload}", "-H", "Authorization: Bearer "+token,
				"-H", "Content-Type: application/json", "-H", "Expect:", "--data-binary", "@"+file, s.url+"/ovasabi.content.v1.ContentService/SearchContent").CombinedOutput()
			var status, sent int
			last := string(out[bytes.LastIndexByte(out, '\n')+1:])
			_, err := fmt.Sscan(last, &status, &sent)
			require.NoError(t, err, "%s", out)
			require.Equal(t, want, status, "%s", out)
			require.Less(t, sent, size, "%s: it took all of it; how much is on its way when it answers is the sockets' affair", last)
		}
	})
	t.Run("a slow client", func(t *testing.T) {
		begun := time.Now()
		_, _ = exec.CommandContext(t.Context(), "curl", "-sS", "--max-time", "60", "--limit-rate", "50", "-H", "Authorization: Bearer "+writer,
			"-H", "Content-Type: application/json", "--data-binary", `{"query": "`+strings.Repeat("a", 400_000)+`"}`, s.url+"/ovasabi.content.v1.ContentService/SearchContent").CombinedOutput()
		require.Less(t, time.Since(begun), 50*time.Second, "the server held on to a client that sends 50 bytes a second")
	})
	t.Run("an unknown field", func(t *testing.T) {
		status, body := post(t, writer, "content.v1.ContentService/ListContent", `{"statusses": ["draft"]}`)
		require.Equal(t, 400, status, body)
		require.Contains(t, body, "statusses")
	})
	t.Run("a cursor from another list", func(t *testing.T) {
		for _, sku := range []string{"a", "b"} {
			status, body := post(t, writer, "product.v1.ProductService/CreateProduct", `{"product": {"sku": "`+sku+`", "name": "n", "price": "1"}}`)
			require.Equal(t, 200, status, body)
		}
		status, body := post(t, writer, "product.v1.ProductService/ListProducts", `{"page_size": 1, "order": "PRODUCT_ORDER_PRICE_ASC"}`)
		require.Equal(t, 200, status, body)
		var page struct{ NextPageToken string }
		require.NoError(t, json.Unmarshal([]byte(body), &page))
		require.NotEmpty(t, page.NextPageToken)
		for procedure, order := range map[string]string{"product.v1.ProductService/ListProducts": `, "order": "PRODUCT_ORDER_PRICE_DESC"`, "user.v1.UserService/ListUsers": ""} {
			status, body = post(t, writer, procedure, `{"page_token": "`+page.NextPageToken+`"`+order+`}`)
			require.Equal(t, 400, status, body)
			require.Contains(t, body, "page_token")
		}
	})
	t.Run("an event with a bad type", func(t *testing.T) {
		status, body := post(t, writer, "nexus.v1.NexusService/EmitEvent", `{"event": {"event_type": "Shop:order"}}`)
		require.Equal(t, 400, status, body)
		require.Contains(t, body, "event.event_type")
	})
	t.Run("7 bad events of 10,000", func(t *testing.T) {
		const all, each = 10_000, 1000
		var body strings.Builder
		for from := 0; from < all; from += each {
			events := make([]string, each)
			for i := range events {
				kind := "shop:order:v1:success"
				if (from+i)%1429 == 7 {
					kind = "shop:order"
				}
				events[i] = fmt.Sprintf(`{"event_id": "e%d", "event_type": %q}`, from+i, kind)
			}
			fmt.Fprintf(&body, `{"events": [%s]}`, strings.Join(events, ","))
		}
		c := exec.CommandContext(t.Context(), "curl", "-sSN", "--max-time", "60", "--http2-prior-knowledge", "-H", "Authorization: Bearer "+writer,
			"-H", "Content-Type: application/connect+json", "--data-binary", "@-", s.url+"/ovasabi.nexus.v1.NexusService/IngestEvents")
		c.Stdin = bytes.NewReader(enveloped(t, body.String()))
		out, err := c.CombinedOutput()
		require.NoError(t, err, "%.2000s", out)
		text := strings.ReplaceAll(string(out), " ", "")
		require.Equal(t, 7, strings.Count(text, `"outcome":"EVENT_OUTCOME_REJECTED"`))
		require.Equal(t, 7, strings.Count(text, `"field":"event_type"`))
		require.Equal(t, all-7, strings.Count(text, `"outcome":"EVENT_OUTCOME_ACCEPTED"`))
	})
}
