package dashboard_test

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/token"
)

// A day of points, as an earlier process left them, is drawn from one answer, and
// no plot ever holds more than the page's bound. How long drawing takes is printed:
// `go test -v -run TestADayOfPlots ./internal/dashboard`.
func TestADayOfPlots(t *testing.T) {
	s := startKept(t, aDay(t))
	ids := s.fill(t)
	b := openBrowser(t)
	b.signIn(s, s.token(t, token.Operator, ids...))
	b.do(chromedp.Navigate(s.URL + "/dashboard/"))
	b.until(isLive)
	b.until(`document.querySelectorAll(".plot canvas").length >= 5`)
	points := eval[int](b, `(() => {
		const asked = new XMLHttpRequest();
		asked.open("GET", "/dashboard/series", false);
		asked.setRequestHeader("Accept", "application/json");
		asked.send();
		return JSON.parse(asked.responseText)[0].length;
	})()`)
	require.Greater(t, points, 23*60, "a point a minute of the day")
	require.LessOrEqual(t, points, 2200)

	// Each choice of a range draws every plot anew; uPlot paints in a microtask.
	eval[bool](b, `(() => {
		const day = document.querySelector('input[name="range"][value="86400"]');
		(async () => {
			const times = [];
			for (let i = 0; i < 20; i++) {
				const began = performance.now();
				day.checked = true;
				day.dispatchEvent(new Event("change"));
				await Promise.resolve();
				times.push(performance.now() - began);
				await new Promise((next) => setTimeout(next, 20));
			}
			window.drawn = times.sort((a, b) => a - b);
		})();
		return true;
	})()`)
	b.until(`window.drawn`)
	plots := eval[int](b, `document.querySelectorAll(".plot canvas").length`)
	t.Logf("%d plots of %d points each: drawn in %.1f ms (median), %.1f ms at worst; the page had loaded after %.0f ms", plots, points,
		eval[float64](b, `window.drawn[10]`), eval[float64](b, `window.drawn[19]`),
		eval[float64](b, `performance.getEntriesByType("navigation")[0].loadEventEnd`))
}

// aDay writes what a collector of this moment would remember of the last 24 hours.
func aDay(t *testing.T) string {
	t.Helper()
	type point struct {
		At     time.Time   `json:"at"`
		Values [10]float64 `json:"values"`
	}
	kept := struct {
		Version int       `json:"version"`
		At      time.Time `json:"at"`
		Fine    []point   `json:"fine"`
		Coarse  []point   `json:"coarse"`
	}{Version: 1, At: time.Now()}
	for at := kept.At.Add(-24*time.Hour + time.Minute); at.Before(kept.At); at = at.Add(time.Minute) {
		p := point{At: at}
		for i := range p.Values {
			p.Values[i] = float64(at.Minute()%7+i) / 20
		}
		kept.Coarse = append(kept.Coarse, p)
	}
	path := filepath.Join(t.TempDir(), "seen.json.gz")
	f, err := os.Create(path)
	require.NoError(t, err)
	squeezed := gzip.NewWriter(f)
	require.NoError(t, errors.Join(json.NewEncoder(squeezed).Encode(kept), squeezed.Close(), f.Close()))
	return path
}
