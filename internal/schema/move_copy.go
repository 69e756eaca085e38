package schema

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// source is a table on disk whose pages are gone through from the first to the last.
type source struct {
	Name     string
	Filenode int64
	Blocks   int64
	Next     int64
}

const (
	// batchTime is how long a batch should take: it holds row locks, for which only a
	// writer waits who deletes one of its rows or changes a key.
	batchTime = 200 * time.Millisecond
	// batchPatience is how long a batch waits for a writer's row. It is shorter than
	// deadlock_timeout, so that it is never the writer who is chosen to fail.
	batchPatience = "200ms"
	firstBatch    = 32   // pages
	largestBatch  = 2048 // pages
)

// recordSources writes down what there is to go through: side "table" when rows
// are copied or compared from it, side "copy" when the copy's own rows are looked for.
func recordSources(ctx context.Context, tx pgx.Tx, side, schema string, leaves []string) error {
	for _, leaf := range leaves {
		_, err := tx.Exec(ctx, `
INSERT INTO ovasabi.schema_move_source (side, source, filenode, blocks)
SELECT $1, $2, pg_catalog.pg_relation_filenode(c.oid)::bigint, pg_catalog.pg_relation_size(c.oid) / current_setting('block_size')::bigint
FROM pg_catalog.pg_class AS c
WHERE c.oid = $3::text::regclass
ON CONFLICT (side, source) DO UPDATE
SET filenode = excluded.filenode, blocks = excluded.blocks, next_block = 0`, side, leaf, qualified(schema, leaf))
		if err != nil {
			return err
		}
	}
	return nil
}

// pages goes through the pages of a side in short batches. A batch is one
// statement, and keeps the place reached as it works: nothing is done twice or left
// out wherever a kill falls. A table that was rewritten meanwhile (VACUUM FULL,
// CLUSTER) has its rows elsewhere, and is begun again.
//
// text is a query over the rows of one leaf, with its name, the first page and the
// one after the last; it returns how many rows it saw and how many of them are amiss.
func (mv *move) pages(ctx context.Context, side, schema, what, text string) error {
	if _, err := mv.conn.Exec(ctx, "SET lock_timeout = '"+batchPatience+"'"); err != nil {
		return err
	}
	defer mv.conn.Exec(context.WithoutCancel(ctx), "RESET lock_timeout") //nolint:errcheck // where the connection is lost, so is the setting
	rows, err := mv.conn.Query(ctx, `SELECT source, filenode, blocks, next_block FROM ovasabi.schema_move_source WHERE side = $1 ORDER BY source`, side)
	if err != nil {
		return err
	}
	sources, err := pgx.CollectRows(rows, pgx.RowToStructByPos[source])
	if err != nil {
		return err
	}
	tell := newTeller(mv.o.Progress, mv.state.Table+": "+what)
	for _, s := range sources {
		tell.total += s.Blocks
		tell.done += s.Next
	}
	size := int64(firstBatch)
	for _, s := range sources {
		for s.Next < s.Blocks {
			if err := mv.checkpoint(ctx, what); err != nil {
				return err
			}
			begun, from := time.Now(), s.Next
			var n int64
			err := mv.retry(ctx, mv.state.Table+": "+what, func() error {
				n, err = mv.batch(ctx, side, qualified(schema, s.Name), text, &s, size)
				return err
			})
			if err != nil {
				return err
			}
			size = nextSize(size, time.Since(begun))
			tell.at(s.Next-from, n)
		}
	}
	tell.end()
	return nil
}

// nextSize is the number of pages for the next batch, when the last one took so long.
func nextSize(size int64, took time.Duration) int64 {
	switch {
	case took < batchTime/2:
		return min(2*size, largestBatch)
	case took > 2*batchTime:
		return max(size/2, 1)
	default:
		return size
	}
}

// batch goes through the next pages of a source, and moves it on.
func (mv *move) batch(ctx context.Context, side, leaf, text string, s *source, size int64) (rows int64, err error) {
	next := min(s.Next+size, s.Blocks)
	var amiss, filenode, blocks int64
	err = mv.conn.QueryRow(ctx, `
WITH RECURSIVE seen AS (`+fmt.Sprintf(text, leaf, s.Next, next)+`),
kept AS (
    UPDATE ovasabi.schema_move_source AS s
    SET next_block = $3
    FROM seen
    WHERE s.side = $1
      AND s.source = $2
      AND s.filenode = pg_catalog.pg_relation_filenode($4::text::regclass)::bigint
      AND seen.amiss = 0
)
SELECT
    seen.rows,
    seen.amiss,
    pg_catalog.pg_relation_filenode($4::text::regclass)::bigint,
    pg_catalog.pg_relation_size($4::text::regclass) / current_setting('block_size')::bigint
FROM seen`, side, s.Name, next, leaf).Scan(&rows, &amiss, &filenode, &blocks)
	switch {
	case err != nil:
		return 0, err
	case filenode != s.Filenode:
		s.Filenode, s.Blocks, s.Next = filenode, blocks, 0
		_, err = mv.conn.Exec(ctx, `UPDATE ovasabi.schema_move_source SET filenode = $3, blocks = $4, next_block = 0 WHERE side = $1 AND source = $2`, side, s.Name, filenode, blocks)
		return 0, err
	case amiss > 0:
		return 0, fault.New(fault.Internal, "%s: %d rows in pages %d to %d of %s differ between the table and its copy: nothing was switched; undo the move with migrate down and report this", mv.table.name, amiss, s.Next, next-1, leaf)
	}
	s.Next = next
	return rows, nil
}

// copyRows copies what was there before the triggers were. A row that a trigger
// has carried already is newer and stays. FOR KEY SHARE holds off who would delete
// a row between the reading and the writing of it: its deletion is carried after.
func (mv *move) copyRows(ctx context.Context) error {
	return mv.pages(ctx, "table", "ovasabi", "copying rows", mv.copyBatchSQL())
}

func (mv *move) copyBatchSQL() string {
	return fmt.Sprintf(`
    SELECT count(*) AS rows, 0 AS amiss
    FROM copied
),
copied AS (
    INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE
    SELECT %s
    FROM ONLY %%s AS t
    WHERE t.ctid >= '(%%d,0)'::tid
      AND t.ctid < '(%%d,0)'::tid
    FOR KEY SHARE
    ON CONFLICT (%s) DO NOTHING
    RETURNING 1
`, qualified(nextSchema, mv.table.name), mv.table.columnList(""), mv.table.columnList("t."), key)
}

// teller tells progress at most once in two seconds.
type teller struct {
	progress          func(string)
	what              string
	total, done, rows int64
	begun, last       time.Time
}

func newTeller(progress func(string), what string) *teller {
	now := time.Now()
	return &teller{progress: progress, what: what, begun: now, last: now}
}

func (t *teller) at(done, rows int64) {
	t.done += done
	t.rows += rows
	if time.Since(t.last) < 2*time.Second {
		return
	}
	t.last = time.Now()
	t.progress(fmt.Sprintf("%s: %d%% (%d rows, %s rows/s)", t.what, min(100*t.done/max(t.total, 1), 100), t.rows, t.rate()))
}

func (t *teller) end() {
	t.progress(fmt.Sprintf("%s: done (%d rows, %s rows/s)", t.what, t.rows, t.rate()))
}

func (t *teller) rate() string {
	return strconv.FormatInt(int64(float64(t.rows)/max(time.Since(t.begun).Seconds(), 0.001)), 10)
}
