package pgtest

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Pool opens a pool of at most so many connections, which ends with the test. Where
// there is one, what it holds and what goes over it can be counted. configure may
// change more of the pool before it is opened, and may be nil.
func Pool(t testing.TB, url string, most int32, configure func(*pgxpool.Config)) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	config.MaxConns = most
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
