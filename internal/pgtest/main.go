package pgtest

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// Main runs the tests of a package and fails where a goroutine is left at their
// end. Use it as
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
// It is not needed for the databases: [New] works without.
func Main(m *testing.M, options ...goleak.Option) {
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(options...); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest: goroutines are left after the tests:", err)
			code = 1
		}
	}
	os.Exit(code)
}
