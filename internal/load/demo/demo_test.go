package demo_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/ovasabi/ovasabi/internal/load"
	"github.com/ovasabi/ovasabi/internal/load/demo"
	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
)

func TestTheDemoLoadsWholeAndAgainAddsNothing(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	db := pgtest.New(t)
	scope := campaign.NewScope(db.App(t))
	calls := 0
	first, err := demo.Load(ctx, scope, func(load.Progress) { calls++ })
	if err != nil {
		t.Fatal(err)
	}
	again, err := demo.Load(ctx, scope, nil)
	if err != nil {
		t.Fatal(err)
	}
	least := map[load.Kind]int64{load.Content: 900, load.Users: 600, load.Products: 150, load.Events: 4_000}
	if len(first.Summaries) != 4 || len(again.Summaries) != 4 || len(first.Campaigns) != 3 || !slices.Equal(first.Campaigns, again.Campaigns) || calls < 4 {
		t.Fatalf("campaigns %v, then %v; %d summaries; %d calls of progress", first.Campaigns, again.Campaigns, len(first.Summaries), calls)
	}
	for i, s := range first.Summaries {
		if s.Accepted < least[s.Kind] || s.Accepted != s.Read || s.Campaigns != 3 {
			t.Errorf("%s", s)
		}
		if a := again.Summaries[i]; a.Duplicates != s.Accepted || a.Read != s.Read {
			t.Errorf("again: %s", a)
		}
	}
	var broken int
	if err := db.Owner(t).QueryRow(ctx, `SELECT count(*) FROM ovasabi.service_content_main AS m WHERE m.body || m.title LIKE '%\%!%' OR m.body LIKE '%\%[%'`).Scan(&broken); err != nil || broken > 0 {
		t.Errorf("%d documents hold a verb that was not filled in (%v)", broken, err)
	}
	var names []string
	if err := db.Owner(t).QueryRow(ctx, `SELECT array_agg(c.slug || '|' || c.name ORDER BY c.slug) FROM ovasabi.service_campaign_main AS c`).Scan(&names); err != nil {
		t.Fatal(err)
	}
	if want := []string{"city-library|City Library", "harbour-coffee|Harbour Coffee", "trailhead-outfitters|Trailhead Outfitters"}; !slices.Equal(names, want) {
		t.Errorf("campaigns %q", names)
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		scope := campaign.NewScope(pgtest.New(b).App(b))
		b.StartTimer()
		if _, err := demo.Load(b.Context(), scope, nil); err != nil {
			b.Fatal(err)
		}
	}
}
