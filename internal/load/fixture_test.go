package load_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/internal/load"
	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

func deadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func mustLoad(t testing.TB, scope *campaign.Scope, o load.Options, paths ...string) load.Summary {
	t.Helper()
	inputs, err := load.Files(paths, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := load.Run(deadline(t), scope, inputs, o)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return s
}

func wantCounts(t testing.TB, s load.Summary, read, accepted, duplicates, rejected int64) {
	t.Helper()
	if s.Read != read || s.Accepted != accepted || s.Duplicates != duplicates || s.Rejected != rejected {
		t.Errorf("got %s; want %d read, %d accepted, %d duplicates, %d rejected; first rejections: %+v",
			s, read, accepted, duplicates, rejected, s.FirstRejections)
	}
}

// loadText loads one text as the input "test" and returns what was refused.
func loadText(t testing.TB, scope *campaign.Scope, o load.Options, text string) (load.Summary, []load.Rejection) {
	t.Helper()
	var refused bytes.Buffer
	o.Rejects = &refused
	s, err := load.Run(deadline(t), scope, []load.Input{load.Reader("test", strings.NewReader(text))}, o)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return s, readRejects(t, &refused)
}

func readRejects(t testing.TB, r io.Reader) []load.Rejection {
	t.Helper()
	var list []load.Rejection
	for d := json.NewDecoder(r); ; {
		var one load.Rejection
		err := d.Decode(&one)
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatalf("the rejects are not NDJSON: %v", err)
		}
		list = append(list, one)
	}
}

// makeCampaign makes a campaign as the platform's campaign service would.
func makeCampaign(t testing.TB, db *pgtest.DB, slug, name string) campaign.ID {
	t.Helper()
	var id int64
	err := db.Owner(t).QueryRow(deadline(t), `
WITH made AS (
    INSERT INTO ovasabi.service_campaign_main (slug, name)
    VALUES ($1, $2)
    RETURNING id, slug
)
INSERT INTO ovasabi.campaign_directory (slug, campaign_id)
SELECT made.slug, made.id
FROM made
RETURNING campaign_id`, slug, name).Scan(&id)
	if err != nil {
		t.Fatal(err)
	}
	return campaign.ID(id)
}

// count asks the owner, whom no policy holds, how many rows there are.
func count(t testing.TB, db *pgtest.DB, table string) (n int64) {
	t.Helper()
	sql := "SELECT count(*) FROM " + pgx.Identifier{"ovasabi", table}.Sanitize()
	if err := db.Owner(t).QueryRow(deadline(t), sql).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func gzipped(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func writeFile(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// events returns n good events of one source.
func events(source string, n int) string {
	var b strings.Builder
	for i := range n {
		writeEvent(&b, source, i)
	}
	return b.String()
}

func wantFault(t testing.TB, err error, kind fault.Kind, parts ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("got %v, want a fault of kind %s", err, kind)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}
