package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

var deployDir = filepath.Join("..", "..", "deploy")

// commandLine is one that a file of deploy/ starts the binary with.
type commandLine struct {
	file string
	args []string
	env  map[string]string
}

func readDeploy(t *testing.T, parts ...string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{deployDir}, parts...)...))
	require.NoError(t, err)
	return text
}

func inCompose(t *testing.T) (list []commandLine) {
	t.Helper()
	var compose struct {
		Services map[string]struct {
			Image       string
			Command     []string
			Environment map[string]string
			Healthcheck struct{ Test []string }
		}
	}
	require.NoError(t, yaml.Unmarshal(readDeploy(t, "compose", "compose.yaml"), &compose))
	for name, s := range compose.Services {
		if !strings.HasPrefix(s.Image, "${OVASABI_IMAGE") {
			continue
		}
		list = append(list, commandLine{"compose.yaml " + name, s.Command, s.Environment})
		if len(s.Healthcheck.Test) > 0 {
			require.Equal(t, []string{"CMD", "/usr/local/bin/ovasabi"}, s.Healthcheck.Test[:2])
			list = append(list, commandLine{"compose.yaml " + name + " health", s.Healthcheck.Test[2:], s.Environment})
		}
	}
	return list
}

func inKubernetes(t *testing.T) (list []commandLine) {
	t.Helper()
	for _, file := range []string{"deployment.yaml", "migrate.yaml", "maintain.yaml"} {
		decoder := yaml.NewDecoder(bytes.NewReader(readDeploy(t, "kubernetes", file)))
		for {
			var object struct {
				Spec struct {
					Template struct {
						Spec struct {
							Containers []struct {
								Image string
								Args  []string
								Env   []struct{ Name, Value string }
							}
						}
					}
				}
			}
			err := decoder.Decode(&object)
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			for _, c := range object.Spec.Template.Spec.Containers {
				require.Equal(t, "ovasabi", c.Image)
				env := map[string]string{}
				for _, e := range c.Env {
					env[e.Name] = e.Value
				}
				list = append(list, commandLine{file, c.Args, env})
			}
		}
	}
	return list
}

var assignment = regexp.MustCompile(`(?m)^([A-Z_]+)=(.*)$`)

func inSystemd(t *testing.T) (list []commandLine) {
	t.Helper()
	units, err := filepath.Glob(filepath.Join(deployDir, "systemd", "*.service"))
	require.NoError(t, err)
	for _, unit := range units {
		env := map[string]string{}
		var starts [][]string
		for line := range strings.Lines(string(readDeploy(t, "systemd", filepath.Base(unit)))) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			switch name {
			case "EnvironmentFile":
				for _, a := range assignment.FindAllStringSubmatch(string(readDeploy(t, "systemd", filepath.Base(value))), -1) {
					env[a[1]] = a[2]
				}
			case "Environment":
				for pair := range strings.FieldsSeq(value) {
					k, v, _ := strings.Cut(pair, "=")
					env[k] = v
				}
			case "ExecStart", "ExecStartPost":
				words := strings.Fields(value)
				require.Equal(t, "/usr/local/bin/ovasabi", words[0])
				starts = append(starts, words[1:])
			}
		}
		for _, args := range starts {
			list = append(list, commandLine{filepath.Base(unit), args, env})
		}
	}
	return list
}

var inImage = regexp.MustCompile(`(?m)^ENV (.*)$`)

func inDockerfile(t *testing.T) []commandLine {
	t.Helper()
	text := string(readDeploy(t, "Dockerfile"))
	env := map[string]string{"DATABASE_URL": "postgres://ovasabi_app@db/ovasabi"} // the image is given one
	for pair := range strings.FieldsSeq(inImage.FindStringSubmatch(text)[1]) {
		k, v, _ := strings.Cut(pair, "=")
		env[k] = v
	}
	require.Contains(t, text, `CMD ["/usr/local/bin/ovasabi", "ready"]`)
	require.Contains(t, text, "\nCMD [\"serve\"]\n")
	return []commandLine{{"Dockerfile", []string{"serve"}, env}, {"Dockerfile health", []string{"ready"}, env}}
}

// Flags, their values, and every variable of a file are such as the binary knows: a
// misspelt variable would be ignored without a word.
func TestEveryCommandLineInDeployIsOneThatTheBinaryTakes(t *testing.T) {
	list := slices.Concat(inCompose(t), inKubernetes(t), inSystemd(t), inDockerfile(t))
	require.GreaterOrEqual(t, len(list), 10)
	others := []string{"PGPASSFILE", "GOMEMLIMIT"} // pgx's and Go's own
	for _, line := range list {
		t.Run(line.file, func(t *testing.T) {
			for name, value := range line.env {
				t.Setenv(name, value)
			}
			var c cli
			parser, err := kong.New(&c, kong.Name("ovasabi"), kong.Exit(func(int) {}))
			require.NoError(t, err)
			chosen, err := parser.Parse(line.args)
			require.NoError(t, err)
			known := others
			for _, flag := range chosen.Flags() {
				known = append(known, flag.Envs...)
			}
			for name := range line.env {
				if !strings.HasPrefix(line.file, "Dockerfile") && chosen.Command() != "ready" {
					require.Contains(t, known, name, "%s does not know it", chosen.Command())
				}
			}
			if chosen.Command() == "serve" {
				require.NoError(t, c.Serve.Validate())
			}
		})
	}
}

var variable = regexp.MustCompile(`\b(?:OVASABI_[A-Z0-9_]+|DB_[A-Z0-9_]+)\b`)

// No page and no file of deploy/ speaks of a variable that is not there.
func TestEveryVariableInDeployIsOneOfTheBinary(t *testing.T) {
	parser, err := kong.New(new(cli), kong.Name("ovasabi"))
	require.NoError(t, err)
	known := map[string]bool{}
	var visit func(node *kong.Node)
	visit = func(node *kong.Node) {
		for _, flag := range node.Flags {
			for _, env := range flag.Envs {
				known[env] = true
			}
		}
		for _, child := range node.Children {
			visit(child)
		}
	}
	visit(parser.Model.Node)
	for _, name := range []string{"OVASABI_IMAGE", "OVASABI_PORT", "OVASABI_POSTGRESQL_CONF"} { // compose.yaml's own
		known[name] = true
	}
	seen := map[string]bool{}
	look := func(path string) {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, name := range variable.FindAllString(string(text), -1) {
			require.True(t, known[name], "%s speaks of %s", path, name)
			seen[name] = true
		}
	}
	require.NoError(t, filepath.WalkDir(deployDir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if slices.Contains([]string{".yaml", ".yml", ".md", ".env", ".service", ".sh", ".ini", ".conf", ".sql", ""}, filepath.Ext(path)) {
			look(path)
		}
		return nil
	}))
	require.Greater(t, len(slices.Collect(maps.Keys(seen))), 10)
}
