package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMaintainPlansAndRuns(t *testing.T) {
	db := migratedDatabase(t)
	for _, statement := range []string{
		`CREATE TABLE ovasabi.planted (id bigint) WITH (autovacuum_enabled = false)`,
		`INSERT INTO ovasabi.planted (id) SELECT generate_series(1, 1000)`, `SELECT pg_stat_force_next_flush()`,
		`DELETE FROM ovasabi.planted WHERE id > 100`, `SELECT pg_stat_force_next_flush()`,
	} {
		_, err := db.Owner(t).Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	code, out, errText := do(t, "", "maintain", "plan", "--database-url", db.OwnerURL)
	require.Equal(t, exitDone, code, errText)
	require.Regexp(t, `vacuum +ovasabi\.planted +now .* 900 dead rows beside 100 live ones`, out)

	code, out, errText = do(t, "", "maintain", "run", "--database-url", db.OwnerURL, "--dry-run", "--json", "--window", "01:00-02:00", "--window", "02:00-01:00")
	require.Equal(t, exitDone, code, errText)
	var plan struct {
		Tasks []map[string]any `json:"tasks"`
		Notes []string         `json:"notes"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &plan))
	require.NotEmpty(t, plan.Tasks)
	for _, field := range []string{"action", "object", "why", "estimated_bytes", "estimated_seconds", "when", "statement"} {
		require.Contains(t, plan.Tasks[0], field)
	}
	var n int
	require.NoError(t, db.Owner(t).QueryRow(t.Context(), `SELECT count(*) FROM ovasabi.maintenance_log`).Scan(&n))
	require.Zero(t, n, "a dry run changes nothing")

	code, out, errText = do(t, "", "maintain", "run", "--database-url", db.OwnerURL, "--latency-rise", "0")
	require.Equal(t, exitDone, code, errText)
	require.Regexp(t, `done +vacuum +ovasabi\.planted`, out)
	require.Contains(t, errText, "vacuum ovasabi.planted: 900 dead rows")
}

func TestMaintainSetsAndRefuses(t *testing.T) {
	db := migratedDatabase(t)
	code, _, errText := do(t, "", "maintain", "set", "ovasabi.service_event", "--database-url", db.OwnerURL, "--campaign", "7", "--keep", "2160h", "--vacuum-scale", "0.02", "--reason", "the contract")
	require.Equal(t, exitDone, code, errText)
	code, out, errText := do(t, "", "maintain", "settings", "--database-url", db.OwnerURL)
	require.Equal(t, exitDone, code, errText)
	require.Regexp(t, `ovasabi\.service_event +7 +2160h0m0s +- +- \+ 0\.02 +- \+ - +the contract`, out)
	code, _, errText = do(t, "", "maintain", "set", "ovasabi.service_event", "--database-url", db.OwnerURL, "--campaign", "7", "--clear")
	require.Equal(t, exitDone, code, errText)
	for want, args := range map[string][]string{
		"retention: ":                 {"set", "ovasabi.service_user_main", "--keep", "24h"},
		"nothing is set":              {"set", "ovasabi.service_event", "--clear"},
		"window: must be two times":   {"plan", "--window", "noon"},
		"time-zone: must be a time z": {"plan", "--time-zone", "Mars"},
	} {
		code, _, errText := do(t, "", append(append([]string{"maintain"}, args...), "--database-url", db.OwnerURL)...)
		require.NotEqual(t, exitDone, code)
		require.Contains(t, errText, want)
	}
}
