package embedded

import "testing"

// NoUsualFolders makes this machine one where no package has put a PostgreSQL.
func NoUsualFolders(t *testing.T) {
	before := usualFolders
	usualFolders = func() []string { return nil }
	if t == nil { // in a process of its own
		return
	}
	t.Helper()
	t.Cleanup(func() { usualFolders = before })
}

// The version of the npm package, and its name on this platform.
const NPMVersion = npmVersion

// NPMPackage is the package for this platform.
var NPMPackage = npmPackage
