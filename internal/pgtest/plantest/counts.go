package plantest

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Counts is how often a prepared statement ran by each kind of plan.
type Counts struct{ Custom, Generic int }

// Count reads the counts of a text on the one connection of a pool (pgtest.Single).
func Count(t testing.TB, single *pgxpool.Pool, sql string) Counts {
	t.Helper()
	var c Counts
	err := single.QueryRow(t.Context(), `
SELECT p.custom_plans, p.generic_plans
FROM pg_catalog.pg_prepared_statements AS p
WHERE p.statement = $1`, sql).Scan(&c.Custom, &c.Generic)
	if err != nil {
		t.Fatalf("counting the plans of a statement: %v", err)
	}
	return c
}
