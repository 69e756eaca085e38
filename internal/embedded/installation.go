package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Major is the only major version of PostgreSQL that this package runs.
const Major = 18

// An Installation is a PostgreSQL that can be run on this machine.
type Installation struct {
	BinDir  string // the folder of initdb and postgres, absolute
	Version string // as the server says it, such as "18.4"
	Origin  string // how it was found, such as "OVASABI_PG_BIN"
}

// probeTimeout bounds "postgres --version", which answers within milliseconds.
const probeTimeout = 20 * time.Second

// requiredExtensions are used by the platform's schema and monitoring. They come
// with PostgreSQL's own sources, but some distributions package them apart.
var requiredExtensions = []string{"pg_stat_statements", "btree_gin"}

// probe reads the version of the PostgreSQL in dir, as the user who will run it.
func probe(ctx context.Context, dir string, who account) (Installation, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Installation{}, fmt.Errorf("resolve %s: %w", dir, err)
	}
	for _, program := range []string{"postgres", "initdb"} {
		if _, err := os.Stat(filepath.Join(abs, executable(program))); err != nil {
			if errors.Is(err, os.ErrNotExist) {
				return Installation{}, fmt.Errorf("%s holds no %s", abs, program)
			}
			return Installation{}, fmt.Errorf("look for %s: %w", program, err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	cmd := command(ctx, who, filepath.Join(abs, executable("postgres")), "--version")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return Installation{}, fmt.Errorf("%s cannot be run%s: %w%s", cmd.Path, who.as(), err, indent(out))
	}
	version, major, err := parseVersion(string(out))
	if err != nil {
		return Installation{}, fmt.Errorf("%s: %w", cmd.Path, err)
	}
	if major != Major {
		return Installation{}, &versionError{dir: abs, version: version}
	}
	if missing := missingExtensions(ctx, abs); len(missing) > 0 {
		return Installation{}, fmt.Errorf("%s is PostgreSQL %s without the extension %s: install the contrib package that belongs to it",
			abs, version, strings.Join(missing, ", "))
	}
	return Installation{BinDir: abs, Version: version}, nil
}

// versionError says that a PostgreSQL of another major version was met.
type versionError struct{ dir, version string }

func (e *versionError) Error() string {
	return fmt.Sprintf("%s is PostgreSQL %s, and %d is needed", e.dir, e.version, Major)
}

// parseVersion reads "postgres (PostgreSQL) 18.4 (Debian 18.4-1)" and "… 18beta1".
func parseVersion(out string) (string, int, error) {
	_, rest, found := strings.Cut(strings.TrimSpace(out), "(PostgreSQL) ")
	if !found {
		return "", 0, fmt.Errorf("does not say which PostgreSQL it is, but %q", firstLine(out))
	}
	version, _, _ := strings.Cut(rest, " ")
	digits := version
	if i := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		digits = version[:i]
	}
	major, err := strconv.Atoi(digits)
	if err != nil {
		return "", 0, fmt.Errorf("says a version that cannot be read: %q", firstLine(out))
	}
	return version, major, nil
}

// missingExtensions looks for the control files of the extensions. Where the
// folder of the extensions cannot be told it reports nothing: the server's own
// error at the start is then the first to know.
func missingExtensions(ctx context.Context, bin string) []string {
	folder := extensionFolder(ctx, bin)
	if folder == "" {
		return nil
	}
	var missing []string
	for _, name := range requiredExtensions {
		if _, err := os.Stat(filepath.Join(folder, name+".control")); errors.Is(err, os.ErrNotExist) {
			missing = append(missing, name)
		}
	}
	return missing
}

func extensionFolder(ctx context.Context, bin string) string {
	root := filepath.Dir(bin)
	candidates := []string{
		filepath.Join(root, "share", "postgresql", "extension"),
		filepath.Join(root, "share", "extension"),
		fmt.Sprintf("/usr/share/postgresql/%d/extension", Major), // Debian keeps it apart from bin
	}
	config := filepath.Join(bin, executable("pg_config"))
	if out, err := exec.CommandContext(ctx, config, "--sharedir").Output(); err == nil { //nolint:gosec // the program stands beside the postgres that is to be run
		candidates = append([]string{filepath.Join(strings.TrimSpace(string(out)), "extension")}, candidates...)
	}
	for _, folder := range candidates {
		// plpgsql is always there: a folder without it is not this server's.
		if _, err := os.Stat(filepath.Join(folder, "plpgsql.control")); err == nil {
			return folder
		}
	}
	return ""
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// indent prepares what a program printed for the end of an error message.
func indent(out []byte) string {
	text := strings.TrimSpace(string(out))
	if text == "" {
		return ""
	}
	const longest = 2000
	if len(text) > longest {
		text = "…" + text[len(text)-longest:]
	}
	return "\n    " + strings.ReplaceAll(text, "\n", "\n    ")
}
