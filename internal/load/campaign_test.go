package load_test

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/ovasabi/ovasabi/internal/load"
	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

type made struct{ slug, name string }

func campaigns(t testing.TB, db *pgtest.DB) map[made]int64 {
	t.Helper()
	rows, err := db.Owner(t).Query(deadline(t), `
SELECT d.slug, c.name, (SELECT count(*) FROM ovasabi.service_content_main AS m WHERE m.campaign_id = c.id)
FROM ovasabi.service_campaign_main AS c
JOIN ovasabi.campaign_directory AS d ON d.campaign_id = c.id AND d.slug = c.slug`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := map[made]int64{}
	for rows.Next() {
		var m made
		var n int64
		if err := rows.Scan(&m.slug, &m.name, &n); err != nil {
			t.Fatal(err)
		}
		found[m] = n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

func documents(shops ...string) string {
	var b strings.Builder
	for i, shop := range shops {
		fmt.Fprintf(&b, `{"shop":%q,"slug":"doc-%d","title":"T"}`+"\n", shop, i)
	}
	return b.String()
}

func TestValuesBecomeCampaignsAndNeverShareOneByLookingAlike(t *testing.T) {
	db := pgtest.New(t)
	scope := campaign.NewScope(db.App(t))
	makeCampaign(t, db, "made-before", "Made before")
	makeCampaign(t, db, "taken", "Somebody else's")
	o := load.Options{Kind: load.Content, CampaignField: "shop"}
	text := documents("git/tldr", "git-tldr", "Café Zürich", "東京", "大阪", "made-before", "Made before", "taken", "Taken!",
		strings.Repeat("long/", 100), "git/tldr", "GIT/TLDR")
	text += `{"shop":42,"slug":"n","title":"T"}` + "\n"

	s, refused := loadText(t, scope, o, text)
	wantCounts(t, s, 13, 13, 0, 0)
	if len(refused) != 0 || s.Campaigns != 11 {
		t.Errorf("%d campaigns, refused: %+v", s.Campaigns, refused)
	}
	want := map[made]int64{
		{"git-tldr", "git/tldr"}: 2, {"cafe-zurich", "Café Zürich"}: 1, {"42", "42"}: 1,
		{"made-before", "Made before"}: 2, {"taken", "Somebody else's"}: 1,
	}
	got := campaigns(t, db)
	for m, n := range want {
		if got[m] != n {
			t.Errorf("campaign %v holds %d documents, want %d", m, got[m], n)
		}
	}
	hashed := map[string]string{"git-tldr": `^git-tldr-[0-9a-f]{8}$`, "GIT/TLDR": `^git-tldr-[0-9a-f]{8}$`, "Taken!": `^taken-[0-9a-f]{8}$`,
		"東京": `^campaign-[0-9a-f]{8}$`, "大阪": `^campaign-[0-9a-f]{8}$`}
	for m, n := range got {
		if form := hashed[m.name]; form != "" {
			delete(hashed, m.name)
			if !regexp.MustCompile(form).MatchString(m.slug) || n != 1 {
				t.Errorf("%v with %d documents should have a slug like %s", m, n, form)
			}
		}
	}
	if len(hashed) > 0 || len(got) != 11 {
		t.Errorf("%d campaigns: %v; missing %v", len(got), got, hashed)
	}
	if len(s.Notes) != 3 || !strings.Contains(s.Notes[0], `shop "git-tldr" is campaign git-tldr-`) {
		t.Errorf("notes: %q", s.Notes)
	}

	// In another order, all goes where it went.
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, j := 0, len(lines)-1; i < j; i, j = i+1, j-1 {
		lines[i], lines[j] = lines[j], lines[i]
	}
	again, _ := loadText(t, scope, o, strings.Join(lines, "\n"))
	wantCounts(t, again, 13, 0, 13, 0)
	if len(campaigns(t, db)) != 11 {
		t.Errorf("the second load made campaigns: %v", campaigns(t, db))
	}
}

func TestALineWithoutACampaignIsRejectedOrGoesToTheOneThatWasNamed(t *testing.T) {
	db := pgtest.New(t)
	scope := campaign.NewScope(db.App(t))
	id := makeCampaign(t, db, "rest", "The rest")
	text := `{"slug":"a","title":"T"}
{"shop":null,"slug":"b","title":"T"}
{"shop":"","slug":"c","title":"T"}
{"shop":["x"],"slug":"d","title":"T"}
{"shop":"x","slug":"e","title":"T"}
`
	s, refused := loadText(t, scope, load.Options{Kind: load.Content, CampaignField: "shop"}, text)
	wantCounts(t, s, 5, 1, 0, 4)
	for i, r := range []string{"must be a string, not an array", "not be empty", "it is missing", "it is missing"} {
		if n := len(refused) - 1 - i; n < 0 || refused[n].Field != "shop" {
			t.Fatalf("refused: %+v, want %q", refused, r)
		}
	}
	s, _ = loadText(t, scope, load.Options{Kind: load.Content, CampaignField: "shop", Campaign: id.String()}, text)
	wantCounts(t, s, 5, 2, 1, 2)
}

func TestTheNamedCampaignMustExistAndTakeWrites(t *testing.T) {
	db := pgtest.New(t)
	scope := campaign.NewScope(db.App(t))
	makeCampaign(t, db, "shop", "Shop")
	old := makeCampaign(t, db, "old", "Old")
	digits := makeCampaign(t, db, "1", "A slug that is another's id")
	if _, err := db.Owner(t).Exec(deadline(t), `UPDATE ovasabi.service_campaign_main SET status = 'archived' WHERE id = $1`, old.Int64()); err != nil {
		t.Fatal(err)
	}
	run := func(o load.Options) error {
		_, err := load.Run(deadline(t), scope, []load.Input{load.Reader("test", strings.NewReader(events("old", 3)))}, o)
		return err
	}
	for name, c := range map[string]struct {
		o      load.Options
		kind   fault.Kind
		reason string
	}{
		"no such slug":     {load.Options{Kind: load.Events, Campaign: "nowhere"}, fault.NotFound, `campaign: there is no campaign "nowhere"`},
		"no such id":       {load.Options{Kind: load.Events, Campaign: "4711"}, fault.NotFound, `there is no campaign "4711"`},
		"no slug at all":   {load.Options{Kind: load.Events, Campaign: "No Slug"}, fault.NotFound, "there is no campaign"},
		"archived":         {load.Options{Kind: load.Events, Campaign: "old"}, fault.Invalid, "is archived and so read-only: restore it first"},
		"id and slug":      {load.Options{Kind: load.Events, Campaign: "1"}, fault.Invalid, "name it by the slug shop or by the id " + digits.String()},
		"none named":       {load.Options{Kind: load.Events}, fault.Invalid, "--campaign-field"},
		"no kind":          {load.Options{Campaign: "shop"}, fault.Invalid, "must be content, users, products or events"},
		"option too small": {load.Options{Kind: load.Events, Campaign: "shop", MaxLineBytes: 10}, fault.Invalid, "MaxLineBytes: must be from 1024"},
	} {
		t.Run(name, func(t *testing.T) { wantFault(t, run(c.o), c.kind, c.reason) })
	}
	if n := count(t, db, "service_event"); n != 0 {
		t.Errorf("%d events were loaded", n)
	}
	s, refused := loadText(t, scope, load.Options{Kind: load.Events, CampaignField: "source"}, events("old", 3)+events("shop", 2))
	wantCounts(t, s, 5, 2, 0, 3)
	if len(refused) != 3 || refused[0].Reason != "source: names campaign old, which is archived and so read-only: restore it first" {
		t.Errorf("refused: %+v", refused)
	}
}

func TestLoadsAtOnceMakeEachCampaignOnce(t *testing.T) {
	db := pgtest.New(t)
	scope := campaign.NewScope(db.App(t))
	const loads, shops = 4, 40
	names := make([]string, shops)
	for i := range names {
		names[i] = fmt.Sprintf("Shop %d", i)
	}
	var group sync.WaitGroup
	summaries := make([]load.Summary, loads)
	errs := make([]error, loads)
	for i := range loads {
		group.Go(func() {
			inputs := []load.Input{load.Reader("test", strings.NewReader(documents(names...)))}
			summaries[i], errs[i] = load.Run(deadline(t), scope, inputs, load.Options{Kind: load.Content, CampaignField: "shop"})
		})
	}
	group.Wait()
	var accepted int64
	for i, s := range summaries {
		if errs[i] != nil || s.Read != shops {
			t.Errorf("%s: %v", s, errs[i])
		}
		accepted += s.Accepted
	}
	if n := count(t, db, "service_campaign_main"); n != shops || accepted != shops || count(t, db, "service_content_main") != shops {
		t.Errorf("%d campaigns, %d accepted, want %d of each", n, accepted, shops)
	}
}

func TestEverySlugHasTheFormOfSlugsAndASlugStaysAsItIs(t *testing.T) {
	form := regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,98}[a-z0-9])?$`)
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.String(), rapid.StringMatching(`[A-Za-z0-9/._ -]{1,220}`), rapid.StringMatching(`[a-z0-9][a-z0-9._-]{0,98}[a-z0-9]`)).Draw(t, "value")
		slug := load.CampaignSlug(value)
		if !form.MatchString(slug) {
			t.Fatalf("%q became %q", value, slug)
		}
		if form.MatchString(value) && slug != value {
			t.Fatalf("the slug %q became %q", value, slug)
		}
		if hashed := load.SlugWithHash(slug, value); !form.MatchString(hashed) || hashed == slug {
			t.Fatalf("%q with its hash is %q", slug, hashed)
		}
	})
}
