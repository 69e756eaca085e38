// Package plantest reads the plans of a campaign's statements as the application
// meets them: under its role, under row-level security, for any values.
package plantest

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ovasabi/ovasabi/internal/explain"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// Plan is what the server did.
type Plan = explain.Plan

// Explain runs the optimised side of a twin inside the campaign, planned as the twin
// says, and returns what it did. Where that is left to the server, the plan is the
// generic one: the server may come to it after five executions.
func Explain(t testing.TB, app *pgxpool.Pool, id campaign.ID, of *twin.Twin, args ...any) Plan {
	t.Helper()
	mode := of.PlanMode()
	if mode == database.AutoPlan {
		mode = database.GenericPlan
	}
	return inMode(t, app, id, mode, of.SQL(twin.Optimised), args)
}

// ExplainPlain is Explain for the plain side, by its generic plan.
func ExplainPlain(t testing.TB, app *pgxpool.Pool, id campaign.ID, of *twin.Twin, args ...any) Plan {
	t.Helper()
	return inMode(t, app, id, database.GenericPlan, of.SQL(twin.Plain), args)
}

func inMode(t testing.TB, app *pgxpool.Pool, id campaign.ID, mode database.PlanMode, sql string, args []any) Plan {
	t.Helper()
	p, err := explain.InMode(campaign.NewContext(t.Context(), id), campaign.NewScope(app), mode, sql, args...)
	if err != nil {
		t.Fatalf("explaining the statement: %v", err)
	}
	return p
}
