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

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
)

// Explain runs a statement inside the campaign by its generic plan, which is for any
// values, and returns what it did. pgtest.Explain plans for those that it is given.
func Explain(t testing.TB, app *pgxpool.Pool, id campaign.ID, sql string, args ...any) pgtest.Plan {
	t.Helper()
	var text []byte
	ctx := campaign.NewContext(t.Context(), id)
	err := campaign.NewScope(app).InTx(ctx, database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		for _, s := range []string{"SET LOCAL plan_cache_mode = force_generic_plan", "PREPARE plantest AS " + sql} {
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
	return pgtest.ReadPlan(t, text)
}
