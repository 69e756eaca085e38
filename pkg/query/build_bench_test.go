package query_test

import (
	"testing"
	"time"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/query"
)

// request is what a handler knows when it builds: nothing in it is a constant,
// so that every value has to find a place in the parameters.
type request struct {
	campaign    campaign.ID
	statuses    []string
	kind        string
	since       time.Time
	until       time.Time
	leastID     int64
	leastEdits  int64
	pageSize    int
	titleSearch string
}

func newRequest() *request {
	return &request{
		campaign: 70_001, statuses: []string{"published", "review"}, kind: "news",
		since: time.Unix(1_700_000_000, 0), until: time.Unix(1_800_000_000, 0),
		leastID: 4_000_000_000, leastEdits: 1_000, pageSize: 500, titleSearch: "postgres -mysql",
	}
}

// fiveConditions is the query of the promise: five conditions, an order, a limit.
func fiveConditions(r *request) (string, []any, error) {
	return list(query.NewCampaignQuery(r.campaign), r).SQL()
}

// list is as a repository writes it; it is inlined or not, as the compiler finds.
func list(b *query.CampaignQueryBuilder, r *request) *query.CampaignQueryBuilder {
	return b.
		WithTable(content).
		Columns(contentID, contentSlug, contentTitle, contentStatus, contentCreatedAt).
		Where(
			contentStatus.In(r.statuses...),
			contentKind.Equal(r.kind),
			contentCreatedAt.Between(r.since, r.until),
			contentID.GreaterThan(r.leastID),
			contentVersion.AtLeast(r.leastEdits),
		).
		OrderBy(contentCreatedAt.Desc()).
		Limit(r.pageSize)
}

func TestFiveConditionsTakeAtMostFiveAllocations(t *testing.T) {
	r := newRequest()
	ctx := campaign.NewContext(t.Context(), r.campaign)
	for name, build := range map[string]func() (string, []any, error){
		"of a campaign":  func() (string, []any, error) { return fiveConditions(r) },
		"from a context": func() (string, []any, error) { return list(query.FromContext(ctx), r).SQL() },
		"kept": func() (string, []any, error) {
			kept = list(query.NewCampaignQuery(r.campaign), r)
			return kept.SQL()
		},
	} {
		got := testing.AllocsPerRun(200, func() {
			if _, args, err := build(); err != nil || len(args) != 8 {
				t.Fatal(args, err)
			}
		})
		if got > 5 {
			t.Errorf("%s: building a query with five conditions took %v allocations, more than 5", name, got)
		}
		t.Logf("%s: %v allocations", name, got)
	}
}

// kept makes the compiler put a builder on the heap.
var kept *query.CampaignQueryBuilder

func BenchmarkFiveConditions(b *testing.B) {
	r := newRequest()
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := fiveConditions(r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPointRead(b *testing.B) {
	r := newRequest()
	b.ReportAllocs()
	for b.Loop() {
		_, _, err := query.NewCampaignQuery(r.campaign).WithTable(content).
			Columns(contentID, contentTitle).Where(contentID.Equal(r.leastID)).SQL()
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUpdateOneRow(b *testing.B) {
	r := newRequest()
	b.ReportAllocs()
	for b.Loop() {
		_, _, err := query.NewCampaignQuery(r.campaign).WithTable(content).
			Update(contentTitle.Set(r.titleSearch), query.Add(contentVersion, 1), query.SetNow(contentUpdatedAt)).
			Where(contentID.Equal(r.leastID), contentVersion.Equal(r.leastEdits)).
			Returning(contentVersion, contentUpdatedAt).
			SQL()
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNextPage(b *testing.B) {
	r := newRequest()
	signer, err := query.NewCursorSigner(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	page := func(token string) *query.CampaignQueryBuilder {
		return query.NewCampaignQuery(r.campaign).WithTable(content).
			Columns(contentID, contentTitle, contentCreatedAt).
			Where(contentStatus.Equal(r.kind)).
			OrderBy(contentCreatedAt.Desc()).After(signer, token).Limit(r.pageSize)
	}
	token, err := page("").NextCursor(r.since, r.leastID)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := page(token).SQL(); err != nil {
			b.Fatal(err)
		}
	}
}
