package pgtest

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/ovasabi/ovasabi/internal/embedded"
	"github.com/ovasabi/ovasabi/internal/schema"
)

// Folder returns a folder of the test's own that others may pass through. To
// t.TempDir they may not, among them the user whom PostgreSQL runs as when the
// tests run as root.
func Folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ovasabi-test-")
	if err != nil {
		t.Fatalf("make a folder of the test's own: %v", err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove the test's folder: %v", err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // to let others in is what it is for
		t.Fatalf("open the test's folder to others: %v", err)
	}
	return dir
}

// Own starts a PostgreSQL of the test's own, for what is about a whole server: its
// settings, its roles, its end. It takes seconds; a database of the server that
// tests share (New) takes milliseconds. Without a folder in the options it gets
// one. It is stopped with the test.
func Own(t testing.TB, o embedded.Options) *embedded.Server {
	t.Helper()
	if o.DataDir == "" {
		o.DataDir = filepath.Join(Folder(t), "data")
	}
	server, err := embedded.Start(context.WithoutCancel(t.Context()), o)
	if err != nil {
		t.Fatalf("start a PostgreSQL of the test's own: %v", err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("stop the test's PostgreSQL: %v", err)
		}
	})
	return server
}

// Durable starts a server of the test's own on which a commit waits for the disk,
// as in production and unlike on the server that tests share. It returns the
// addresses of a database with the newest schema, for the role that owns everything
// and for the application's.
func Durable(t testing.TB) (ownerURL, appURL string) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	s := Own(t, embedded.Options{Log: quiet})
	ownerURL = s.URL(s.Superuser(), "postgres")
	if err := schema.Up(t.Context(), ownerURL, schema.Latest(), schema.Options{Log: quiet}); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	if err := s.EnsureLogin(t.Context(), AppRole); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return ownerURL, s.URL(AppRole, "postgres")
}
