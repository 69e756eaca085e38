package pgtest

import (
	"testing"

	"go.uber.org/goleak"
)

// LeavesNothing notes which goroutines there are now. The function that it returns
// fails the test where there are others by then, but for those that ignored names. A
// read that pgx began beside a slow write is never one of them: it belongs to the
// connection, which is idle in its pool, and waits for the next answer.
func LeavesNothing(t testing.TB, ignored ...goleak.Option) (check func()) {
	ignored = append([]goleak.Option{
		goleak.IgnoreCurrent(),
		goleak.IgnoreAnyFunction("github.com/jackc/pgx/v5/pgconn/internal/bgreader.(*BGReader).bgRead"),
	}, ignored...)
	return func() {
		t.Helper()
		goleak.VerifyNone(t, ignored...)
	}
}
