package pgconfig_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgconfig"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

func line(t *testing.T, c pgconfig.Config, name string) pgconfig.Line {
	t.Helper()
	for _, l := range c.Lines {
		if l.Name == name {
			return l
		}
	}
	t.Fatalf("no line for %s", name)
	return pgconfig.Line{}
}

func TestEveryLineOfTheTemplateIsThereOrExplained(t *testing.T) {
	w := newWorld(t)
	s := read(t, w.connect(t))
	c := render(t, s)
	for name, template := range map[string]string{
		"io_method": "io_uring", "effective_io_concurrency": "32", "maintenance_io_concurrency": "32",
		"max_connections": "200", "shared_buffers": "1GB", "work_mem": "16MB", "maintenance_work_mem": "256MB",
		"autovacuum_worker_slots": "8", "autovacuum_vacuum_max_threshold": "1000000", "vacuum_max_eager_freeze_failure_rate": "0.1",
		"track_cost_delay_timing": "on", "track_wal_io_timing": "on", "log_lock_failures": "on",
		"pg_stat_statements.track": "all", "pg_stat_statements.track_utility": "on",
	} {
		require.Equal(t, template, line(t, c, name).Template, name)
	}
	for _, l := range c.Lines {
		require.Contains(t, s.Settings, l.Name)
		require.NotEmpty(t, l.Reason)
	}
	// On the template's own machine the template's numbers come out.
	require.Equal(t, "1GB", line(t, c, "shared_buffers").Value)
	require.Equal(t, "256MB", line(t, c, "maintenance_work_mem").Value)
	require.Contains(t, s.Settings["io_method"].Enum, line(t, c, "io_method").Value)

	var conf strings.Builder
	_, err := c.WriteTo(&conf)
	require.NoError(t, err)
	require.Contains(t, conf.String(), "\nlog_lock_failures = 'on'\n")
	require.NotContains(t, conf.String(), "\nlog_lock_failure = ")
}

func TestTheMachineAndTheProfileShapeTheValues(t *testing.T) {
	w := newWorld(t)
	s := read(t, w.connect(t))
	large := pgconfig.Machine{MemoryBytes: 64 << 30, Cores: 32, Disk: pgconfig.HDD, IOUring: true, DiskFreeBytes: 20 << 30}
	oltp, err := pgconfig.Render(large, pgconfig.OLTP, s)
	require.NoError(t, err)
	bulk, err := pgconfig.Render(large, pgconfig.Bulk, s)
	require.NoError(t, err)
	for _, want := range []struct{ name, oltp, bulk string }{
		{"shared_buffers", "16GB", "16GB"},
		{"effective_cache_size", "48GB", "48GB"},
		{"work_mem", "61MB", "491MB"},
		{"max_connections", "200", "100"},
		{"max_wal_size", "2GB", "2GB"}, // a tenth of the disk
		{"random_page_cost", "4", "4"},
		{"effective_io_concurrency", "4", "4"},
		{"max_parallel_workers_per_gather", "2", "16"},
		{"io_workers", "8", "8"},
	} {
		require.Equal(t, want.oltp, line(t, oltp, want.name).Value, want.name)
		require.Equal(t, want.bulk, line(t, bulk, want.name).Value, want.name)
	}
	// A build with io_uring takes it where the kernel lets it.
	with := s.Settings["io_method"]
	with.Enum = []string{"sync", "worker", "io_uring"}
	s.Settings["io_method"] = with
	c, err := pgconfig.Render(large, pgconfig.OLTP, s)
	require.NoError(t, err)
	require.Equal(t, "io_uring", line(t, c, "io_method").Value)
	large.IOUring = false
	c, err = pgconfig.Render(large, pgconfig.OLTP, s)
	require.NoError(t, err)
	require.Equal(t, "worker", line(t, c, "io_method").Value)
	// What the server does not know is left out, and said.
	delete(s.Settings, "track_cost_delay_timing")
	c, err = pgconfig.Render(large, pgconfig.OLTP, s)
	require.NoError(t, err)
	require.Contains(t, c.Left, pgconfig.Left{Name: "track_cost_delay_timing", Reason: "this server does not know it"})
}

func TestBadInputIsNamed(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{pgconfig.Machine{Cores: 1, Disk: pgconfig.SSD}.Validate(), "memory: could not be read"},
		{pgconfig.Machine{MemoryBytes: 1 << 20, Cores: 1, Disk: pgconfig.SSD}.Validate(), "memory: must be from 256MB to 64TB, not 1MB"},
		{pgconfig.Machine{MemoryBytes: 1 << 30, Disk: pgconfig.SSD}.Validate(), "cores: must be from 1"},
		{pgconfig.Machine{MemoryBytes: 1 << 30, Cores: 1, Disk: "tape"}.Validate(), "disk: must be ssd, hdd or network"},
		{second(pgconfig.ParseBytes("16")), "memory: must be a whole number with"},
		{second(pgconfig.ParseBytes("-1GB")), "memory: must be a whole number with"},
		{second(pgconfig.ParseBytes("999999999999GB")), "memory: must be a whole number with"},
		{second(pgconfig.ParseProfile("fast")), "profile: must be oltp, mixed or bulk"},
		{second(pgconfig.ParseOverride("work_mem")), "set: must be NAME=VALUE"},
		{second(pgconfig.ParseOverride("a=b\nc=d")), "set: must be NAME=VALUE"},
	} {
		require.ErrorIs(t, c.err, fault.Invalid)
		require.Contains(t, c.err.Error(), c.want)
	}
	n, err := pgconfig.ParseBytes("16 gb")
	require.NoError(t, err)
	require.Equal(t, int64(16<<30), n)
	require.Equal(t, "16GB", pgconfig.Bytes(n))
}

func second[T any](_ T, err error) error { return err }

func TestThisMachineIsRead(t *testing.T) {
	m := pgconfig.Detect(t.TempDir())
	require.NoError(t, m.Validate())
	require.NotEmpty(t, m.Kernel)
	require.Positive(t, m.DiskFreeBytes)
}
