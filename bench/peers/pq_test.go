package peers_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/lib/pq"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
)

// pqPeer writes by unnest, the fastest that lib/pq has under row-level security:
// its COPY is refused there.
type pqPeer struct{ db *sql.DB }

func newPq(t testing.TB, db *pgtest.DB) peer {
	t.Helper()
	// The test server hashes passwords once, to log in fast; lib/pq refuses fewer than 4096 times.
	_, err := db.Owner(t).Exec(t.Context(), `SET scram_iterations = 4096; ALTER ROLE `+pgtest.AppRole+` PASSWORD '`+pgtest.Password+`'; RESET scram_iterations`)
	require.NoError(t, err)
	raw, err := sql.Open("postgres", db.AppURL+"&sslmode=disable")
	require.NoError(t, err)
	raw.SetMaxOpenConns(1)
	t.Cleanup(func() { require.NoError(t, raw.Close()) })
	return &pqPeer{raw}
}

func (p *pqPeer) within(ctx context.Context, fn func(tx *sql.Tx) error) error {
	tx, err := p.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it answers ErrTxDone
	if _, err := tx.ExecContext(ctx, setScope); err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

func (p *pqPeer) insert(ctx context.Context, notes []note) (ids []int64, err error) {
	err = p.within(ctx, func(tx *sql.Tx) error {
		for from := 0; from < len(notes); from += 1000 {
			part := notes[from:min(from+1000, len(notes))]
			if ids, err = p.insertPart(ctx, tx, part, ids); err != nil {
				return err
			}
		}
		return nil
	})
	return ids, err
}

func (p *pqPeer) insertPart(ctx context.Context, tx *sql.Tx, part []note, ids []int64) ([]int64, error) {
	var names, statuses, bodies []string
	var times []string
	var scores []int64
	for _, n := range part {
		names = append(names, n.name)
		statuses = append(statuses, n.status)
		times = append(times, n.createdAt.Format(time.RFC3339Nano))
		bodies = append(bodies, n.body)
		scores = append(scores, n.score)
	}
	rows, err := tx.QueryContext(ctx, `
		INSERT INTO ovasabi.bench_note (campaign_id, name, status, created_at, body, score)
		SELECT 1, u.*
		FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::bigint[]) AS u
		RETURNING id`, pq.Array(names), pq.Array(statuses), pq.Array(times), pq.Array(bodies), pq.Array(scores))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

func (p *pqPeer) read(ctx context.Context, name string) (id int64, body string, err error) {
	err = p.within(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT id, body FROM ovasabi.bench_note WHERE campaign_id = $1 AND name = $2`, 1, name).Scan(&id, &body)
	})
	return id, body, err
}
