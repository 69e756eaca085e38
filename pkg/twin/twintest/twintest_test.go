package twintest_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/twin"
	"github.com/ovasabi/ovasabi/pkg/twin/twintest"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// Proofs that must fail leave no file behind, and need not be small.
	for name, value := range map[string]string{"rapid.nofailfile": "true", "rapid.shrinktime": "1s"} {
		if err := flag.Set(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	goleak.VerifyTestMain(m)
}

const plainList = `
SELECT id, price, status
FROM ovasabi.service_product_main
WHERE campaign_id = $1::bigint
  AND status = ANY ($2::text[])
ORDER BY price DESC, id
LIMIT 5`

const optimisedList = `
SELECT found.id, found.price, found.status
FROM unnest($2::text[]) AS wanted (status)
CROSS JOIN LATERAL (
    SELECT p.id, p.price, p.status
    FROM ovasabi.service_product_main AS p
    WHERE p.campaign_id = $1::bigint
      AND p.status = wanted.status
    ORDER BY p.price DESC, p.id
    LIMIT 5
) AS found
ORDER BY found.price DESC, found.id
LIMIT 5`

// fixture is a database with two campaigns.
func fixture(t *testing.T) (*pgtest.DB, []campaign.ID) {
	t.Helper()
	db := pgtest.New(t)
	_, err := db.Owner(t).Exec(t.Context(), `
INSERT INTO ovasabi.service_campaign_main (id, slug, name)
VALUES (1, 'one', 'One'), (2, 'two', 'Two')`)
	if err != nil {
		t.Fatal(err)
	}
	return db, []campaign.ID{1, 2}
}

var status = rapid.SampledFrom([]string{"available", "unavailable", "discontinued"})

// products writes a few rows with many equal prices.
func products(rt *rapid.T, ctx context.Context, db database.Querier, id campaign.ID) {
	n := rapid.IntRange(0, 20).Draw(rt, "rows")
	for i := range n {
		_, err := db.Exec(ctx, `
INSERT INTO ovasabi.service_product_main (campaign_id, sku, name, price, status)
VALUES ($1, $2, 'name', $3, $4)`,
			id, fmt.Sprint("sku", i), rapid.IntRange(1, 3).Draw(rt, "price"), status.Draw(rt, "status"))
		if err != nil {
			rt.Fatal(err)
		}
	}
}

// statuses are distinct: the optimised side asks once for each.
func statuses(rt *rapid.T, id campaign.ID) []any {
	return []any{id, rapid.SliceOfDistinct(status, func(s string) string { return s }).Draw(rt, "statuses")}
}

func proof(name, plain, optimised string, campaigns []campaign.ID) twintest.Proof {
	return twintest.Proof{
		Twin:      twin.Declare(name, twin.Pair{Plain: plain, Optimised: optimised}),
		Campaigns: campaigns, Args: statuses, Data: products,
	}
}

// Twins that are alike are proven, and only then AllProven is content.
func TestProof(t *testing.T) {
	db, campaigns := fixture(t)
	list := proof("prove.list", plainList, optimisedList, campaigns)
	failed, text := failing(t, func(t testing.TB) { twintest.AllProven(t, list.Twin) })
	if !failed || !strings.Contains(text, "prove.list is not proven") {
		t.Errorf("an unproven twin passed: %v %s", failed, text)
	}
	twintest.Prove(t, db.App(t), list)
	update := proof("prove.update", `
UPDATE ovasabi.service_product_main
SET stock = stock + 1
WHERE campaign_id = $1::bigint
  AND status = ANY ($2::text[])
RETURNING stock`, `
UPDATE ovasabi.service_product_main AS p
SET stock = p.stock + 1
FROM unnest($2::text[]) AS wanted (status)
WHERE p.campaign_id = $1::bigint
  AND p.status = wanted.status
RETURNING p.stock`, campaigns)
	twintest.Prove(t, db.App(t), update)
	twintest.AllProven(t, list.Twin, update.Twin)

	var left int
	if err := db.Owner(t).QueryRow(t.Context(), `SELECT count(*) FROM ovasabi.service_product_main`).Scan(&left); err != nil || left != 0 {
		t.Errorf("a proof left %d rows behind: %v", left, err)
	}
}

// Every way in which two sides can differ is found.
func TestDifferencesAreFound(t *testing.T) {
	db, campaigns := fixture(t)
	replaced := func(from ...string) string { return strings.NewReplacer(from...).Replace(plainList) }
	for name, c := range map[string]struct{ optimised, want string }{
		"order":    {replaced("ORDER BY price DESC, id\n", "ORDER BY price DESC, id DESC\n"), `column "id"`},
		"ties":     {replaced("ORDER BY price DESC, id\n", "ORDER BY price DESC\n"), `column "`},
		"name":     {replaced("id, price,", "id, price AS cost,"), `named "cost", not "price"`},
		"type":     {replaced("id, price,", "id, price::double precision AS price,"), `type with OID`},
		"modifier": {replaced("id, price,", "id, price::numeric(12, 2) AS price,"), `type modifier`},
		"column":   {replaced("id, price,", "id, price, name,"), `4 columns, not 3`},
		"row":      {replaced("LIMIT 5", "LIMIT 4"), `4 rows, not 5`},
		"value":    {replaced("status\nFROM", "NULLIF(status, 'unavailable') AS status\nFROM"), `column "status" is NULL`},
		"error":    {replaced("id, price,", "id / 0 AS id, price,"), `division by zero`},
	} {
		t.Run(name, func(t *testing.T) {
			p := proof("prove.differs_"+name, plainList, c.optimised, campaigns)
			failed, text := failing(t, func(t testing.TB) { twintest.Prove(t, db.App(t), p) })
			if !failed || !strings.Contains(text, c.want) {
				t.Errorf("failed=%v, want %q in:\n%s", failed, c.want, text)
			}
			if failed, _ := failing(t, func(t testing.TB) { twintest.AllProven(t, p.Twin) }); !failed {
				t.Error("a refuted twin counts as proven")
			}
		})
	}
}

// A proof that proves nothing fails.
func TestEmptyProofsFail(t *testing.T) {
	db, campaigns := fixture(t)
	good := proof("prove.empty", plainList, optimisedList, campaigns)
	noRows, oneCampaign, noArgs := good, good, good
	noRows.Data = nil
	oneCampaign.Campaigns = campaigns[:1]
	noArgs.Args = nil
	for want, run := range map[string]func(testing.TB){
		"nothing is proven":         func(t testing.TB) { twintest.Prove(t, db.App(t), noRows) },
		"at least two campaigns":    func(t testing.TB) { twintest.Prove(t, db.App(t), oneCampaign) },
		"arguments":                 func(t testing.TB) { twintest.Prove(t, db.App(t), noArgs) },
		"passes row-level security": func(t testing.TB) { twintest.Prove(t, db.Owner(t), good) },
	} {
		if failed, text := failing(t, run); !failed || !strings.Contains(text, want) {
			t.Errorf("failed=%v, want %q in:\n%s", failed, want, text)
		}
	}
}

// Without a list, AllProven asks for what the package under test declares, and
// an external test package is part of it.
func TestAllProvenKnowsThePackage(t *testing.T) {
	db, campaigns := fixture(t)
	failed, text := failing(t, func(t testing.TB) { twintest.AllProven(t) })
	if !failed || !strings.Contains(text, "prove.inner is not proven") || strings.Count(text, "\n") != 1 {
		t.Errorf("failed=%v: %s", failed, text)
	}
	twintest.Prove(t, db.App(t), twintest.Proof{
		Twin: twintest.Inner, Campaigns: campaigns,
		Args: func(rt *rapid.T, _ campaign.ID) []any { return []any{rapid.IntRange(1, 2).Draw(rt, "id")} },
	})
	twintest.AllProven(t)
}

// recorder takes the failures of a test that must fail.
type recorder struct {
	testing.TB
	failed bool
	text   strings.Builder
}

func (r *recorder) note(s string)                     { fmt.Fprintln(&r.text, s) }
func (r *recorder) Helper()                           {}
func (r *recorder) Failed() bool                      { return r.failed }
func (r *recorder) Fail()                             { r.failed = true }
func (r *recorder) FailNow()                          { r.failed = true; runtime.Goexit() }
func (r *recorder) Log(args ...any)                   { r.note(fmt.Sprint(args...)) }
func (r *recorder) Logf(format string, args ...any)   { r.note(fmt.Sprintf(format, args...)) }
func (r *recorder) Error(args ...any)                 { r.Log(args...); r.Fail() }
func (r *recorder) Errorf(format string, args ...any) { r.Logf(format, args...); r.Fail() }
func (r *recorder) Fatal(args ...any)                 { r.Log(args...); r.FailNow() }
func (r *recorder) Fatalf(format string, args ...any) { r.Logf(format, args...); r.FailNow() }

// failing runs a test that must fail, and returns whether it did and what it said.
func failing(t testing.TB, run func(testing.TB)) (bool, string) {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(r)
	}()
	<-done
	return r.failed, r.text.String()
}
