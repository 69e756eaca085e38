package schema

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// verifyAndSwitch compares table and copy and then exchanges them. A write and
// its repetition in the copy commit together, so that in any one snapshot the two
// are equal: each batch is one statement, and traffic does not disturb it.
func (mv *move) verifyAndSwitch(ctx context.Context) error {
	different := fmt.Sprintf(`
    SELECT count(*) AS rows, count(*) FILTER (WHERE c.id IS NULL OR ROW(%s)::record OPERATOR(pg_catalog.*<>) ROW(%s)::record) AS amiss
    FROM ONLY %%s AS t
    LEFT JOIN %s AS c ON c.campaign_id = t.campaign_id AND c.id = t.id
    WHERE t.ctid >= '(%%d,0)'::tid
      AND t.ctid < '(%%d,0)'::tid
`, mv.table.columnList("t."), mv.table.columnList("c."), qualified(nextSchema, mv.table.name))
	extra := fmt.Sprintf(`
    SELECT count(*) AS rows, count(*) FILTER (WHERE t.id IS NULL) AS amiss
    FROM ONLY %%s AS c
    LEFT JOIN %s AS t ON t.campaign_id = c.campaign_id AND t.id = c.id
    WHERE c.ctid >= '(%%d,0)'::tid
      AND c.ctid < '(%%d,0)'::tid
`, qualified("ovasabi", mv.table.name))
	err := mv.each(ctx, []string{"table", "copy"}, func(ctx context.Context, conn *pgx.Conn, side string) error {
		// One look-up a row, by the key: a hash join would read the whole other side for each batch.
		for _, off := range []string{"enable_hashjoin", "enable_mergejoin"} {
			if _, err := conn.Exec(ctx, "SET "+off+" = off"); err != nil {
				return err
			}
		}
		if side == "table" {
			return mv.on(conn).pages(ctx, side, "ovasabi", "verifying every row", different)
		}
		return mv.on(conn).pages(ctx, side, nextSchema, "verifying that there is no other", extra)
	})
	if err != nil {
		return err
	}
	return mv.exchange(ctx)
}

// exchangeSQL gives the copy the table's place and name. Its first statement is the
// lock; whoever waits at it finds the copy by its name when it is released.
func (mv *move) exchangeSQL() []string {
	table, next := qualified("ovasabi", mv.table.name), qualified(nextSchema, mv.table.name)
	statements := []string{
		"LOCK TABLE " + table + " IN ACCESS EXCLUSIVE MODE",
		"LOCK TABLE " + next + " IN ACCESS EXCLUSIVE MODE",
	}
	for _, drop := range untriggerSQL {
		statements = append(statements, fmt.Sprintf(drop, table))
	}
	if mv.table.sequence != "" {
		statements = append(statements, fmt.Sprintf(
			"SELECT pg_catalog.setval(pg_catalog.pg_get_serial_sequence('%s', 'id'), last_value, is_called) FROM %s", next, mv.table.sequence))
	}
	if mv.table.forced {
		statements = append(statements, "ALTER TABLE "+next+" FORCE ROW LEVEL SECURITY")
	}
	for _, leaf := range append([]string{mv.table.name}, mv.table.partitions...) {
		statements = append(statements, "ALTER TABLE "+qualified("ovasabi", leaf)+" SET SCHEMA "+oldSchema)
	}
	for _, leaf := range append([]string{mv.table.name}, partitionNames(mv.table.name, mv.partitions)...) {
		statements = append(statements, "ALTER TABLE "+qualified(nextSchema, leaf)+" SET SCHEMA ovasabi")
	}
	return append(statements, fmt.Sprintf("UPDATE ovasabi.schema_move SET stage = '%s'", stageSwitched))
}

func (mv *move) exchange(ctx context.Context) error {
	statements := mv.exchangeSQL()
	var held time.Duration
	err := mv.inTx(ctx, "switching", func(tx pgx.Tx) error {
		if err := execAll(ctx, tx, statements[0]); err != nil {
			return err
		}
		locked := time.Now()
		err := execAll(ctx, tx, statements[1:]...)
		held = time.Since(locked)
		return err
	})
	if err != nil {
		return err
	}
	mv.state.Stage = stageSwitched
	mv.o.Progress(fmt.Sprintf("%s: switched, the lock was held for %s", mv.table.name, held.Round(time.Millisecond)))
	return nil
}

// clean drops the old table, which nobody can name any more.
func (mv *move) clean(ctx context.Context) error {
	return mv.inTx(ctx, "dropping the old table", func(tx pgx.Tx) error {
		return execAll(ctx, tx,
			"DROP SCHEMA IF EXISTS "+oldSchema+", "+nextSchema+" CASCADE",
			"DELETE FROM ovasabi.schema_move",
			"DELETE FROM ovasabi.schema_move_source",
		)
	})
}

// abandon undoes a move before its switch; the table was never anything else than whole.
func (mv *move) abandon(ctx context.Context) error {
	return mv.inTx(ctx, "undoing the move", func(tx pgx.Tx) error {
		for _, drop := range untriggerSQL {
			if err := execAll(ctx, tx, fmt.Sprintf(drop, qualified("ovasabi", mv.state.Table))); err != nil {
				return err
			}
		}
		return execAll(ctx, tx,
			"DROP SCHEMA IF EXISTS "+nextSchema+", "+oldSchema+" CASCADE",
			"DELETE FROM ovasabi.schema_move",
			"DELETE FROM ovasabi.schema_move_source",
		)
	})
}
