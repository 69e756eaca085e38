package main

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func TestConfigIsRenderedAppliedAndRolledBack(t *testing.T) {
	url, state := ownServer(t), filepath.Join(t.TempDir(), "state.json")
	at := []string{"--database-url", url, "--memory", "4GB", "--cores", "2", "--disk", "ssd"}

	code, out, errText := do(t, "", append([]string{"config", "render"}, at...)...)
	require.Equal(t, exitDone, code, errText)
	require.Contains(t, out, "shared_buffers = '1GB'")
	code, out, errText = do(t, "", append([]string{"config", "render", "--json"}, at...)...)
	require.Equal(t, exitDone, code, errText)
	var config struct {
		Lines []struct{ Name, Value, Reason string }
	}
	require.NoError(t, json.Unmarshal([]byte(out), &config))
	require.NotEmpty(t, config.Lines)

	code, _, errText = do(t, "", append([]string{"config", "apply", "--state", state, "--set", "work_mem=plenty"}, at...)...)
	require.Equal(t, exitUsage, code)
	require.Contains(t, errText, "work_mem: must be a number")
	require.Equal(t, "16MB", shown(t, url, "work_mem"))

	code, out, errText = do(t, "", append([]string{"config", "apply", "--state", state, "--set", "work_mem=5MB"}, at...)...)
	require.Equal(t, exitDone, code, errText)
	require.Contains(t, out, "work_mem: (not set) -> 5MB")
	require.Contains(t, out, "checked: an empty PostgreSQL")
	require.Contains(t, out, "restart the server for: ")
	require.Equal(t, "5MB", shown(t, url, "work_mem"))

	code, out, errText = do(t, "", "config", "rollback", "--state", state, "--database-url", url)
	require.Equal(t, exitDone, code, errText)
	require.Contains(t, out, "work_mem: 5MB -> (not set)")
	require.Equal(t, "16MB", shown(t, url, "work_mem"))
	code, _, errText = do(t, "", "config", "rollback", "--state", state, "--database-url", url)
	require.Equal(t, exitFailed, code)
	require.Contains(t, errText, "no settings to take back")
}

func shown(t *testing.T, url, name string) (value string) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	require.NoError(t, conn.QueryRow(context.Background(), `SELECT current_setting($1)`, name).Scan(&value))
	return value
}
