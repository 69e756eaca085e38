package pgtest

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Single opens a pool of one connection, which ends with the test: what a
// connection holds, and what goes over it, can be counted. configure may change
// more of the pool before it is opened, and may be nil.
func Single(t testing.TB, url string, configure func(*pgxpool.Config)) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	config.MaxConns = 1
	if configure != nil {
		configure(config)
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(pool.Close)
	return pool
}
