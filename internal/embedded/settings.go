package embedded

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

// settingsName is written at every start and included by postgresql.conf, so that
// what ALTER SYSTEM sets still wins over it.
const settingsName = "ovasabi.conf"

// oneMachine suits a server that shares its machine with the platform.
var oneMachine = map[string]string{
	"shared_preload_libraries":             "pg_stat_statements",
	"pg_stat_statements.track":             "all",
	"pg_stat_statements.track_utility":     "on",
	"max_connections":                      "200",
	"shared_buffers":                       "256MB",
	"work_mem":                             "16MB",
	"maintenance_work_mem":                 "256MB",
	"max_wal_size":                         "2GB",
	"effective_io_concurrency":             "32",
	"maintenance_io_concurrency":           "32",
	"random_page_cost":                     "1.1", // a disk without seeks
	"autovacuum_worker_slots":              "8",
	"autovacuum_vacuum_max_threshold":      "1000000",
	"vacuum_max_eager_freeze_failure_rate": "0.1",
	"track_io_timing":                      "on",
	"track_wal_io_timing":                  "on",
	"track_cost_delay_timing":              "on",
	"log_lock_failures":                    "on",
	"log_lock_waits":                       "on",
	"log_line_prefix":                      "%m [%p] %q%u@%d ",
	"log_timezone":                         "UTC",
	"timezone":                             "UTC",
	"password_encryption":                  "scram-sha-256",
}

// ephemeral settings give up every promise that only a crash would test.
var ephemeral = map[string]string{
	"fsync":              "off",
	"full_page_writes":   "off",
	"synchronous_commit": "off",
	"scram_iterations":   "1",
	"wal_level":          "minimal",
	"max_wal_senders":    "0",
	"checkpoint_timeout": "1h",
}

var settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)?$`)

// reserved settings are what this package promises, or needs to reach the server.
var reserved = []string{"listen_addresses", "port", "unix_socket_directories", "logging_collector", "log_destination", "data_directory", "hba_file"}

func checkSettings(settings map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		switch {
		case !settingName.MatchString(name):
			return fmt.Errorf("setting %q: not the name of a PostgreSQL setting", name)
		case slices.Contains(reserved, strings.ToLower(name)):
			return fmt.Errorf("setting %s: is fixed by the embedded server; start a PostgreSQL of your own to change it", name)
		case strings.ContainsAny(settings[name], "\n\r\x00"):
			return fmt.Errorf("setting %s: the value holds a line break or a NUL", name)
		}
	}
	return nil
}

func (f *dataFolder) writeSettings(o Options) error {
	all := maps.Clone(oneMachine)
	if o.Ephemeral {
		maps.Copy(all, ephemeral)
	}
	maps.Copy(all, o.Settings)
	var text strings.Builder
	text.WriteString("# Written at every start. To change a setting for good: ALTER SYSTEM SET name = value.\n")
	quote := strings.NewReplacer(`\`, `\\`, `'`, `''`)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&text, "%s = '%s'\n", name, quote.Replace(all[name]))
	}
	return f.inCluster(func(cluster *os.Root) error {
		if err := cluster.WriteFile(settingsName, []byte(text.String()), 0o600); err != nil {
			return err
		}
		if f.who.switched {
			return cluster.Lchown(settingsName, int(f.who.uid), int(f.who.gid))
		}
		return nil
	})
}

// inCluster does something to the cluster's files. As root that must not follow a
// link out of it, because the folder is in the hands of the server's user.
func (f *dataFolder) inCluster(do func(*os.Root) error) error {
	cluster, err := os.OpenRoot(f.cluster())
	if err != nil {
		return f.explain("open", err)
	}
	if err := errors.Join(do(cluster), cluster.Close()); err != nil {
		return f.explain("write to", err)
	}
	return nil
}
