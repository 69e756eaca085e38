package load_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/load"
	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
)

// Batches of one campaign are written beside each other, and still of lines with
// one key the first is kept, and of lines with one username the others are refused.
func TestOfEqualLinesTheFirstIsKeptWhateverIsWrittenAtOnce(t *testing.T) {
	const batch = 20
	const lines, keys = 4000, 2000
	for _, tc := range []struct {
		kind load.Kind
		line func(key, n int) string
		// The lines that are not kept: duplicates, or refused.
		duplicates, rejected int64
		stored               string
	}{
		{
			load.Content,
			func(key, n int) string { return fmt.Sprintf(`{"slug":"doc-%d","title":"%d"}`, key, n) },
			lines - keys, 0,
			`SELECT count(*) FROM ovasabi.service_content_main WHERE title::integer % 40 < 20`,
		},
		{
			load.Users,
			func(key, n int) string {
				return fmt.Sprintf(`{"email":"mail-%d@example.org","username":"User-%d","first_name":"%d"}`, n, key, n)
			},
			0, lines - keys,
			`SELECT count(*) FROM ovasabi.service_user_main WHERE first_name::integer % 40 < 20`,
		},
	} {
		t.Run(string(tc.kind), func(t *testing.T) {
			db := pgtest.New(t)
			scope := campaign.NewScope(db.App(t))
			makeCampaign(t, db, "one", "One")
			var text strings.Builder
			for n := range lines { // each batch has the keys of the one before
				text.WriteString(tc.line(n/(2*batch)*batch+n%batch, n) + "\n")
			}
			s, _ := loadText(t, scope, load.Options{Kind: tc.kind, Campaign: "one", BatchRows: batch, Writers: 8}, text.String())
			wantCounts(t, s, lines, keys, tc.duplicates, tc.rejected)
			var kept int64
			require.NoError(t, db.Owner(t).QueryRow(deadline(t), tc.stored).Scan(&kept))
			require.EqualValues(t, keys, kept, "the first line of each key")
		})
	}
}
