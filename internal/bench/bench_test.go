package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/internal/bench"
	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// TestAShortRunHoldsWhatTheContractSays runs every scenario in tiny sizes. It
// asserts what does not depend on the machine: that all are there, that the two
// sides returned the same (Run fails where not), and what is counted.
func TestAShortRunHoldsWhatTheContractSays(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	work := t.TempDir()
	var heard []string
	report, err := bench.Run(ctx, bench.Options{
		Short: true, WorkDir: passable(t, work), Progress: func(line string) { heard = append(heard, line) },
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Scenarios) != len(bench.List()) || len(heard) == 0 {
		t.Fatalf("%d of %d scenarios, %d lines of progress", len(report.Scenarios), len(bench.List()), len(heard))
	}
	found := map[string]bench.Scenario{}
	for _, s := range report.Scenarios {
		found[s.Name] = s
		checkFigures(t, s.Name, s.Figures)
		for _, c := range s.Cases {
			checkFigures(t, s.Name+": "+c.Name, c.Figures)
		}
		if s.Note == "" || s.Title == "" || s.Of == "" || (s.Target == nil) != (s.Met == nil) {
			t.Errorf("%s says too little: %+v", s.Name, s)
		}
	}
	for _, name := range []string{"query_response", "concurrency", "index_scan", "bulk_insert"} {
		if s := found[name]; s.Target == nil {
			t.Errorf("%s: the plan promised something, and the report has no target", name)
		}
	}
	checkCounts(t, found)
	checkOutputs(t, report)
	if left, err := os.ReadDir(work); err != nil || len(left) > 0 {
		t.Errorf("the run left %v (%v)", left, err)
	}
}

// passable lets the server's user through to the folder of a test that runs as root.
func passable(t *testing.T, dir string) string {
	t.Helper()
	for d := dir; len(d) > len(os.TempDir()); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func checkFigures(t *testing.T, name string, f bench.Figures) {
	t.Helper()
	if f.Rounds < 2 || f.Unit != "ms" || len(f.Order) != len(f.Variants) || f.RatioOf == "" {
		t.Errorf("%s: %+v", name, f)
	}
	if f.Ratio <= 0 || f.RatioLow > f.Ratio || f.RatioHigh < f.Ratio {
		t.Errorf("%s: ratio %g is not within %g and %g", name, f.Ratio, f.RatioLow, f.RatioHigh)
	}
	for _, side := range []string{"before", "after"} {
		v, ok := f.Variants[side]
		if !ok || v.Operations < 1 || v.Mean <= 0 || v.P50 > v.P95 || v.P95 > v.P99 || v.OpsPerS <= 0 || v.Errors != 0 {
			t.Errorf("%s: %s: %+v", name, side, v)
		}
	}
}

// most is what one call of after may allocate and touch at most: counts, which are
// the same on every machine. A change that raises one has made every call dearer.
var most = map[string]struct{ allocs, pages float64 }{
	"content_by_id":    {54, 4},
	"user_by_id":       {56, 4},
	"product_by_id":    {57, 4},
	"events_of_entity": {60, 12},
}

// checkCounts asserts what has no noise: round trips, allocations and pages.
func checkCounts(t *testing.T, found map[string]bench.Scenario) {
	t.Helper()
	for _, c := range found["query_response"].Cases {
		before, after := c.Variants["before"], c.Variants["after"]
		if before.RoundTrips == nil || *before.RoundTrips != 4 || after.RoundTrips == nil || *after.RoundTrips != 1 {
			t.Errorf("%s: round trips must be 4 before (BEGIN, set_config, the query, COMMIT) and 1 after, not %v and %v",
				c.Name, deref(before.RoundTrips), deref(after.RoundTrips))
		}
		if before.Buffers == nil || after.Buffers == nil || *after.Buffers <= 0 {
			t.Errorf("%s: no pages were counted", c.Name)
		}
		if before.Allocs == nil || after.Allocs == nil || *after.Allocs >= *before.Allocs {
			t.Errorf("%s: after must allocate less than before: %v and %v", c.Name, deref(after.Allocs), deref(before.Allocs))
		}
		if bound, ok := most[c.Name]; ok && (*after.Allocs > bound.allocs || *after.Buffers > bound.pages) {
			t.Errorf("%s: %v allocations and %v pages a call after, at most %v and %v", c.Name, *after.Allocs, *after.Buffers, bound.allocs, bound.pages)
		}
	}
	for _, c := range found["bulk_insert"].Cases[:3] {
		before, after := c.Variants["before"], c.Variants["after"]
		rows := math.Round(*after.RowsPerS / after.OpsPerS)
		if more := *before.RoundTrips - rows; more < 3 || more > 4 || *after.RoundTrips != 1 {
			t.Errorf("%s: %v round trips before for %v rows and %v after: want one a row with BEGIN, set_config, COMMIT and at most one of the pool, and one", c.Name, *before.RoundTrips, rows, *after.RoundTrips)
		}
	}
	batches := found["bulk_insert"].Cases[2]
	if before, after := batches.Variants["before"], batches.Variants["after"]; *after.Allocs*4 > *before.Allocs {
		t.Errorf("a batch must allocate less than a quarter of row by row: %g and %g", *after.Allocs, *before.Allocs)
	}
	checkFeedPages(t, found["feed"])
}

// checkFeedPages holds a feed to the pages of its own rows, whatever the campaign holds.
func checkFeedPages(t *testing.T, feed bench.Scenario) {
	t.Helper()
	var pages []float64
	for _, c := range feed.Cases {
		if strings.HasSuffix(c.Name, " rows") {
			pages = append(pages, *c.Variants["after"].Buffers)
		}
	}
	if first, last := pages[0], pages[len(pages)-1]; len(pages) < 2 || last > first*3 {
		t.Errorf("the feed touches %v pages in the smallest campaign and %v in the largest", first, last)
	}
}

func deref(v *float64) any {
	if v == nil {
		return nil
	}
	return *v
}

// checkOutputs writes the report in every form and reads what a program would.
func checkOutputs(t *testing.T, report *bench.Report) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.json")
	var text bytes.Buffer
	if err := report.Write(&text); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := bench.Read(path)
	if err != nil || len(again.Scenarios) != len(report.Scenarios) {
		t.Fatalf("the report does not come back: %v", err)
	}
	var contract struct {
		Machine   map[string]any               `json:"machine"`
		Server    map[string]any               `json:"server"`
		Scenarios []map[string]json.RawMessage `json:"scenarios"`
	}
	if err := json.Unmarshal(text.Bytes(), &contract); err != nil {
		t.Fatal(err)
	}
	for _, s := range contract.Scenarios {
		for _, key := range []string{"name", "unit", "rounds", "variants", "ratio", "ratio_low", "ratio_high", "target", "met", "note"} {
			if _, ok := s[key]; !ok {
				t.Errorf("%s: no %q", s["name"], key)
			}
		}
	}
	for form, write := range map[string]func(*bytes.Buffer) error{
		"markdown": func(b *bytes.Buffer) error { return again.WriteMarkdown(b) },
		"html":     func(b *bytes.Buffer) error { return again.WriteHTML(b) },
		"terminal": func(b *bytes.Buffer) error {
			bench.WriteGround(b, again)
			var err error
			for _, s := range again.Scenarios {
				err = errors.Join(err, bench.WriteScenario(b, s))
			}
			return err
		},
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatalf("%s: %v", form, err)
		}
		for _, s := range again.Scenarios {
			if !strings.Contains(strings.ToLower(b.String()), s.Name) {
				t.Errorf("the %s does not show %s", form, s.Name)
			}
		}
		for _, bad := range []string{"<script", "NaN", "%!", "https://", "ZgotmplZ"} {
			if strings.Contains(b.String(), bad) {
				t.Errorf("the %s holds %q", form, bad)
			}
		}
	}
}

// TestTheReadersDatabaseIsOnlyRead runs what may run there, and counts the rows afterwards.
func TestTheReadersDatabaseIsOnlyRead(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	db := pgtest.New(t)
	fill(t, db)
	before := written(t, db)
	report, err := bench.Run(ctx, bench.Options{Short: true, DatabaseURL: db.AppURL, Campaigns: []int64{1, 2}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Scenarios) != 2 || report.Server.Own {
		t.Errorf("%d scenarios", len(report.Scenarios))
	}
	if after := written(t, db); after != before {
		t.Errorf("rows before %s, after %s", before, after)
	}
	_, err = bench.Run(ctx, bench.Options{Scenarios: []string{"bulk_insert"}, DatabaseURL: db.AppURL}, nil)
	if !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "bulk_insert") {
		t.Errorf("a scenario that writes was not refused: %v", err)
	}
	empty := pgtest.New(t)
	_, err = bench.Run(ctx, bench.Options{Short: true, DatabaseURL: empty.AppURL}, nil)
	if !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "--campaign") {
		t.Errorf("an empty database: %v", err)
	}
}

func fill(t *testing.T, db *pgtest.DB) {
	t.Helper()
	statements := []string{`
INSERT INTO ovasabi.service_campaign_main (id, slug, name)
SELECT n, 'c' || n, 'Campaign ' || n
FROM generate_series(1, 2) AS n`, `
INSERT INTO ovasabi.service_content_main (campaign_id, slug, title, body, tags, status, created_at)
SELECT 1 + n % 2, 's' || n, 'Title ' || n, 'a body', '["a"]', (ARRAY['published', 'review', 'draft'])[1 + n % 3], '2026-01-01'::timestamptz + n * interval '1 hour'
FROM generate_series(1, 200) AS n`, `
INSERT INTO ovasabi.service_user_main (campaign_id, username, email, status, last_login_at)
SELECT 1 + n % 2, 'u' || n, 'u' || n || '@example.com', 'active', '2026-10-20'::timestamptz + n * interval '1 minute'
FROM generate_series(1, 100) AS n`, `
INSERT INTO ovasabi.service_product_main (campaign_id, sku, name, price)
SELECT 1 + n % 2, 'p' || n, 'Product', 10
FROM generate_series(1, 100) AS n`, `
INSERT INTO ovasabi.service_event (campaign_id, event_id, event_type, entity_id, occurred_at)
SELECT 1 + n % 2, 'e' || n, 'order:ship:v1:completed', 'order/' || n % 20, '2026-01-01'::timestamptz + n * interval '1 hour'
FROM generate_series(1, 200) AS n`}
	for _, s := range statements {
		if _, err := db.Owner(t).Exec(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}

func written(t *testing.T, db *pgtest.DB) string {
	t.Helper()
	rows, err := db.Owner(t).Query(t.Context(), `
SELECT 'content ' || count(*) FROM ovasabi.service_content_main
UNION ALL SELECT 'users ' || count(*) FROM ovasabi.service_user_main
UNION ALL SELECT 'events ' || count(*) FROM ovasabi.service_event
UNION ALL SELECT 'crossings ' || count(*) FROM ovasabi.campaign_crossing`)
	if err != nil {
		t.Fatal(err)
	}
	counts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(counts)
}

func TestBadOptionsNameTheField(t *testing.T) {
	for _, c := range []struct {
		o    bench.Options
		want string
	}{
		{bench.Options{Scenarios: []string{"querry"}}, `"querry" is not one of query_response`},
		{bench.Options{Rounds: 1}, "rounds"},
		{bench.Options{FeedRows: 10}, "feed-rows"},
		{bench.Options{Callers: []int{0}}, "callers"},
	} {
		if err := c.o.Check(); !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
}

func TestARunThatIsStoppedLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	work := t.TempDir()
	finished := 0
	report, err := bench.Run(ctx, bench.Options{Short: true, WorkDir: passable(t, work), Scenarios: []string{"query_response", "bulk_insert"}}, func(bench.Scenario, *bench.Report) {
		finished++
		cancel()
	})
	if !errors.Is(err, fault.Canceled) || finished != 1 || len(report.Scenarios) != 1 {
		t.Errorf("%d scenarios finished: %v", finished, err)
	}
	if left, err := os.ReadDir(work); err != nil || len(left) > 0 {
		t.Errorf("the run left %v (%v)", left, err)
	}
}
