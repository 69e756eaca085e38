//go:build unix

package embedded_test

import (
	"os"
	"strings"
	"testing"

	"github.com/ovasabi/ovasabi/internal/embedded"
)

func TestDefaultFolders(t *testing.T) {
	t.Setenv("HOME", "/home/somebody")
	t.Setenv("XDG_DATA_HOME", "")
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv(embedded.CacheDirVariable, "")
	data, errData := embedded.DefaultDataDir()
	cache, errCache := embedded.DefaultCacheDir()
	if errData != nil || errCache != nil {
		t.Fatal(errData, errCache)
	}
	if os.Geteuid() == 0 {
		// Root's home is closed to the user whom PostgreSQL runs as.
		if data != "/var/lib/ovasabi" || cache != "/var/cache/ovasabi" {
			t.Errorf("root's folders are %s and %s", data, cache)
		}
	} else if !strings.HasPrefix(data, "/home/somebody/") || !strings.HasPrefix(cache, "/home/somebody/") {
		t.Errorf("the user's folders are %s and %s", data, cache)
	}
	t.Setenv(embedded.CacheDirVariable, "/elsewhere")
	if cache, err := embedded.DefaultCacheDir(); err != nil || cache != "/elsewhere" {
		t.Errorf("%s is not followed: %s, %v", embedded.CacheDirVariable, cache, err)
	}
}
