package pgtest_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

const isLinux = runtime.GOOS == "linux"

func noTables(context.Context, string) error { return nil }

// supervisorOf is the process that supervises the server of the place.
func supervisorOf(t *testing.T, place string) *os.Process {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(place, "ovasabi-pgtest-*", "ready.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the files that announce a server: %v, %v", files, err)
	}
	content, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var announced struct{ Supervisor struct{ PID int } }
	if err := json.Unmarshal(content, &announced); err != nil || announced.Supervisor.PID == 0 {
		t.Fatalf("%s: %v", content, err)
	}
	process, err := os.FindProcess(announced.Supervisor.PID)
	if err != nil {
		t.Fatal(err)
	}
	return process
}
