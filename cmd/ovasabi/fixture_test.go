package main

import (
	"testing"

	"github.com/ovasabi/ovasabi/internal/pgtest"
)

func migratedDatabase(t *testing.T) *pgtest.DB {
	t.Helper()
	return pgtest.New(t)
}

func emptyDatabase(t *testing.T) string {
	t.Helper()
	return pgtest.New(t, pgtest.Empty()).OwnerURL
}
