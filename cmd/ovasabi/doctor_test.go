package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDoctorFailsOnErrorsAlone(t *testing.T) {
	db := migratedDatabase(t)
	code, out, errText := do(t, "", "doctor", "--database-url", db.OwnerURL, "--only", "role,index")
	require.Equal(t, exitDone, code, errText)
	require.Contains(t, out, "0 errors, ")

	_, err := db.Owner(t).Exec(t.Context(), `ALTER TABLE ovasabi.service_event DISABLE ROW LEVEL SECURITY`)
	require.NoError(t, err)
	code, out, errText = do(t, "", "doctor", "--database-url", db.OwnerURL, "--only", "role.isolation", "--json")
	require.Equal(t, exitFailed, code, errText)
	var report struct {
		Findings []map[string]string `json:"findings"`
		Checked  map[string]any      `json:"checked"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	for _, field := range []string{"id", "severity", "object", "evidence", "why", "remedy", "link"} {
		require.NotEmpty(t, report.Findings[0][field], field)
	}
	require.Equal(t, "error", report.Findings[0]["severity"])
	require.Equal(t, []any{"role.isolation"}, report.Checked["checks"])
	require.Empty(t, errText, "findings are the answer, not an error")
}

func TestDoctorListsAndRefuses(t *testing.T) {
	code, out, _ := do(t, "", "doctor", "--list")
	require.Equal(t, exitDone, code)
	require.Contains(t, out, "index.redundant ")
	code, _, errText := do(t, "", "doctor", "--database-url", migratedDatabase(t).OwnerURL, "--only", "nothing.here")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errText, `"nothing.here" is no check`)
	code, _, errText = do(t, "", "doctor", "--database-url", "postgres://x:y@127.0.0.1:1/x?connect_timeout=2")
	require.Equal(t, exitFailed, code)
	require.Contains(t, errText, "could not connect to PostgreSQL")
	require.NotContains(t, errText, "x:y")
}
