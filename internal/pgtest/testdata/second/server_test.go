// Package second_test is run by the tests of pgtest, as one of two packages.
package second_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/ovasabi/ovasabi/internal/pgtest"
)

func TestSaysWhichServerItIsOn(t *testing.T) {
	db := pgtest.New(t, pgtest.Empty())
	var started string
	err := db.Owner(t).QueryRow(context.Background(), `SELECT pg_catalog.pg_postmaster_start_time()::text`).Scan(&started)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(os.Getenv("PGTEST_SAW"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintln(file, started); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}
