package dashboard_test

import (
	"context"
	"fmt"
	"iter"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/monitoring"
)

// browser is a Chromium with one tab.
type browser struct {
	ctx context.Context
	t   *testing.T

	mu     sync.Mutex
	errors []string
}

// openBrowser starts a Chromium that ends with the test, and fails the test where
// there is none or where a page wrote an error to its console.
func openBrowser(t *testing.T) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	require.NotEmpty(t, path, "The page is tested in Chromium, and none was found: install it (Debian: apt-get install chromium) and run the test again.")
	ctx, cancelAll := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancelAll)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("hide-scrollbars", true),
		chromedp.WSURLReadTimeout(time.Minute),
	)
	ctx, cancel := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{ctx: ctx, t: t}
	messages := chromedp.Console(ctx)
	var reading sync.WaitGroup
	reading.Go(func() { b.read(messages) })
	t.Cleanup(func() {
		b.mu.Lock()
		require.Empty(t, b.errors, "the page's console")
		b.mu.Unlock()
		// One that is killed leaves a folder behind for its socket.
		if err := chromedp.Cancel(ctx); err != nil {
			t.Log("close the browser:", err)
		}
		cancel()
		reading.Wait()
	})
	return b
}

func (b *browser) read(messages iter.Seq2[chromedp.ConsoleMessage, error]) {
	for m, err := range messages {
		if err != nil {
			return
		}
		if strings.HasSuffix(m.URL, "/favicon.ico") {
			continue // the form at /login names no icon, so the browser guesses one
		}
		b.mu.Lock()
		b.errors = append(b.errors, fmt.Sprint(m, " ", m.URL))
		b.mu.Unlock()
	}
}

// forget drops what the console has said so far and returns it.
func (b *browser) forget() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.errors
	b.errors = nil
	return all
}

// do runs actions within half a minute.
func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	require.NoError(b.t, chromedp.Do(ctx, actions...))
}

// signIn gives the browser the operator's cookie.
func (b *browser) signIn(s *site, text string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, network.SetCookie, network.SetCookieParams{Name: "ovasabi_token", Value: text, URL: s.URL, HTTPOnly: new(true)})
	require.NoError(b.t, err)
}

// until waits for a condition of the page, a JavaScript expression. A page that
// is just being replaced is asked again.
func (b *browser) until(condition string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	for {
		holds, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`!!(`+condition+`)`))
		if err == nil && holds {
			return
		}
		select {
		case <-ctx.Done():
			body, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.body.innerText`))
			b.t.Fatalf("waited for %s (%v); the page says:\n%s", condition, err, body)
		case <-time.After(30 * time.Millisecond):
		}
	}
}

// eval returns what a JavaScript expression says.
func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	require.NoError(b.t, err, expression)
	return v
}

const isLive = `document.getElementById("state").dataset.state === "live"`

func has(text string) string { return fmt.Sprintf(`document.body.innerText.includes(%q)`, text) }

func TestLoginByHandThenLive(t *testing.T) {
	s := start(t)
	ids := s.fill(t)
	b := openBrowser(t)
	b.do(chromedp.Navigate(s.URL + "/dashboard/"))
	for _, said := range b.forget() {
		require.Contains(t, said, "401", "the console before signing in")
	}
	b.do(
		chromedp.SetValue(chromedp.CSS(`[name="token"]`), s.token(t, token.Operator, ids...)),
		chromedp.Submit(chromedp.CSS(`[name="token"]`)),
	)
	b.until(isLive)
	b.until(has("Aurora Outfitters"))
	require.Equal(t, "Overview · OVASABI", eval[string](b, `document.title`))
	// Plots are drawn, from points that came over the stream.
	b.until(`document.querySelectorAll(".plot canvas").length >= 5`)
}

func TestFiguresChangeWithoutReloading(t *testing.T) {
	s := start(t)
	ids := s.fill(t)
	b := openBrowser(t)
	b.signIn(s, s.token(t, token.Operator, ids...))
	b.do(chromedp.Navigate(s.URL + "/dashboard/"))
	b.until(isLive)
	eval[int](b, `window.mark = 1`)
	first := eval[string](b, `document.querySelector("#live time").dateTime`)
	b.until(fmt.Sprintf(`document.querySelector("#live time").dateTime !== %q`, first))
	// What was found meanwhile is counted in the navigation of every page.
	const count = `Number(document.getElementById("findings-count").textContent)`
	before := eval[int](b, count)
	s.Found.Store(&monitoring.Finding{ID: "index_corrupt", Severity: "error", Object: "x", Evidence: "y", Remedy: "z"})
	b.until(fmt.Sprintf("%s === %d", count, before+1))
	require.Equal(t, 1, eval[int](b, `window.mark`), "the page was not loaded again")
	// How far back the plots go is chosen by keyboard or mouse, and remembered.
	b.do(chromedp.Click(chromedp.CSS(`.ranges label:last-child`)))
	b.until(`document.querySelector('input[name="range"]:checked').value === "86400"`)
	b.do(chromedp.Navigate(s.URL + "/dashboard/io"))
	b.until(isLive)
	b.until(`document.querySelector('input[name="range"]:checked').value === "86400"`)
}

func TestSearchByHand(t *testing.T) {
	s := start(t)
	ids := s.fill(t)
	b := openBrowser(t)
	b.signIn(s, s.token(t, token.Operator, ids...))
	b.do(chromedp.Navigate(s.URL+"/dashboard/"), chromedp.SetValue(chromedp.CSS("#q"), "wool"), chromedp.Submit(chromedp.CSS("#q")))
	b.until(`document.querySelectorAll("#browse mark").length > 0`)
	b.do(chromedp.SetValue(chromedp.CSS("#q"), "zeppelin"), chromedp.Submit(chromedp.CSS("#q")))
	b.until(has("Nothing matches"))
	require.Contains(t, eval[string](b, `location.search`), "zeppelin")
}
