package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// CacheDirVariable is the environment variable that names the cache.
const CacheDirVariable = "OVASABI_CACHE"

// DefaultCacheDir is $OVASABI_CACHE, or ovasabi in the user's cache folder. For
// root it is /var/cache/ovasabi, because the server runs under another user, who
// may not enter root's home.
func DefaultCacheDir() (string, error) {
	if dir := os.Getenv(CacheDirVariable); dir != "" {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return "", fmt.Errorf("%s=%s: %w", CacheDirVariable, dir, err)
		}
		return abs, nil
	}
	if os.Geteuid() == 0 {
		return "/var/cache/ovasabi", nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no folder for a cache is known (%w): set %s", err, CacheDirVariable)
	}
	return filepath.Join(dir, "ovasabi"), nil
}

// DefaultDataDir is ovasabi in the user's data folder ($XDG_DATA_HOME, or
// ~/.local/share; ~/Library/Application Support on macOS; %LocalAppData% on
// Windows). For root it is /var/lib/ovasabi: see [DefaultCacheDir].
func DefaultDataDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/lib/ovasabi", nil
	}
	switch runtime.GOOS {
	case "windows":
		if dir := os.Getenv("LocalAppData"); dir != "" {
			return filepath.Join(dir, "ovasabi"), nil
		}
		return "", errors.New("no folder for data is known: %LocalAppData% is not set; name one with --data")
	case "darwin":
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("no folder for data is known (%w): name one with --data", err)
		}
		return filepath.Join(home, "Library", "Application Support", "ovasabi"), nil
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "ovasabi"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no folder for data is known (%w): name one with --data", err)
	}
	return filepath.Join(home, ".local", "share", "ovasabi"), nil
}

// makeReadableFolder makes a folder, and those above it that are not there, so
// that every user may enter and read them whatever root's umask is.
func makeReadableFolder(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := makeReadableFolder(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) { //nolint:gosec // public programs, no secrets
		return fmt.Errorf("make the folder %s: %w", dir, err)
	}
	if os.Geteuid() != 0 {
		return nil
	}
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // the server's user must read it
		return fmt.Errorf("make the folder readable: %w", err)
	}
	return nil
}
