// Package plantest reads the plans of a campaign's statements as the application
// meets them: under its role, under row-level security, for any values.
package plantest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
)

// Plan is what a statement did.
type Plan struct {
	// Text is the plan as EXPLAIN prints it in JSON.
	Text string
	// Buffers are the blocks that it read, from the cache or not, those of planning left out.
	Buffers int
	// Filtered are the rows that were read and left out.
	Filtered int
}

type node struct {
	Hit      int     `json:"Shared Hit Blocks"`             //nolint:tagliatelle // PostgreSQL's name
	Read     int     `json:"Shared Read Blocks"`            //nolint:tagliatelle // PostgreSQL's name
	Removed  float64 `json:"Rows Removed by Filter"`        //nolint:tagliatelle // PostgreSQL's name
	Rechecks float64 `json:"Rows Removed by Index Recheck"` //nolint:tagliatelle // PostgreSQL's name
	Loops    float64 `json:"Actual Loops"`                  //nolint:tagliatelle // PostgreSQL's name
	Plans    []node  `json:"Plans"`                         //nolint:tagliatelle // PostgreSQL's name
}

func (n node) filtered() float64 {
	all := (n.Removed + n.Rechecks) * n.Loops
	for _, p := range n.Plans {
		all += p.filtered()
	}
	return all
}

// Explain runs a statement inside the campaign, with the generic plan that a
// prepared statement ends up with, and returns what it did.
func Explain(t testing.TB, app *pgxpool.Pool, id campaign.ID, sql string, args ...any) Plan {
	t.Helper()
	var text []byte
	ctx := campaign.NewContext(t.Context(), id)
	err := campaign.NewScope(app).InTx(ctx, database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		// EXPLAIN of a query itself would be planned for the values that it is given.
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
	var plans []struct {
		Plan node `json:"Plan"` //nolint:tagliatelle // PostgreSQL's name
	}
	if err := json.Unmarshal(text, &plans); err != nil || len(plans) != 1 {
		t.Fatalf("%v in %s", err, text)
	}
	top := plans[0].Plan
	return Plan{Text: string(text), Buffers: top.Hit + top.Read, Filtered: int(top.filtered())}
}
