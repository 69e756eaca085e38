package check

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

// project is what `docker compose config` makes of the files: compose itself reads them with this library.
func project(t *testing.T, files ...string) *types.Project {
	t.Helper()
	for i := range files {
		files[i] = filepath.Join(dir, "compose", files[i])
	}
	options, err := cli.NewProjectOptions(files, cli.WithResolvedPaths(true), cli.WithConsistency(true))
	require.NoError(t, err)
	p, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	return p
}

var secretOf = regexp.MustCompile(`/run/secrets/([a-z_]+)`)

func TestComposeReadsItsFiles(t *testing.T) {
	p := project(t, "compose.yaml")
	require.ElementsMatch(t, []string{"postgres", "migrate", "maintain", "pgbouncer", "ovasabi", "prometheus", "grafana"}, p.ServiceNames())
	for name, s := range p.Services {
		for _, port := range s.Ports {
			require.Equal(t, "127.0.0.1", port.HostIP, "%s publishes %s to everybody", name, port.Published)
		}
		require.Contains(t, s.SecurityOpt, "no-new-privileges:true", name)
		require.False(t, s.Privileged, name)
		require.NotEqual(t, "host", s.NetworkMode, name)
		require.Contains(t, s.Image, ":", "%s must name a version", name)
		require.NotContains(t, s.Image, ":latest", name)
		if name != "migrate" && name != "maintain" { // one ends by itself, one listens nowhere
			require.NotNil(t, s.HealthCheck, name)
			require.NotEmpty(t, s.HealthCheck.Test, name)
			require.Equal(t, "unless-stopped", s.Restart, name)
		}
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeBind {
				_, err := os.Stat(v.Source)
				require.NoError(t, err, name)
			}
		}
		for variable, value := range s.Environment {
			require.NotRegexp(t, `://[^@/]*:[^@/]+@`, *value, "a password in %s of %s", variable, name)
		}
		// A secret that is read is given, and one that is given is read.
		var given []string
		for _, secret := range s.Secrets {
			if secret.Target == "" || strings.HasPrefix(secret.Target, "/run/secrets/") {
				given = append(given, secret.Source)
			}
		}
		text := strings.Join(s.Command, " ")
		for _, value := range s.Environment {
			text += " " + *value
		}
		for _, v := range s.Volumes {
			if content, err := os.ReadFile(v.Source); err == nil {
				text += string(content)
			}
		}
		var asked []string
		for _, found := range secretOf.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(asked, found[1]) {
				asked = append(asked, found[1])
			}
		}
		if name == "postgres" { // passwords.sh reads one for each role
			asked = append(asked, "owner_password", "app_password", "monitor_password")
		}
		require.ElementsMatch(t, given, asked, name)
	}
	for name, secret := range p.Secrets {
		require.NotEmpty(t, secret.File, name)
		require.Contains(t, string(read(t, "compose", ".gitignore")), "/secrets/")
		require.Equal(t, filepath.Join(dirAbs(t), "compose", "secrets"), filepath.Dir(secret.File))
	}
}

func dirAbs(t *testing.T) string {
	t.Helper()
	abs, err := filepath.Abs(dir)
	require.NoError(t, err)
	return abs
}

func TestComposeWithIOUring(t *testing.T) {
	p := project(t, "compose.yaml", "compose.io_uring.yaml")
	postgres := p.Services["postgres"]
	require.Contains(t, postgres.Command, "io_method=io_uring")
	require.Contains(t, postgres.SecurityOpt, "no-new-privileges:true")
	i := slices.IndexFunc(postgres.SecurityOpt, func(o string) bool { return strings.HasPrefix(o, "seccomp=") })
	require.GreaterOrEqual(t, i, 0)
	var profile struct {
		DefaultAction string
		Syscalls      []struct {
			Names  []string
			Action string
		}
	}
	require.NoError(t, json.Unmarshal(read(t, "compose", filepath.Base(strings.TrimPrefix(postgres.SecurityOpt[i], "seccomp="))), &profile))
	var denied []string
	for _, s := range profile.Syscalls {
		require.Equal(t, "SCMP_ACT_ERRNO", s.Action)
		denied = append(denied, s.Names...)
	}
	require.NotContains(t, strings.Join(denied, " "), "io_uring")
	for _, name := range []string{"mount", "unshare", "setns", "bpf", "ptrace", "keyctl", "kexec_load", "init_module", "userfaultfd", "perf_event_open", "clone3"} {
		require.Contains(t, denied, name)
	}
}
