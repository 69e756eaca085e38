package load_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/ovasabi/ovasabi/internal/load"
	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
)

// sharedFile returns a file of ../shared/data beside the repository.
func sharedFile(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "data", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the real data is not there (%s): it lies outside of the repository and is not needed to build or run it", path)
	}
	return path
}

// The figures are those of the files' own README: 22,965 events of 8
// repositories, 7,425 documents of one.
func TestTheSharedFilesLoadWholeAndAgainAddNothing(t *testing.T) {
	for _, c := range []struct {
		kind      load.Kind
		file      string
		lines     int64
		campaigns int
	}{
		{load.Events, "events.ndjson.gz", 22_965, 8},
		{load.Content, "content.ndjson.gz", 7_425, 1},
	} {
		t.Run(c.file, func(t *testing.T) {
			path := sharedFile(t, c.file)
			scope := campaign.NewScope(pgtest.New(t).App(t))
			o := load.Options{Kind: c.kind, CampaignField: "source"}
			first := mustLoad(t, scope, o, path)
			wantCounts(t, first, c.lines, c.lines, 0, 0)
			again := mustLoad(t, scope, o, path)
			wantCounts(t, again, c.lines, 0, c.lines, 0)
			for _, s := range []load.Summary{first, again} {
				if s.Campaigns != c.campaigns || len(s.CampaignIDs) != c.campaigns {
					t.Errorf("%d campaigns, want %d", s.Campaigns, c.campaigns)
				}
			}
			t.Log(first, "| again:", again)
		})
	}
}
