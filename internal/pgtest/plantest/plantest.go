// Package plantest reads the plans of a campaign's statements as the application
// meets them: under its role, under row-level security, for any values.
package plantest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// Explain runs the optimised side of a twin inside the campaign, planned as the twin
// says, and returns what it did. Where that is left to the server, the plan is the
// generic one: the server may come to it after five executions.
func Explain(t testing.TB, app *pgxpool.Pool, id campaign.ID, of *twin.Twin, args ...any) Plan {
	t.Helper()
	mode := "force_generic_plan"
	if of.PlanMode() == database.CustomPlan {
		mode = "force_custom_plan"
	}
	return explain(t, app, id, mode, of.SQL(twin.Optimised), args)
}

// ExplainPlain is Explain for the plain side, by its generic plan.
func ExplainPlain(t testing.TB, app *pgxpool.Pool, id campaign.ID, of *twin.Twin, args ...any) Plan {
	t.Helper()
	return explain(t, app, id, "force_generic_plan", of.SQL(twin.Plain), args)
}

func explain(t testing.TB, app *pgxpool.Pool, id campaign.ID, mode, sql string, args []any) Plan {
	t.Helper()
	var text []byte
	ctx := campaign.NewContext(t.Context(), id)
	err := campaign.NewScope(app).InTx(ctx, database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		for _, s := range []string{"SET LOCAL plan_cache_mode = " + mode, "PREPARE plantest AS " + sql} {
			if _, err := tx.Exec(ctx, s, pgx.QueryExecModeSimpleProtocol); err != nil {
				return fmt.Errorf("preparing the statement: %w", err)
			}
		}
		places := make([]string, len(args))
		for i := range args {
			places[i] = fmt.Sprint("$", i+1)
		}
		explain := "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) EXECUTE plantest (" + strings.Join(places, ", ") + ")"
		if err := tx.QueryRow(ctx, explain, append([]any{pgx.QueryExecModeSimpleProtocol}, args...)...).Scan(&text); err != nil {
			return fmt.Errorf("explaining the statement: %w", err)
		}
		_, err := tx.Exec(ctx, "DEALLOCATE plantest") // the connection goes back to its pool
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return read(t, text)
}
