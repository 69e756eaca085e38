package bench

import (
	"bufio"
	"context"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Machine is where the run took place.
type Machine struct {
	OS        string `json:"os"`
	Arch      string `json:"arch"`
	CPU       string `json:"cpu"`
	Cores     int    `json:"cores"`
	MemoryMiB int    `json:"memory_mib"`
	Go        string `json:"go"`
	// LoadBefore is the load average of the minute before the run: others' work. -1 where the system tells none.
	LoadBefore float64 `json:"load_before"`
}

// Server is the PostgreSQL that both ways ran on.
type Server struct {
	Version string `json:"version"`
	// Own is true for a server that was made for the run.
	Own bool `json:"own"`
	// Settings are those that decide about speed, as the server has them in force.
	Settings map[string]string `json:"settings"`
	// SchemaBefore and SchemaAfter are the schema's phases.
	SchemaBefore int `json:"schema_before"`
	SchemaAfter  int `json:"schema_after"`
}

func thisMachine() Machine {
	return Machine{
		OS: runtime.GOOS, Arch: runtime.GOARCH, Go: runtime.Version(), Cores: runtime.NumCPU(),
		CPU: field("/proc/cpuinfo", "model name"), MemoryMiB: memory(), LoadBefore: loadAverage(),
	}
}

// field returns the value of the first line "name : value" of one of Linux's files, or "".
func field(path, name string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func memory() int {
	kb, err := strconv.Atoi(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB"))
	if err != nil {
		return 0
	}
	return kb / 1024
}

func loadAverage() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return -1
	}
	first, _, _ := strings.Cut(string(text), " ")
	v, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return -1
	}
	return v
}

// telling are the settings that a reader needs to judge the figures.
var telling = []string{
	"autovacuum", "effective_io_concurrency", "fsync", "full_page_writes", "io_method", "io_workers", "jit",
	"max_connections", "random_page_cost", "shared_buffers", "synchronous_commit", "track_io_timing", "work_mem",
}

func settings(ctx context.Context, conn *pgx.Conn) (map[string]string, error) {
	rows, err := conn.Query(ctx, `
SELECT s.name, current_setting(s.name)
FROM pg_catalog.pg_settings AS s
WHERE s.name = ANY ($1::text[])
ORDER BY s.name`, telling)
	if err != nil {
		return nil, fault.FromPostgres(err)
	}
	in := map[string]string{}
	var name, value string
	_, err = pgx.ForEachRow(rows, []any{&name, &value}, func() error {
		in[name] = value
		return nil
	})
	return in, fault.FromPostgres(err)
}
