package dashboard_test

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/token"
)

// inREADME are the pictures that are worth keeping in the repository.
var inREADME = map[string]bool{"overview": true, "overview-dark": true, "overview-phone": true, "queries": true, "locks": true}

// TestScreenshots draws the pages in both themes and on a phone. With
// OVASABI_SCREENSHOTS=DIR it also writes those of the README, and all of them
// where OVASABI_SCREENSHOTS_ALL is set too:
//
//	OVASABI_SCREENSHOTS=$PWD/docs/images go test -run TestScreenshots ./internal/dashboard
func TestScreenshots(t *testing.T) {
	s := start(t)
	ids := s.fill(t)
	s.work(t, ids, 60)
	b := openBrowser(t)
	end := s.pileUp(t, ids)
	held := true
	b.signIn(s, s.token(t, token.Operator, ids...))
	for _, shot := range []struct {
		name, path, theme string
		width, height     int64
	}{
		{"locks", "/dashboard/locks", "dark", 1280, 900},
		{"locks-phone", "/dashboard/locks", "dark", 390, 844},
		{"overview", "/dashboard/", "light", 1280, 900},
		{"overview-dark", "/dashboard/", "dark", 1280, 900},
		{"overview-phone", "/dashboard/", "light", 390, 844},
		{"campaigns", "/dashboard/campaigns", "light", 1280, 900},
		{"queries", "/dashboard/queries", "light", 1280, 900},
		{"twin", "/dashboard/twin?name=content.search", "light", 1280, 900},
		{"io", "/dashboard/io", "light", 1280, 900},
		{"vacuum", "/dashboard/vacuum", "light", 1280, 900},
		{"indexes", "/dashboard/indexes", "dark", 1280, 900},
		{"flags", "/dashboard/flags", "light", 1280, 900},
		{"server", "/dashboard/server", "light", 1280, 900},
		{"findings", "/dashboard/findings", "light", 1280, 900},
	} {
		_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: shot.theme}},
		})
		require.NoError(t, err)
		b.do(chromedp.EmulateViewport(shot.width, shot.height), chromedp.Navigate(s.URL+shot.path))
		b.until(isLive)
		if held && shot.path != "/dashboard/locks" {
			end()
			held = false
			s.work(t, ids, 60)
		}
		b.until(`[...document.querySelectorAll(".plot")].every(p => p.querySelector("canvas"))`)
		picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
		require.NoError(t, err)
		drawn, err := png.Decode(bytes.NewReader(picture))
		require.NoError(t, err)
		require.Equal(t, int(shot.width), drawn.Bounds().Dx(), "%s is wider than the screen", shot.name)
		if dir := os.Getenv("OVASABI_SCREENSHOTS"); dir != "" && (inREADME[shot.name] || os.Getenv("OVASABI_SCREENSHOTS_ALL") != "") {
			require.NoError(t, os.MkdirAll(dir, 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "dashboard-"+shot.name+".png"), picture, 0o600))
		}
	}
}
