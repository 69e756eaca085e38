package check

import (
	"bytes"
	"debug/elf"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/stretchr/testify/require"
)

// stages reads a Dockerfile with BuildKit's own parser.
func stages(t *testing.T, parts ...string) []instructions.Stage {
	t.Helper()
	ast, err := parser.Parse(bytes.NewReader(read(t, parts...)))
	require.NoError(t, err)
	require.Empty(t, ast.Warnings)
	list, _, err := instructions.Parse(ast.AST, nil)
	require.NoError(t, err)
	return list
}

func commands[T instructions.Command](s instructions.Stage) (found []T) {
	for _, c := range s.Commands {
		if one, ok := c.(T); ok {
			found = append(found, one)
		}
	}
	return found
}

func TestTheImageIsSmallAndRunsAsNobody(t *testing.T) {
	list := stages(t, "Dockerfile")
	require.Len(t, list, 2)
	build, last := list[0], list[1]
	module, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	language := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(module))[1]
	require.Equal(t, "golang:"+language+"-trixie", build.BaseName, "the Go of the image is that of go.mod")
	require.Equal(t, "gcr.io/distroless/static-debian13:nonroot", last.BaseName)
	require.Empty(t, commands[*instructions.RunCommand](last), "there is no shell to run anything")
	users := commands[*instructions.UserCommand](last)
	require.Len(t, users, 1)
	require.Equal(t, "65532:65532", users[0].User)
	copies := commands[*instructions.CopyCommand](last)
	require.Len(t, copies, 1)
	entry := commands[*instructions.EntrypointCommand](last)
	require.Equal(t, []string{copies[0].DestPath}, []string(entry[0].CmdLine))

	pooler := stages(t, "pgbouncer", "Dockerfile")
	require.Len(t, pooler, 1)
	require.Equal(t, "postgres", commands[*instructions.UserCommand](pooler[0])[0].User)
}

// The binary stands alone: no loader, no libraries.
func TestTheImagesBinaryIsStatic(t *testing.T) {
	binary := platform(t)
	if runtime.GOOS == "linux" {
		file, err := elf.Open(binary)
		require.NoError(t, err)
		defer file.Close()
		for _, p := range file.Progs {
			require.NotEqual(t, elf.PT_INTERP, p.Type, "it asks for a loader")
		}
		libraries, err := file.ImportedLibraries()
		require.NoError(t, err)
		require.Empty(t, libraries)
	}
	out, err := exec.Command(binary, "version").Output()
	require.NoError(t, err)
	require.Contains(t, string(out), "ovasabi ")
}

var build struct {
	once   sync.Once
	binary string
	err    error
	out    []byte
}

// platform builds ovasabi as the Dockerfile does: from what .dockerignore leaves, with
// the Dockerfile's own command.
func platform(t *testing.T) string {
	t.Helper()
	build.once.Do(func() {
		runs := commands[*instructions.RunCommand](stages(t, "Dockerfile")[0])
		require.Len(t, runs, 2)
		where, err := os.MkdirTemp("", "ovasabi-image-")
		require.NoError(t, err)
		cleanup = append(cleanup, func() { _ = os.RemoveAll(where) })
		require.NoError(t, os.Chmod(where, 0o755))
		copyTree(t, filepath.Join(where, "src"))
		build.binary = filepath.Join(where, "ovasabi")
		text := strings.Join(runs[1].CmdLine, " ")
		require.Contains(t, text, "/out/ovasabi")
		sh := exec.Command("sh", "-c", strings.Replace(text, "/out/ovasabi", build.binary, 1))
		sh.Dir = filepath.Join(where, "src")
		sh.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false")
		build.out, build.err = sh.CombinedOutput()
	})
	require.NoError(t, build.err, "%s", build.out)
	return build.binary
}

// copyTree copies what the build's context holds.
func copyTree(t *testing.T, to string) {
	t.Helper()
	file, err := os.Open(filepath.Join(root, ".dockerignore"))
	require.NoError(t, err)
	defer file.Close()
	patterns, err := ignorefile.ReadAll(file)
	require.NoError(t, err)
	matcher, err := patternmatcher.New(patterns)
	require.NoError(t, err)
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil || rel == "." {
			return err
		}
		ignored, err := matcher.MatchesOrParentMatches(rel)
		if err != nil {
			return err
		}
		if ignored {
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		target := filepath.Join(to, rel)
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, text, 0o644)
	}))
}
