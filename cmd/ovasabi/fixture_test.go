package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/embedded"
	"github.com/ovasabi/ovasabi/internal/pgtest"
)

func migratedDatabase(t *testing.T) *pgtest.DB {
	t.Helper()
	return pgtest.New(t)
}

// openFolder is a folder that PostgreSQL's user may enter, which t.TempDir is not.
func openFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ovasabi-test-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o711))
	return dir
}

// ownServer is a PostgreSQL that this test alone uses: `up` sets passwords of
// roles, which all databases of a server share.
func ownServer(t *testing.T) string {
	t.Helper()
	server, err := embedded.Start(context.Background(), embedded.Options{DataDir: filepath.Join(openFolder(t), "data"), Ephemeral: true, Superuser: "somebody"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop(context.Background())) })
	return server.URL("somebody", "postgres")
}

func emptyDatabase(t *testing.T) string {
	t.Helper()
	return pgtest.New(t, pgtest.Empty()).OwnerURL
}
