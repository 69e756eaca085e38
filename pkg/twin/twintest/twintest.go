// Package twintest proves that the two sides of a twin return the same rows in
// the same order, over generated data, as the application's role and inside
// campaigns.
//
//	func TestTwins(t *testing.T) {
//		pool := pgtest.New(t).App(t)
//		…
//		twintest.Prove(t, pool, twintest.Proof{
//			Twin:      findByStatus,
//			Campaigns: campaigns,
//			Args: func(rt *rapid.T, id campaign.ID) []any {
//				return []any{id, rapid.SliceOf(status).Draw(rt, "statuses")}
//			},
//		})
//		twintest.AllProven(t)
//	}
package twintest

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"pgregory.net/rapid"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// Proof says how the sides of one twin are tried.
type Proof struct {
	Twin *twin.Twin
	// Campaigns are the ones that exist in the database; at least two, so that rows
	// of another campaign are there to be left out.
	Campaigns []campaign.ID
	// Args draws the parameters of one call.
	Args func(rt *rapid.T, id campaign.ID) []any
	// Data, where given, draws and writes rows of the campaign for one case. They
	// are rolled back after it. Rows with equal sort keys are worth drawing: they
	// show an order that is not whole.
	Data func(rt *rapid.T, ctx context.Context, db database.Querier, id campaign.ID)
}

// caseTimeout bounds one case.
const caseTimeout = 30 * time.Second

// errUndo rolls back what a case did.
var errUndo = errors.New("undone on purpose")

// plans are planner settings under which both sides are tried: rows that are
// equal in the sort keys come in the order of whatever plan is taken, and a
// proof under one plan would miss that.
var plans = []string{
	``,
	`SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off`,
	`SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = off`,
}

var proven struct {
	sync.Mutex
	twins map[*twin.Twin]bool
}

// Prove runs both sides of the twin over generated parameters and fails the test
// on the first difference, with the smallest parameters that show it: the names
// and types of columns, every value as PostgreSQL writes it, and the order of the
// rows. Both sides see one snapshot, and what they write is rolled back.
//
// It also fails where nothing is proven: the pool's role passes row-level
// security, or no case returned or touched a row.
func Prove(t testing.TB, pool *pgxpool.Pool, p Proof) {
	t.Helper()
	if p.Twin == nil || p.Args == nil || len(p.Campaigns) < 2 {
		t.Fatal("twintest: a proof needs a twin, arguments and at least two campaigns")
	}
	checkRole(t, pool)
	scope := campaign.NewScope(pool)
	var rows int64
	cases := 0
	rapid.Check(t, func(rt *rapid.T) {
		id := rapid.SampledFrom(p.Campaigns).Draw(rt, "campaign")
		ctx, cancel := context.WithTimeout(campaign.NewContext(context.Background(), id), caseTimeout)
		defer cancel()
		cases++
		err := scope.InTx(ctx, database.TxOptions{Isolation: pgx.RepeatableRead}, func(ctx context.Context, tx pgx.Tx) error {
			if p.Data != nil {
				p.Data(rt, ctx, tx, id)
			}
			rows += compare(rt, ctx, tx, p.Twin, p.Args(rt, id))
			return errUndo
		})
		if !errors.Is(err, errUndo) {
			rt.Fatalf("%s: %v", p.Twin.Name(), err)
		}
	})
	if t.Failed() {
		return
	}
	if rows == 0 {
		t.Fatalf("twintest: none of %d cases of %s returned or touched a row, so nothing is proven: write rows, or draw arguments that find some", cases, p.Twin.Name())
	}
	proven.Lock()
	defer proven.Unlock()
	if proven.twins == nil {
		proven.twins = map[*twin.Twin]bool{}
	}
	proven.twins[p.Twin] = true
}

// AllProven fails the test when one of the twins has not been proven in this
// run. Without twins it takes all that the package under test has declared, and
// fails where it has declared none. Call it after the proofs, in the same test,
// so that a run of a part of the tests does not miss them.
func AllProven(t testing.TB, twins ...*twin.Twin) {
	t.Helper()
	if len(twins) == 0 {
		home := packageUnderTest()
		for _, tw := range twin.Declared() {
			if tw.Package() == home {
				twins = append(twins, tw)
			}
		}
		if len(twins) == 0 {
			t.Fatalf("twintest: package %s declares no twin", home)
		}
	}
	proven.Lock()
	defer proven.Unlock()
	for _, tw := range twins {
		if !proven.twins[tw] {
			t.Errorf("twintest: %s is not proven: call twintest.Prove for it in the tests of %s", tw.Name(), tw.Package())
		}
	}
}

// packageUnderTest returns the package whose test calls AllProven; an external
// test package is named after it with _test at the end.
func packageUnderTest() string {
	pc, _, _, ok := runtime.Caller(2)
	if !ok {
		return ""
	}
	full := runtime.FuncForPC(pc).Name()
	slash := strings.LastIndexByte(full, '/') + 1
	home, _, _ := strings.Cut(full[slash:], ".")
	return full[:slash] + strings.TrimSuffix(home, "_test")
}

// checkRole refuses a role that row-level security does not bind: its plans and
// its rows are others than the application's.
func checkRole(t testing.TB, pool *pgxpool.Pool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), caseTimeout)
	defer cancel()
	var role string
	var bypasses bool
	err := pool.QueryRow(ctx, `
SELECT rolname, rolsuper OR rolbypassrls
FROM pg_catalog.pg_roles
WHERE rolname = current_user`).Scan(&role, &bypasses)
	if err != nil {
		t.Fatalf("twintest: %v", err)
	}
	if bypasses {
		t.Fatalf("twintest: role %s passes row-level security: prove as the application's role", role)
	}
}
