package main

import (
	"testing"

	"github.com/ovasabi/ovasabi/internal/embedded"
	"github.com/ovasabi/ovasabi/internal/pgtest"
)

func migratedDatabase(t *testing.T) *pgtest.DB {
	t.Helper()
	return pgtest.New(t)
}

// ownServer is a PostgreSQL that this test alone uses: `up` sets passwords of
// roles, which all databases of a server share.
func ownServer(t *testing.T) string {
	t.Helper()
	return pgtest.Own(t, embedded.Options{Ephemeral: true, Superuser: "somebody"}).URL("somebody", "postgres")
}

func emptyDatabase(t *testing.T) string {
	t.Helper()
	return pgtest.New(t, pgtest.Empty()).OwnerURL
}
