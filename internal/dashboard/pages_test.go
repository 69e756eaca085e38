package dashboard_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/dashboard"
	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/monitoring"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

var everyPage = []string{"", "campaigns", "queries", "locks", "io", "vacuum", "indexes", "flags", "server", "findings", "twin?name=content.search"}

// Every page answers, holds only what its own policy allows, and is small.
func TestEveryPageIsWholeAndSmall(t *testing.T) {
	s := start(t)
	ids := s.fill(t)
	s.work(t, ids, 30)
	s.collected(t)
	operator := s.token(t, token.Operator, ids...)
	for _, page := range everyPage {
		status, body := s.get(t, operator, "/dashboard/"+page)
		require.Equal(t, http.StatusOK, status, page)
		require.NotContains(t, body, "style=", "%s: an inline style, which the policy refuses", page)
		require.NotContains(t, body, "onclick", page)
		require.NotContains(t, body, "<script>", page)
		require.NotContains(t, body, "http://", "%s: an address of another place", page)
		require.NotContains(t, body, "https://", "%s: an address of another place", page)
		size := len(body)
		for _, asset := range regexp.MustCompile(`(?:href|src)="(/dashboard/assets/[^"]+)"`).FindAllStringSubmatch(body, -1) {
			status, text := s.get(t, operator, asset[1])
			require.Equal(t, http.StatusOK, status, asset[1])
			size += len(text)
		}
		require.Less(t, size, 300_000, "%s with all its assets", page)
	}
	status, _ := s.get(t, operator, "/dashboard/nothing")
	require.Equal(t, http.StatusNotFound, status)
	status, _ = s.get(t, operator, "/dashboard/twin?name=nothing")
	require.Equal(t, http.StatusNotFound, status)
	status, body := s.get(t, operator, "/dashboard/?campaign=none")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "must be a positive whole number")
}

// An operator sees every campaign's figures, and the content of those alone that the token holds.
func TestContentOfOtherCampaignsStaysTheirs(t *testing.T) {
	s := start(t)
	ids := s.fill(t)
	status, body := s.get(t, s.token(t, token.Operator, ids[0]), "/dashboard/?campaign="+ids[1].String())
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "Borealis Press")
	require.Contains(t, body, "does not hold campaign")
	require.NotContains(t, body, "A winter on the ridge")
	_, body = s.get(t, s.token(t, token.Operator), "/dashboard/")
	require.Contains(t, body, "holds no campaign")
	require.NotContains(t, body, "A winter on the ridge")
	// Each count is audited, under the name of the one who looked.
	var reason string
	require.NoError(t, s.DB.Owner(t).QueryRow(t.Context(), `SELECT reason FROM ovasabi.campaign_crossing ORDER BY id LIMIT 1`).Scan(&reason))
	require.Contains(t, reason, "operator ada")
}

func TestWithoutStatisticsThePageSaysSo(t *testing.T) {
	s := start(t, func(d *dashboard.Dependencies) {
		d.Collector, d.Tracer, d.Twins, d.Flags, d.Pool = nil, nil, nil, nil, nil
	})
	ids := s.fill(t)
	operator := s.token(t, token.Operator, ids...)
	for _, page := range everyPage {
		status, body := s.get(t, operator, "/dashboard/"+page)
		require.Equal(t, http.StatusOK, status, page)
		require.NotContains(t, body, "PostgreSQL 18.", page)
	}
	_, body := s.get(t, operator, "/dashboard/")
	require.Contains(t, body, "no address for ovasabi_monitor")
	require.Contains(t, body, "A winter on the ridge, part 2")
}

// What a database holds is text on the page, never markup.
func TestWhatIsStoredIsNeverMarkup(t *testing.T) {
	s := start(t)
	ids := s.fill(t)
	_, err := s.DB.Owner(t).Exec(t.Context(), `
INSERT INTO ovasabi.service_content_main (campaign_id, slug, title, body, tags, created_at)
VALUES ($1, '"><i>', '<script>alert(1)</script>', 'a "lantern" <b>bold</b>', '["<u>"]', now() + interval '1 hour')`, ids[0].Int64())
	require.NoError(t, err)
	operator := s.token(t, token.Operator, ids...)
	for _, path := range []string{"/dashboard/", "/dashboard/?q=lantern+bold", "/dashboard/?q=%3Cscript%3E"} {
		_, body := s.get(t, operator, path)
		for _, markup := range []string{"<script>alert", "<b>bold", "<u>", "<i>"} {
			require.NotContains(t, body, markup, path)
		}
	}
}

// The next look is at most a second away, and what it saw is pushed to the page.
func TestABlockedSessionShowsWithTheNextLook(t *testing.T) {
	s := start(t)
	ids := s.fill(t)
	b := openBrowser(t)
	b.signIn(s, s.token(t, token.Operator, ids...))
	b.do(chromedp.Navigate(s.URL + "/dashboard/locks"))
	b.until(isLive)
	b.until(has("Nobody waits for a lock"))
	end := s.pileUp(t, ids)
	require.Equal(t, 2, s.looked(t).Waiting)
	b.until(`document.querySelectorAll(".tree .tag.warning").length >= 2`)
	require.True(t, eval[bool](b, has("campaign 1")))
	require.True(t, eval[bool](b, has("idle in transaction")))
	end()
	b.until(has("Nobody waits for a lock"))
	// What a person opened stays open while the page goes on.
	b.until(`document.querySelector("details[id^=pile-]")`)
	b.do(chromedp.Click(chromedp.CSS(`details[id^=pile-] summary`)))
	before := s.collected(t)
	require.NotNil(t, before)
	s.collected(t)
	require.True(t, eval[bool](b, `document.querySelector("details[id^=pile-]").open`))
}

func TestFlagsAreSwitchedByHand(t *testing.T) {
	s := start(t)
	ids := s.fill(t)
	text := s.token(t, token.Operator, ids...)
	b := openBrowser(t)
	b.signIn(s, text)
	b.do(chromedp.Navigate(s.URL + "/dashboard/flags"))
	b.until(isLive)
	set := func(percentage, bearer, button string) {
		b.do(
			chromedp.SetValue(chromedp.CSS("#twin"), "content.search"),
			chromedp.SetValue(chromedp.CSS("#flag-campaign"), ids[0].String()),
			chromedp.SetValue(chromedp.CSS("#percentage"), percentage),
			chromedp.SetValue(chromedp.CSS("#reason"), "trying"),
			chromedp.SetValue(chromedp.CSS("#bearer"), bearer),
			chromedp.Click(chromedp.CSS(`button[value="`+button+`"]`)),
		)
	}
	set("25", text, "set")
	b.until(has("Done."))
	b.until(has("25 %"))
	flags, err := twin.List(t.Context(), s.App)
	require.NoError(t, err)
	require.Len(t, flags, 1)
	require.Equal(t, twin.Flag{Campaign: ids[0], Twin: "content.search", Percentage: 25, Reason: "ada: trying", UpdatedAt: flags[0].UpdatedAt, UpdatedBy: "ovasabi_app"}, flags[0])

	set("25", text, "clear")
	b.until(has("No flag is set"))
	set("25", text, "clear")
	b.until(has("Not done: twin"))
	for _, said := range b.forget() {
		require.Contains(t, said, "404", "the browser notes an answer that is not 2xx")
	}
	set("25", "not a token", "set")
	b.until(`document.getElementById("said").textContent.startsWith("Not done") && !document.getElementById("said").textContent.includes("twin")`)
	for _, said := range b.forget() {
		require.Contains(t, said, "401")
	}
}

// The cookie reads and changes nothing, so that no other site can change a flag with it.
func TestTheCookieChangesNothing(t *testing.T) {
	s := start(t)
	ids := s.fill(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/dashboard/flags", strings.NewReader("twin=*&percentage=0"))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.AddCookie(&http.Cookie{Name: "ovasabi_token", Value: s.token(t, token.Operator, ids...)})
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusUnauthorized, answer.StatusCode)
	flags, err := twin.List(t.Context(), s.App)
	require.NoError(t, err)
	require.Empty(t, flags)
}

func TestEveryPageInChromium(t *testing.T) {
	s := start(t)
	ids := s.fill(t)
	s.work(t, ids, 30)
	b := openBrowser(t) // fails the test if any of the pages writes an error
	b.signIn(s, s.token(t, token.Operator, ids...))
	b.do(chromedp.Navigate(s.URL + "/dashboard/"))
	b.until(isLive)
	t.Log("the overview: " + eval[string](b, `(() => {
		const page = performance.getEntriesByType("navigation")[0];
		const bytes = [page, ...performance.getEntriesByType("resource")].reduce((sum, e) => sum + e.transferSize, 0);
		return Math.round(page.loadEventEnd) + " ms until it was loaded, " + Math.round(bytes / 1000) + " kB with all its assets";
	})()`))
	for _, page := range everyPage[1:10] {
		b.do(chromedp.Click(chromedp.CSS(`nav a[href="/dashboard/` + page + `"]`)))
		b.until(fmt.Sprintf(`location.pathname === "/dashboard/%s" && %s`, page, isLive))
		require.Equal(t, 1, eval[int](b, `document.querySelectorAll("[aria-current]").length`), page)
		// What a screen reader needs: a heading, names for regions, fields and tables' columns, unique ids.
		require.Equal(t, 1, eval[int](b, `document.querySelectorAll("h1").length`), page)
		require.Zero(t, eval[int](b, `[...document.querySelectorAll("th:not([scope])")].filter(e => !e.closest(".plot")).length`), page)
		require.Zero(t, eval[int](b, `[...document.querySelectorAll("input, select")].filter(e => e.type !== "hidden" && !e.labels.length).length`), page)
		require.Empty(t, eval[[]string](b, `(() => { const all = [...document.querySelectorAll("[id]")].map(e => e.id); return all.filter((id, i) => all.indexOf(id) !== i); })()`), page)
		require.True(t, eval[bool](b, `document.documentElement.scrollWidth <= innerWidth`), "%s is wider than the screen", page)
	}
	b.do(chromedp.EmulateViewport(360, 740))
	for _, page := range everyPage {
		b.do(chromedp.Navigate(s.URL + "/dashboard/" + page))
		b.until(`document.documentElement.scrollWidth <= innerWidth`) // plots take their width from the page once it is laid out
	}
	// By keyboard alone: the first stop leads past the navigation.
	b.do(chromedp.Navigate(s.URL + "/dashboard/locks"))
	b.until(isLive)
	require.Equal(t, "Skip to the content", eval[string](b, `(() => { const first = document.querySelector("a, button, input"); first.focus(); return document.activeElement.textContent; })()`))
	theme := eval[string](b, `document.documentElement.dataset.theme`)
	b.do(chromedp.Click(chromedp.CSS("#theme")))
	require.NotEqual(t, theme, eval[string](b, `document.documentElement.dataset.theme`))
}

// A page says that its server went away, and goes on by itself when it is back to answering.
func TestThePageSaysWhenItIsNotLive(t *testing.T) {
	s := start(t)
	ids := s.fill(t)
	b := openBrowser(t)
	b.signIn(s, s.token(t, token.Operator, ids...))
	b.do(chromedp.Navigate(s.URL + "/dashboard/io"))
	b.until(isLive)
	s.Stop()
	b.until(`document.getElementById("state").dataset.state === "waiting"`)
	b.forget() // the browser notes that the server is away
	t.Cleanup(func() { b.forget() })
}

func TestSlowQueryIsOpenedByHand(t *testing.T) {
	s := start(t)
	ids := s.fill(t)
	s.work(t, ids, 1)
	b := openBrowser(t)
	b.signIn(s, s.token(t, token.Operator, ids...))
	b.do(chromedp.Navigate(s.URL + "/dashboard/queries"))
	b.until(isLive)
	b.until(`document.getElementById("slow-report-yearly-")`)
	b.do(chromedp.Click(chromedp.CSS(`#slow-report-yearly- summary`)))
	b.until(`document.querySelector("#slow-report-yearly- pre.plan")?.textContent.includes("service_event")`)
	require.False(t, eval[bool](b, has("secret:never")), "a constant came through")
	var slow monitoring.SlowQuery
	for _, q := range s.Tracer.SlowQueries() {
		if q.Name == "report.yearly" {
			slow = q
		}
	}
	require.EqualValues(t, 1, slow.Count)
}

// What maintenance did, and what others than the statistics found, stands on the page.
func TestMaintenanceAndFindingsOfOthersAreShown(t *testing.T) {
	s := start(t)
	ids := s.fill(t)
	_, err := s.DB.Owner(t).Exec(t.Context(), `
INSERT INTO ovasabi.maintenance_log (action, object, reason, ended_at, outcome, detail)
VALUES ('reindex', 'ovasabi.idx_content_campaign_skip', 'half of its 80 MB are empty', now() + interval '3 s', 'done', '41 MB afterwards'),
    ('vacuum', 'ovasabi.service_event', '90 000 dead rows', NULL, 'running', '')`)
	require.NoError(t, err)
	s.Found.Store(&monitoring.Finding{
		ID: "generated_value_fails", Severity: "error", Object: "ovasabi.service_product_main",
		Evidence: "a row in page 3 cannot be read", Remedy: "make the expression total",
	})
	s.collected(t)
	operator := s.token(t, token.Operator, ids...)
	_, body := s.get(t, operator, "/dashboard/vacuum")
	for _, want := range []string{"half of its 80 MB are empty", "41 MB afterwards", "reindex", ">running<"} {
		require.Contains(t, body, want)
	}
	_, body = s.get(t, operator, "/dashboard/findings")
	require.Contains(t, body, "make the expression total")
	require.Contains(t, body, "generated_value_fails")
}
