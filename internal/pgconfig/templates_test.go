package pgconfig_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/embedded"
	"github.com/ovasabi/ovasabi/internal/pgconfig"
)

var update = flag.Bool("update", false, "write deploy/postgresql/*.conf")

// The machines that deploy/postgresql has a file for.
var templates = map[string]struct {
	machine pgconfig.Machine
	profile pgconfig.Profile
}{
	"small.conf":  {pgconfig.Machine{MemoryBytes: 4 << 30, Cores: 2, Disk: pgconfig.SSD}, pgconfig.OLTP},
	"medium.conf": {pgconfig.Machine{MemoryBytes: 16 << 30, Cores: 4, Disk: pgconfig.SSD}, pgconfig.OLTP},
	"large.conf":  {pgconfig.Machine{MemoryBytes: 64 << 30, Cores: 16, Disk: pgconfig.SSD}, pgconfig.OLTP},
	"bulk.conf":   {pgconfig.Machine{MemoryBytes: 64 << 30, Cores: 16, Disk: pgconfig.SSD}, pgconfig.Bulk},
}

const templateHead = `# Made by: go test ./internal/pgconfig -run TestTheTemplates -update
# It is what ` + "`ovasabi config render`" + ` prints for such a machine. Render one for
# yours, which knows its memory, cores, disk and kernel.
#
`

// What the packages of postgresql.org, Debian and the official image are built with,
// and an embedded server may lack.
var packaged = map[string][]string{
	"io_method":                 {"sync", "worker", "io_uring"},
	"wal_compression":           {"pglz", "lz4", "zstd", "on", "off"},
	"default_toast_compression": {"pglz", "lz4"},
}

func TestTheTemplatesInDeployAreUpToDate(t *testing.T) {
	w := newWorld(t)
	s := read(t, w.connect(t))
	s.Version = "18"
	for name, enum := range packaged {
		set := s.Settings[name]
		set.Enum = enum
		s.Settings[name] = set
	}
	for name, c := range templates {
		config, err := pgconfig.Render(c.machine, c.profile, s)
		require.NoError(t, err)
		var text bytes.Buffer
		text.WriteString(templateHead)
		_, err = config.WriteTo(&text)
		require.NoError(t, err)
		path := filepath.Join("..", "..", "deploy", "postgresql", name)
		if *update {
			require.NoError(t, os.WriteFile(path, text.Bytes(), 0o644))
			continue
		}
		committed, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, text.String(), string(committed), "%s is stale: go test ./internal/pgconfig -run TestTheTemplates -update", name)
	}
}

var settingLine = regexp.MustCompile(`(?m)^([a-z_.]+) = '(.*)'$`)

// Each file is read by a real postgres, and the one that fits this machine serves.
func TestAServerTakesTheTemplatesInDeploy(t *testing.T) {
	w := newWorld(t)
	dir := filepath.Join(w.dir, "data", "postgresql")
	for name := range templates {
		text, err := os.ReadFile(filepath.Join("..", "..", "deploy", "postgresql", name))
		require.NoError(t, err)
		lines := settingLine.FindAllStringSubmatch(string(text), -1)
		require.Greater(t, len(lines), 25, name)
		settings := map[string]string{}
		for _, l := range lines {
			settings[l[1]] = l[2]
		}
		s := read(t, w.connect(t))
		for setting, value := range settings {
			if known := s.Settings[setting]; known.Type == "enum" && len(packaged[setting]) > 0 {
				require.Contains(t, packaged[setting], value, setting)
				if !slices.Contains(known.Enum, value) {
					delete(settings, setting) // this build lacks a library that the packages have
				}
			}
		}
		args := []string{"-C", "shared_buffers", "-D", dir}
		for setting, value := range settings {
			args = append(args, "-c", setting+"="+value)
		}
		out, err := postgres(w, args...).CombinedOutput()
		require.NoError(t, err, "%s: %s", name, out)
		if name != "small.conf" {
			continue
		}
		server, err := embedded.Start(t.Context(), embedded.Options{DataDir: filepath.Join(w.dir, "small"), Ephemeral: true, Settings: settings})
		require.NoError(t, err)
		require.NoError(t, server.Stop(t.Context()))
	}
}

func postgres(w *world, args ...string) *exec.Cmd {
	return exec.Command(filepath.Join(w.server.Installation().BinDir, "postgres"), args...)
}
